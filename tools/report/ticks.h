// SPDX-License-Identifier: MIT
// Axis scales and their ticks at multiples of 1, 2 and 5.
// The base-10 logarithm is made of + − × ÷ alone, so that the page has the same bytes with every C library.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "training/measurements/column.h"

namespace brink::report {

struct Tick {
  double value = 0;
  std::string label;
};

/// log₁₀ x for finite x > 0; absolute error below 1e-9: far under a pixel.
double log10_for_plots(double x);

struct Scale {
  double low = 0, high = 1;
  ChartScale kind = ChartScale::linear;
  double linear_up_to = 1;  // symmetric logarithmic: about linear between −this and this

  bool logarithmic() const { return kind == ChartScale::logarithmic; }
  /// Position in [0, 1] for values in [low, high], 0 at `low`. x finite, and > 0 if logarithmic.
  double position(double x) const;
};

/// Ticks at multiples of 1, 2 or 5 × 10ᵏ inside [low, high], about `target` of them; whole numbers only if `integers`.
std::vector<Tick> linear_ticks(double low, double high, int target, bool integers = false);
/// Powers of ten; with 2 and 5 between them if the range is short; linear ticks if it is shorter than half a decade.
std::vector<Tick> log_ticks(double low, double high, int target);
/// Powers of ten of both signs and 0.
std::vector<Tick> symlog_ticks(const Scale& scale, int target);
std::vector<Tick> ticks(const Scale& scale, int target);

/// The axis for `values` (finite ones only; positive ones only if logarithmic). Outliers far beyond the rest are left
/// outside: the drawing counts and states them. `with_zero` makes 0 part of a linear axis.
Scale fit_scale(std::span<const double> values, ChartScale kind, bool with_zero);
/// The axis from `low` to `high` with some room at both ends.
Scale with_room(double low, double high, ChartScale kind, bool with_zero);
/// The value below which a share `q` of `values` lies; `values` is not empty and holds no NaN.
double quantile(std::vector<double> values, double q);

}  // namespace brink::report
