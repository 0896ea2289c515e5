// SPDX-License-Identifier: MIT
// Values that grow by a constant factor. They are rounded to 12 significant digits, so that 0.1 × 1.1 is 0.11 and not
// 0.11000000000000001, and are the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace brink::sweep {

/// The nearest number with at most 12 significant digits.
double rounded(double x);

/// from, from·factor, … up to `to`, which is included if it is met to within 10⁻⁹. 0 < from ≤ to, factor > 1; at most `most` + 1
/// values.
std::vector<double> geometric_by_factor(double from, double to, double factor, std::int64_t most);
/// `count` ≥ 2 values from `from` to `to`, both included, with equal ratios. 0 < from < to.
std::vector<double> geometric_by_count(double from, double to, std::int64_t count);
/// The number between two others at the same ratio to both.
double geometric_mean(double a, double b);

}  // namespace brink::sweep
