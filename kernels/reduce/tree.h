// SPDX-License-Identifier: MIT
// The tree T that joins the parts of every sum over samples or tiles, for scalars, on host and device.
// T(1) = leaf, T(n) = T(p) + T(n−p) with p the largest power of two below n. Aligned blocks of 2ʲ leaves are subtrees of it, so
// the cut into chunks never affects a result.
#pragma once

#include <cstdint>

#include "kernels/hd.h"

namespace brink {

/// T over leaf[0 … n), n ≥ 1; the leaves are overwritten. Doubling strides build exactly T's subtrees.
template <class X>
[[gnu::always_inline]] BRINK_HD inline X tree_add(X* leaf, std::int64_t n) {
  for (std::int64_t stride = 1; stride < n; stride *= 2)
    for (std::int64_t i = 0; i + stride < n; i += 2 * stride) leaf[i] = leaf[i] + leaf[i + stride];
  return leaf[0];
}

/// T over leaves that arrive one by one, from left to right, in 64 slots: a binary counter. A leaf may itself be a subtree
/// over 2ʲ smaller leaves, the same j for all but the last one, which may be smaller.
template <class X>
class TreeCounter {
 public:
  [[gnu::always_inline]] BRINK_HD void push(X x) {
    int level = 0;
    for (; (count_ >> level & 1) != 0; ++level) x = slot_[level] + x;
    slot_[level] = x;
    ++count_;
  }
  /// The sum so far; X{} if nothing was pushed. The waiting subtrees join from the right, smallest first.
  [[gnu::always_inline]] BRINK_HD X total() const {
    if (count_ == 0) return X{};
    int level = 0;
    while ((count_ >> level & 1) == 0) ++level;
    X x = slot_[level];
    for (++level; count_ >> level != 0; ++level)
      if ((count_ >> level & 1) != 0) x = slot_[level] + x;
    return x;
  }

 private:
  X slot_[63]{};
  std::uint64_t count_ = 0;
};

}  // namespace brink
