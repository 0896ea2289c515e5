// SPDX-License-Identifier: MIT
// What it is: the tree by which finished sums of consecutive leaves are joined: T(1) = leaf, T(n) = T(p) + T(n−p), p the
// largest power of two below n. What it is not: a summation of elements.
// Decision: a binary counter. After leaf i the subtrees that are complete are the set bits of i+1, so a stream of leaves
// needs ⌈log₂ n⌉ waiting values, and aligned pieces computed anywhere can be pushed in order with the same bits.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/hd.h"

namespace brink {

/// Joins scalars in the order of push; total() folds what waits, rightmost first. An empty tree totals +0.
template <class T>
class TreeSum {
 public:
  [[gnu::always_inline]] BRINK_HD void push(T leaf) {
    int level = 0;
    for (; (leaves_ >> level) & 1; ++level) leaf = waiting_[level] + leaf;
    waiting_[level] = leaf;
    ++leaves_;
  }
  [[gnu::always_inline]] BRINK_HD T total() const {
    T sum{};
    bool first = true;
    for (int level = 0; (leaves_ >> level) != 0; ++level) {
      if (!((leaves_ >> level) & 1)) continue;
      sum = first ? waiting_[level] : waiting_[level] + sum;
      first = false;
    }
    return sum;
  }

 private:
  T waiting_[63] = {};
  std::int64_t leaves_ = 0;
};

}  // namespace brink
