// SPDX-License-Identifier: MIT
// All 2^ℓ sequences of signs of the walk from one point, followed with a bound of rounding: which of them end below it.
// Source: Wang & Roberts 2025, Thms. 5.4 and 5.6, lemmas F.7 and F.9, proposition F.11; docs/walk.md.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/walk/walk.h"

namespace brink::walk {

/// Sequences of one class. An end is X_ℓ − X_0; its rounding is bounded, and an end within the bound of 0 is undecided.
struct Ends {
  std::int64_t sequences = 0, below = 0, above = 0, undecided = 0;
  double highest = 0;  ///< the largest end; −∞ if there is no sequence
};

struct Branches {
  int length = 0;  ///< ℓ
  double start = 0;
  Ends zero_sum;                          ///< as many + as −
  Ends negative_sum;                      ///< fewer + than −
  std::int64_t below = 0, undecided = 0;  ///< of all sequences
  double lowest = 0, highest = 0;         ///< states visited by sequences of up to this length
  double rounding = 0;                    ///< the largest bound of an end's rounding
  // For even ℓ, otherwise NaN:
  double drop = 0;      ///< δ = min h · min h′ over the visited states, by which the envelope falls every two steps
  double median = 0;    ///< the smallest x with at least half of all ends at or below it, minus X_0
  double pathwise = 0;  ///< the largest end of zero and negative sums plus δℓ/2, at most 0 by proposition F.11
};

inline constexpr int longest_sequence = 24;

/// A row for each length 1 … length. Throws std::invalid_argument if the length is not 1 … longest_sequence, or a number makes
/// no sense.
std::vector<Branches> follow_branches(const StepSize&, double start, int length);

}  // namespace brink::walk
