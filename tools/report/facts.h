// SPDX-License-Identifier: MIT
// What it is: the key figures of a run. What it is not: a verdict; issue and claims have their own tables.
// Decision: instabilities are taken from events.csv and from nowhere else; a figure that cannot be had from the folder
// is "not recorded".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/run.h"

namespace brink::report {

struct KeyFigure {
  std::string value, label, detail;  // plain text
};

/// How often λ_index was measured and certified.
struct Certified {
  std::int64_t measured = 0, certified = 0;
  std::int64_t uncertified() const { return measured - certified; }
};
Certified certified_share(const Run& run, int index);

std::vector<KeyFigure> key_figures(const Run& run);

/// Largest finite λ₁ with its row, over [from, to] steps.
struct Peak {
  double value = 0, step = 0;
  bool certified = false;
};
std::optional<Peak> peak_sharpness(const Run& run, double from, double to);

/// The last step, or what there is instead: "ended at step 123 of 400".
std::string ending(const Run& run);

}  // namespace brink::report
