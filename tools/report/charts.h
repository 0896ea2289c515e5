// SPDX-License-Identifier: MIT
// What it is: which charts a run gets, and what their captions say. What it is not: how they are drawn (svg.h).
// Decision: a chart without a single measured value is left out and named in the run's notes, never drawn empty.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/report/run.h"
#include "tools/report/svg.h"

namespace brink::report {

/// The figures of one run; charts that had nothing to show are appended to `notes`.
std::vector<Figure> run_figures(const Run& run, int index, std::vector<std::string>& notes);
/// λ₁ and loss of all runs in shared axes.
std::vector<Figure> overlay_figures(std::span<const Run> runs);
/// "A", "B", … "Z", "AA" …
std::string run_letter(std::size_t index);
/// The class that gives run `index` its colour in overlays.
std::string run_colour(std::size_t index);

/// The numbers behind the charts, one JSON object keyed by run index, for the crosshair; at most 2000 rows of each run.
std::string chart_data(std::span<const Run> runs);

}  // namespace brink::report
