// SPDX-License-Identifier: MIT
#include "spectral/two_sided.h"

#include <algorithm>
#include <cmath>

namespace brink {

namespace {
constexpr double pi = 3.14159265358979323846;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int bisections = 30;
constexpr int most_halvings = 60, most_doublings = 2200;
}  // namespace

void LongProduct::normalise() {
  if (mantissa_ != 0 && mantissa_ < 0.5) {
    mantissa_ *= 2;
    --exponent_;
  }
}

void LongProduct::multiply(double factor) {
  int e = 0;
  mantissa_ *= std::frexp(factor, &e);
  exponent_ += e;
  normalise();
}

void LongProduct::divide(double factor) {
  int e = 0;
  mantissa_ /= 2 * std::frexp(factor, &e);
  exponent_ += 1 - e;
  normalise();
}

void LongProduct::multiply(const LongProduct& other) {
  mantissa_ *= other.mantissa_;
  exponent_ += other.exponent_;
  normalise();
}

void LongProduct::shift(std::int64_t exponent) { exponent_ += exponent; }

TwoSidedBound::TwoSidedBound(int most_dropped) : dropped_(static_cast<std::size_t>(most_dropped)) {}

void TwoSidedBound::begin(std::int64_t parameters, double probability) {
  least_ = probability * std::sqrt(pi / (2 * static_cast<double>(parameters)));
  ended_ = {};
}

void TwoSidedBound::begin_block(double share) {
  share_ = share;
  dropped_count_ = 0;
  overflowed_ = false;
  carried_ = {};
}

void TwoSidedBound::restart(std::span<const double> dropped_values, std::span<const double> before,
                            std::span<const double> kept) {
  overflowed_ = overflowed_ || dropped_count_ + dropped_values.size() > dropped_.size();
  if (overflowed_) return;
  std::ranges::copy(dropped_values, dropped_.begin() + static_cast<std::ptrdiff_t>(dropped_count_));
  dropped_count_ += dropped_values.size();
  for (const double b : before) carried_.multiply(std::fabs(b));
  for (const double b : kept) carried_.divide(std::fabs(b));
}

void TwoSidedBound::rescale(int exponent) {
  for (double& x : std::span(dropped_).first(dropped_count_)) x = std::ldexp(x, exponent);
  carried_.shift(static_cast<std::int64_t>(dropped_count_) * exponent);
  for (double* x : {&ended_.lower, &ended_.upper}) *x = std::ldexp(*x, exponent);
}

void TwoSidedBound::end_block(const BlockState& now) { ended_ = bounds(now); }

SpectrumBounds TwoSidedBound::bounds(const BlockState& now) const {
  SpectrumBounds out = ended_;
  if (now.values.empty()) {  // the ended blocks span the whole space
    out.upper = std::min(out.upper, now.highest + now.rounding);
    out.lower = std::max(out.lower, now.lowest - now.rounding);
    return out;
  }
  const double upper = reach(1, now), lower = -reach(-1, now);
  if (upper == infinity && lower == -infinity) return out;
  ++out.starts;
  out.upper = std::min(out.upper, std::max(upper, now.highest) + now.rounding);
  out.lower = std::max(out.lower, std::min(lower, now.lowest) - now.rounding);
  return out;
}

bool TwoSidedBound::none_above(double limit, const BlockState& now) const {
  if (ended_.upper <= limit) return true;
  const double at = limit - now.rounding;
  if (now.values.empty()) return at >= now.highest;
  if (!(at >= now.highest) || share_ <= 0 || overflowed_) return false;
  double base = -infinity;
  for (const double x : now.values) base = std::max(base, x);
  for (const double x : std::span(dropped_).first(dropped_count_)) base = std::max(base, x);
  const LongProduct right = right_side(now);
  return at >= base && (right.is_zero() || excludes(1, base, at - base, now, right));
}

/// ∏β / |⟨q₁,u⟩|, with the least value of the latter.
LongProduct TwoSidedBound::right_side(const BlockState& now) const {
  LongProduct out = carried_;
  for (const double b : now.beta) out.multiply(std::fabs(b));
  out.multiply(now.last);
  out.divide(least_ * share_);
  return out;
}

/// Whether no eigenvalue lies at sign·(base + beyond); base: the outermost root.
bool TwoSidedBound::excludes(double sign, double base, double beyond, const BlockState& now,
                             const LongProduct& right) const {
  LongProduct left;
  for (const double x : now.values) left.multiply(base - sign * x + beyond);
  for (const double x : std::span(dropped_).first(dropped_count_)) left.multiply(base - sign * x + beyond);
  return left > right;
}

/// The least number found for which no eigenvalue times `sign` is larger.
double TwoSidedBound::reach(double sign, const BlockState& now) const {
  if (share_ <= 0 || overflowed_) return infinity;
  double base = -infinity, least = infinity;
  const auto take = [&](double x) {
    base = std::max(base, sign * x);
    least = std::min(least, sign * x);
  };
  for (const double x : now.values) take(x);
  for (const double x : std::span(dropped_).first(dropped_count_)) take(x);
  const LongProduct right = right_side(now);
  if (right.is_zero()) return base;
  double high = std::max({base - least, std::fabs(base), now.last, std::numeric_limits<double>::min()});
  for (int i = 0; !excludes(sign, base, high, now, right); ++i) {
    high *= 2;
    if (i == most_doublings || high == infinity) return infinity;
  }
  for (int i = 0; i < most_halvings && excludes(sign, base, high / 2, now, right); ++i) high /= 2;
  double low = high / 2;
  for (int i = 0; i < bisections; ++i) {
    const double middle = low + (high - low) / 2;
    (excludes(sign, base, middle, now, right) ? high : low) = middle;
  }
  return base + high;
}

}  // namespace brink
