// SPDX-License-Identifier: MIT
#include "tools/report/ticks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tools/report/text.h"

namespace brink::report {
namespace {

/// 10ᵏ, correctly rounded for |k| ≤ 22 and to a few ulps beyond.
double power(int k) {
  double p = 1;
  for (int i = 0; i < std::abs(k); ++i) p *= 10;
  return k < 0 ? 1 / p : p;
}

struct Spacing {
  int multiple = 1;  // 1, 2 or 5
  int exponent = 0;
};

/// Smallest 1-2-5 spacing that is at least 0.8 `width`.
Spacing nice_spacing(double width) {
  int exponent = static_cast<int>(std::floor(log10_for_plots(width))) - 1;
  for (;; ++exponent) {
    for (int multiple : {1, 2, 5}) {
      if (multiple * power(exponent) >= 0.8 * width) return {multiple, exponent};
    }
  }
}

/// Logarithmic far from 0, linear near it, odd and increasing.
double folded(double x, double linear_up_to) {
  const double size = log10_for_plots(1 + std::fabs(x) / linear_up_to);
  return x < 0 ? -size : size;
}

}  // namespace

double log10_for_plots(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // x = m·2^exponent, m in [½, 1)
  if (m < 0.70710678118654752) m *= 2, --exponent;
  const double z = (m - 1) / (m + 1), z2 = z * z;  // ln m = 2 artanh z, |z| ≤ 0.172
  const double series = 1 + z2 * (1.0 / 3 + z2 * (1.0 / 5 + z2 * (1.0 / 7 + z2 * (1.0 / 9 + z2 / 11))));
  return exponent * 0.30102999566398120 + 2 * z * series * 0.43429448190325183;
}

double Scale::position(double x) const {
  if (kind == ChartScale::symmetric_logarithmic) {
    const double bottom = folded(low, linear_up_to);
    return (folded(x, linear_up_to) - bottom) / (folded(high, linear_up_to) - bottom);
  }
  if (logarithmic()) {
    const double bottom = log10_for_plots(low);
    return (log10_for_plots(x) - bottom) / (log10_for_plots(high) - bottom);
  }
  return (x - low) / (high - low);
}

std::vector<Tick> linear_ticks(double low, double high, int target, bool integers) {
  std::vector<Tick> out;
  if (!(high > low)) return out;
  Spacing spacing = nice_spacing((high - low) / target);
  if (integers && spacing.exponent < 0) spacing = {1, 0};
  const double unit = power(spacing.exponent), step = spacing.multiple * unit, slack = 1e-9 * (high - low);
  const double first = std::ceil((low - slack) / step);
  for (int i = 0; i <= 4 * target && (first + i) * step <= high + slack; ++i) {
    const double multiple =
        (first + i) * spacing.multiple;  // a whole number: the tick is its correctly rounded quotient
    const double value = spacing.exponent < 0 ? multiple / power(-spacing.exponent) : multiple * unit;
    std::string label;
    if (spacing.exponent >= -6 && std::fabs(value) < (integers ? 1e6 : 1e5)) {
      label = fixed(std::fabs(value), std::max(0, -spacing.exponent));
      if (value < 0) label.insert(0, "−");
    } else {
      label = concise(value);
    }
    out.push_back({value, std::move(label)});
  }
  return out;
}

std::vector<Tick> log_ticks(double low, double high, int target) {
  const double bottom = log10_for_plots(low), top = log10_for_plots(high), decades = top - bottom;
  if (decades < 0.5) {
    std::vector<Tick> out = linear_ticks(low, high, target);
    std::erase_if(out, [](const Tick& tick) { return tick.value <= 0; });
    return out;
  }
  std::vector<Tick> out;
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / target)));
  const bool with_2_and_5 = 2 * decades <= target + 1;
  for (int k = static_cast<int>(std::floor(bottom)); k <= static_cast<int>(std::ceil(top)); ++k) {
    if (k % stride != 0) continue;
    for (int multiple : {1, 2, 5}) {
      if (multiple > 1 && !with_2_and_5) break;
      const double value = k < 0 ? multiple / power(-k) : multiple * power(k);
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue;
      const bool plain = k >= -3 && k <= 4;
      out.push_back({value, plain ? fixed(value, std::max(0, -k))
                                  : (multiple == 1 ? "" : std::to_string(multiple) + "×") + power_of_ten(k)});
    }
  }
  return out;
}

std::vector<Tick> symlog_ticks(const Scale& scale, int target) {
  std::vector<Tick> out;
  const double largest = std::max(std::fabs(scale.low), std::fabs(scale.high));
  const int first = static_cast<int>(std::ceil(log10_for_plots(scale.linear_up_to))),
            last = static_cast<int>(std::floor(log10_for_plots(largest)));
  const int sides = (scale.low < 0 ? 1 : 0) + (scale.high > 0 ? 1 : 0);
  const int stride = std::max(1, (sides * (last - first + 1) + target - 1) / std::max(1, target));
  for (const double sign : {-1.0, 1.0}) {
    for (int k = last; k >= first; k -= stride) {
      const double value = sign * (k < 0 ? 1 / power(-k) : power(k));
      if (value < scale.low || value > scale.high) continue;
      out.push_back(
          {value, (sign < 0 ? "−" : "") + (k >= -3 && k <= 3 ? fixed(power(k), std::max(0, -k)) : power_of_ten(k))});
    }
  }
  if (scale.low <= 0 && scale.high >= 0) out.push_back({0, "0"});
  std::sort(out.begin(), out.end(), [](const Tick& a, const Tick& b) { return a.value < b.value; });
  return out;
}

std::vector<Tick> ticks(const Scale& scale, int target) {
  switch (scale.kind) {
    case ChartScale::logarithmic: return log_ticks(scale.low, scale.high, target);
    case ChartScale::symmetric_logarithmic: return symlog_ticks(scale, target);
    case ChartScale::linear: break;
  }
  return linear_ticks(scale.low, scale.high, target);
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

Scale with_room(double low, double high, ChartScale kind, bool with_zero) {
  if (kind == ChartScale::symmetric_logarithmic) {
    const double largest = std::max({std::fabs(low), std::fabs(high), 1e-90});
    return {low - 0.4 * std::fabs(low), high + 0.4 * std::fabs(high), kind, largest};
  }
  if (kind == ChartScale::logarithmic) {
    if (!(high > low * 1.05)) low /= 2, high *= 2;
    const double room = 1 + 0.09 * (log10_for_plots(high) - log10_for_plots(low));  // 4 % of the axis: 10^r ≈ 1 + 2.3 r
    return {low / room, high * room, kind};
  }
  if (with_zero) low = std::min(low, 0.0), high = std::max(high, 0.0);
  if (!(high - low > 1e-12 * std::max(std::fabs(low), std::fabs(high)))) {
    const double room = high == 0 ? 1 : std::fabs(high) * 0.1;
    low -= room, high += room;
  }
  const double room = 0.04 * (high - low);
  return {with_zero && low == 0 ? 0 : low - room, with_zero && high == 0 ? 0 : high + room, kind};
}

// An axis ends at a data value's neighbouring tick, not at the outlier: the last steps of a diverging run would flatten
// everything before them.
Scale fit_scale(std::span<const double> values, ChartScale kind, bool with_zero) {
  constexpr double drawable = 1e100;  // beyond it differences and products of an axis could overflow
  const bool logarithmic = kind == ChartScale::logarithmic;
  std::vector<double> sorted;
  for (double v : values) {
    if (std::fabs(v) < drawable && (!logarithmic || v > 1 / drawable)) sorted.push_back(v);
  }
  if (sorted.empty()) return {logarithmic ? 0.1 : 0.0, 1, kind};
  std::sort(sorted.begin(), sorted.end());
  double low = sorted.front(), high = sorted.back();
  if (kind == ChartScale::symmetric_logarithmic) {
    Scale out = with_room(low, high, kind, with_zero);
    std::vector<double> sizes;
    for (double v : sorted)
      if (v != 0) sizes.push_back(std::fabs(v));
    // Linear below the smaller sizes, so that the axis shows the decades where the values are.
    if (!sizes.empty()) out.linear_up_to = std::max(quantile(sizes, 0.1), 1e-8 * quantile(sizes, 1));
    if (!(out.high > out.low)) out.low -= out.linear_up_to, out.high += out.linear_up_to;
    return out;
  }
  const double lower = sorted[(sorted.size() - 1) / 10], upper = sorted[(sorted.size() - 1) * 9 / 10];
  const double reach = logarithmic ? 1e6 : 8;
  if (upper > 0) high = *(std::upper_bound(sorted.begin(), sorted.end(), upper * reach) - 1);
  if (logarithmic) low = *std::lower_bound(sorted.begin(), sorted.end(), lower / reach);
  if (lower < 0) low = *std::lower_bound(sorted.begin(), sorted.end(), lower * reach);
  // What is far beyond small values of its own sign may be near on an axis of both signs.
  if (const double near = (high - low) / 4; !logarithmic) {
    if (sorted.back() - high < near) high = sorted.back();
    if (low - sorted.front() < near) low = sorted.front();
  }
  return with_room(low, high, kind, with_zero);
}

}  // namespace brink::report
