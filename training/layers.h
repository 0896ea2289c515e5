// SPDX-License-Identifier: MIT
// The parameters of a network by layer: consecutive ones whose names are equal up to the last full stop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autodiff/parameters.h"

namespace brink {

struct Layer {
  std::string name;               ///< "block0.conv1"
  int first = 0, end = 0;         ///< parameters of the layout
  std::int64_t from = 0, to = 0;  ///< elements of its vectors, gaps included
  std::int64_t count = 0;         ///< parameters, that is numbers
};

inline std::vector<Layer> layers_of(const ParameterLayout& layout) {
  std::vector<Layer> out;
  for (int i = 0; i < layout.size(); ++i) {
    const Parameter& p = layout[i];
    const std::string name = p.name.substr(0, p.name.rfind('.'));
    if (out.empty() || out.back().name != name) out.push_back({name, i, i, p.offset, p.offset, 0});
    out.back().end = i + 1;
    out.back().to = i + 1 < layout.size() ? layout[i + 1].offset : layout.extent();
    out.back().count += p.shape.elements();
  }
  return out;
}

}  // namespace brink
