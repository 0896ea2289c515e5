// SPDX-License-Identifier: MIT
// The folder with official data sets and reference values, which a clone does not have.
#pragma once

#include <cstdlib>
#include <string>

namespace support {

/// BRINK_SHARED, or the folder `shared` beside the source tree.
inline std::string shared_folder() {
  const char* given = std::getenv("BRINK_SHARED");
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  return given ? given : std::string(root ? root : ".") + "/../shared";
}

}  // namespace support
