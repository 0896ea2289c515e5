// SPDX-License-Identifier: MIT
// Tensors by name, and the parameters inside a vector of a layout as such.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autodiff/parameters.h"
#include "kernels/view.h"

namespace brink {

struct NamedView {
  std::string name;
  View view;
};

/// The parameters inside a vector of the layout, in its order; each name begins with `prefix`.
inline std::vector<NamedView> named_parameters(const ParameterLayout& layout, const View& vector,
                                               std::string_view prefix = "") {
  std::vector<NamedView> out;
  for (int i = 0; i < layout.size(); ++i) out.push_back({std::string(prefix) + layout[i].name, layout.view(vector, i)});
  return out;
}

}  // namespace brink
