// SPDX-License-Identifier: MIT
// The key figures of a run, counted over its rows. Instabilities are taken from events.csv and from nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/describe.h"
#include "tools/report/run.h"

namespace brink::report {

struct KeyFigure {
  std::string value, label, detail;  // plain text
  bool certified = true;             // rests on no eigenvalue that is not certified
};

std::vector<KeyFigure> key_figures(const Run& run);

/// Largest finite λ₁ with its row, over [from, to] steps.
struct Peak {
  double value = 0, step = 0;
  bool certified = false;
  std::optional<double> bound = {};  // above which no eigenvalue lies at that step; finite
};
/// "no eigenvalue above 31.6"; empty without a bound.
std::string bound_in_words(const std::optional<double>& bound);
std::optional<Peak> peak_sharpness(const Run& run, double from, double to);

/// Whether every λ₁ over [from, to] steps is certified.
bool certified_between(const Run& run, double from, double to);

/// Whether instabilities could be found: λ₁ was measured, and there is a readable events.csv.
bool knows_instabilities(const Run& run);

/// The last step, or how the run ended before it: "ended at step 123 of 400".
std::string ending(const Run& run);

}  // namespace brink::report
