// SPDX-License-Identifier: MIT
// The loss in the plane of u₁ and u₂ as a heat map, with a slider over the steps that have one.
#pragma once

#include <string>
#include <vector>

#include "tools/report/run.h"

namespace brink::report {

/// <figure> with a slider; empty if no slice has a plane. index: of the run on the page.
std::string render_planes(const std::vector<Slice>& slices, int index, int heading);

}  // namespace brink::report
