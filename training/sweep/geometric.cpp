// SPDX-License-Identifier: MIT
#include "training/sweep/geometric.h"

#include <charconv>
#include <cmath>

namespace brink::sweep {

namespace {

/// ratio^(1/n), by bisection: the library's powers differ between systems.
double root(double ratio, std::int64_t n) {
  double low = 1, high = ratio;
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    double power = 1;
    for (std::int64_t k = 0; k < n && power <= ratio; ++k) power *= middle;
    (power <= ratio ? low : high) = middle;
  }
  return low;
}

}  // namespace

double rounded(double x) {
  constexpr int digits_after_first = 11;
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::scientific, digits_after_first);
  double out = x;
  std::from_chars(text, end.ptr, out);
  return out;
}

std::vector<double> geometric_by_factor(double from, double to, double factor, std::int64_t most) {
  constexpr double met = 1 + 1e-9;
  std::vector<double> out;
  double x = from;
  for (std::int64_t k = 0; k <= most && rounded(x) <= to * met; ++k, x *= factor) out.push_back(rounded(x));
  return out;
}

std::vector<double> geometric_by_count(double from, double to, std::int64_t count) {
  const double ratio = root(to / from, count - 1);
  std::vector<double> out;
  double x = from;
  for (std::int64_t k = 0; k + 1 < count; ++k, x *= ratio) out.push_back(rounded(x));
  out.push_back(to);
  return out;
}

double geometric_mean(double a, double b) { return rounded(std::sqrt(a) * std::sqrt(b)); }

}  // namespace brink::sweep
