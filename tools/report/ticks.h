// SPDX-License-Identifier: MIT
// What it is: axis scales and ticks (1-2-5). What it is not: a drawing.
// Decision: its own base-10 logarithm from + − × ÷, so that the page has the same bytes with every C library.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace brink::report {

struct Tick {
  double value = 0;
  std::string label;
};

/// log₁₀ x for finite x > 0; absolute error below 1e-9: far under a pixel.
double log10_for_plots(double x);

struct Scale {
  double low = 0, high = 1;
  bool logarithmic = false;

  /// Position in [0, 1] for values in [low, high], 0 at `low`. x finite, and > 0 if logarithmic.
  double position(double x) const;
};

/// Ticks at multiples of 1, 2 or 5 × 10ᵏ inside [low, high], about `target` of them; whole numbers only if `integers`.
std::vector<Tick> linear_ticks(double low, double high, int target, bool integers = false);
/// Powers of ten; with 2 and 5 between them if the range is short; linear ticks if it is shorter than half a decade.
std::vector<Tick> log_ticks(double low, double high, int target);
std::vector<Tick> ticks(const Scale& scale, int target);

/// The axis for `values` (finite ones only; positive ones only if logarithmic). Outliers far beyond the rest are left
/// outside: the drawing counts and states them. `with_zero` makes 0 part of a linear axis.
Scale fit_scale(std::span<const double> values, bool logarithmic, bool with_zero);

}  // namespace brink::report
