// SPDX-License-Identifier: MIT
// λ₁ and loss of several runs in shared axes, whose limits no single run that diverged decides.
#pragma once

#include <span>
#include <vector>

#include "tools/report/colours.h"
#include "tools/report/figure.h"
#include "tools/report/run.h"

namespace brink::report {

std::vector<Figure> overlay_figures(std::span<const Run> runs, const Colours& colours);

/// The axis of steps that holds all runs.
Axis common_axis(std::span<const Run> runs);
/// Limits that hold nearly all values of every line that is not lost, peaks of up to twice that (of few lines, four times), and no line that lies far
/// beyond the others; on a logarithmic axis up to ten times.
Scale common_scale(std::span<const Series> lines, ChartScale kind, bool with_zero);
/// Whether the run diverged, or its loss or λ₁ ends far beyond where it began.
bool was_lost(const Run& run);
/// Whether there are runs with different thresholds, so that λ₁ is best compared relative to them.
bool thresholds_differ(std::span<const Run> runs);

}  // namespace brink::report
