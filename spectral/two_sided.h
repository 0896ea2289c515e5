// SPDX-License-Identifier: MIT
// How far outside its Ritz values the spectrum of an operator can reach, from one Lanczos run whose start holds random noise, at no further product
// (docs/method.md, "Two-sided certificates").
// Products are kept as mantissa and exponent, because neither libm's logarithm nor the range of float64 would do.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace brink {

/// With which a recorded bound may be wrong, for each random start.
inline constexpr double bound_probability = 1e-9;

/// A product of non-negative factors, however large or small.
class LongProduct {
 public:
  void multiply(double factor);
  void divide(double factor);
  void multiply(const LongProduct&);
  void shift(std::int64_t exponent);  ///< multiplies by 2^exponent
  bool is_zero() const { return mantissa_ == 0; }
  friend bool operator>(const LongProduct& a, const LongProduct& b) {
    if (a.mantissa_ == 0 || b.mantissa_ == 0) return a.mantissa_ > b.mantissa_;
    return a.exponent_ != b.exponent_ ? a.exponent_ > b.exponent_ : a.mantissa_ > b.mantissa_;
  }

 private:
  void normalise();
  double mantissa_ = 0.5;  // in [½, 1), or 0
  std::int64_t exponent_ = 1;
};

/// Bounds of a whole spectrum, each of which holds with probability at least 1 − starts · p. Infinite: nothing is known.
struct SpectrumBounds {
  double lower = -std::numeric_limits<double>::infinity(), upper = std::numeric_limits<double>::infinity();
  int starts = 0;  ///< random starts on which they rest
};

/// The block of a recurrence that is in progress.
struct BlockState {
  std::span<const double> values;  ///< its Ritz values
  std::span<const double> beta;    ///< its off-diagonals, without the one that couples to the next vector
  double last = 0;                 ///< that one, or an upper bound of it
  double lowest = 0, highest = 0;  ///< of the Ritz values of all blocks
  double rounding = 0;             ///< how far rounding can have moved them
};

/// What is needed of a recurrence beside T: where its q₁ came from, and what restarts have dropped. With u the unit eigenvector of λ,
///     ∏ᵢ|λ − θᵢ| · ∏_dropped|λ − θ_d| · |⟨q₁,u⟩| ≤ ∏β · ∏β_before/∏β_kept,
/// and |⟨q₁,u⟩| ≥ p·√(π/2n)·share with probability at least 1 − p.
/// Source: van Dorsselaer, Hochstenbach & van der Vorst 2000, for cold starts without restarts.
class TwoSidedBound {
 public:
  /// most_dropped: Ritz values that restarts may drop before nothing is said any more. Allocates all memory.
  explicit TwoSidedBound(int most_dropped);

  void begin(std::int64_t parameters, double probability);
  /// A block begins; share: the size of the noise in its unit start vector, 0 if that is not random.
  void begin_block(double share);
  /// A thick restart: the values that it drops, and the off-diagonals before and after it, each with the one that couples to the next vector.
  void restart(std::span<const double> dropped_values, std::span<const double> before, std::span<const double> kept);
  /// The block is followed by another one: `now` is final.
  void end_block(const BlockState& now);
  /// All values are multiplied by 2^exponent from here on.
  void rescale(int exponent);

  SpectrumBounds bounds(const BlockState& now) const;
  /// Whether no eigenvalue is above `limit`, which is at least the largest Ritz value; cheaper than `bounds`.
  bool none_above(double limit, const BlockState& now) const;

 private:
  double reach(double sign, const BlockState& now) const;
  bool excludes(double sign, double base, double beyond, const BlockState& now, const LongProduct& right) const;
  LongProduct right_side(const BlockState& now) const;

  std::vector<double> dropped_;
  std::size_t dropped_count_ = 0;
  bool overflowed_ = false;
  LongProduct carried_;  // ∏β_before/∏β_kept
  double least_ = 0;     // of |⟨q₁,u⟩| for share 1
  double share_ = 0;
  SpectrumBounds ended_;  // of the blocks that have ended
};

}  // namespace brink
