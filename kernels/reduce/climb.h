// SPDX-License-Identifier: MIT
// The tree T (tree.h) over tiles of a matrix that arrive one by one. For sources compiled once per instruction set only
// (isa.h).
#pragma once

#include <cstdint>

namespace brink {
namespace {

template <class T>
void copy(T* to, const T* from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
}

/// Adds a finished leaf (rows × w, at t with stride ldt) to the tree of its element. waiting[l] holds the finished subtree of
/// 2ˡ leaves that ends just before this one, or is stale. Leaves are added in the order of calls.
template <class T>
void climb(int rows, std::int64_t w, T* t, std::int64_t ldt, T* waiting, std::int64_t level_stride, std::int64_t ldw,
           std::int64_t leaf, std::int64_t leaves, T* out, std::int64_t ldo) {
  int level = 0;
  const auto join = [&](int l) {
    const T* lower = waiting + l * level_stride;
    for (int i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < w; ++j) t[i * ldt + j] = lower[i * ldw + j] + t[i * ldt + j];
  };
  for (; (leaf >> level) & 1; ++level) join(level);
  T* to = waiting + level * level_stride;
  std::int64_t ld = ldw;
  if (leaf == leaves - 1) {
    for (++level; (leaf >> level) != 0; ++level)
      if ((leaf >> level) & 1) join(level);
    to = out;
    ld = ldo;
  }
  for (int i = 0; i < rows; ++i) copy(to + i * ld, t + i * ldt, w);
}

}  // namespace
}  // namespace brink
