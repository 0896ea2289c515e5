// SPDX-License-Identifier: MIT
// How this brink was built and what it runs on, as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace brink {

struct BuildInfo {
  std::string_view version, compiler, flags, build_type;
  std::vector<std::string_view> instruction_sets;  // compiled in
};
const BuildInfo& build_info();

/// The model name that the operating system states, or "unknown".
std::string processor_name();

}  // namespace brink
