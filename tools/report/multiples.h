// SPDX-License-Identifier: MIT
// Small charts of λ₁, one a run on common axes, for more runs than one chart can hold apart.
#pragma once

#include <span>
#include <string>

#include "tools/report/colours.h"
#include "tools/report/run.h"

namespace brink::report {

/// A <figure>; empty if λ₁ was measured in no run. `differing`: differing_keys of the runs, whose values name each chart.
std::string render_multiples(std::span<const Run> runs, const Colours& colours, std::span<const std::string> differing);

}  // namespace brink::report
