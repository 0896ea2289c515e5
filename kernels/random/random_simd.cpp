// SPDX-License-Identifier: MIT
// Fills arrays with random numbers, compiled once per instruction set (isa.h).
#include "kernels/isa.h"
#include "kernels/random/random_isa.h"

#include "kernels/random/philox.h"

namespace brink::cpu {

namespace {
// Elements are made in pairs; a range that begins or ends inside a pair makes that pair and keeps one half.
template <class T, class Pair>
[[gnu::always_inline]] inline void fill_pairs(T* out, std::int64_t begin, std::int64_t end, Pair&& pair) {
  std::int64_t i = begin;
  if (i < end && i % 2 != 0) *out++ = pair(i++ / 2).second;
  const std::int64_t first = i / 2, blocks = end / 2 - first;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const auto p = pair(first + b);
    out[2 * b] = p.first;
    out[2 * b + 1] = p.second;
  }
  if (i < end && end % 2 != 0) out[2 * blocks] = pair(end / 2).first;
}

template <class T>
struct Two {
  T first, second;
};
}  // namespace

template <class Isa, class T>
void fill_normal_isa(T* out, std::int64_t begin, std::int64_t end, const RandomKey& key, double scale) {
  const RandomKey k = key;
  fill_pairs(
      out, begin, end, [ k, scale ](std::int64_t block) __attribute__((always_inline)) {
        const TwoNormals z = normals(random_words(k, static_cast<std::uint64_t>(block)));
        return Two<T>{static_cast<T>(scale * z.first), static_cast<T>(scale * z.second)};
      });
}

template <class Isa, class T>
void fill_uniform_isa(T* out, std::int64_t begin, std::int64_t end, const RandomKey& key) {
  const RandomKey k = key;
  fill_pairs(
      out, begin, end, [k](std::int64_t block) __attribute__((always_inline)) {
        const TwoWords w = random_words(k, static_cast<std::uint64_t>(block));
        if constexpr (sizeof(T) == 4)
          return Two<T>{uniform_f32(w.first), uniform_f32(w.second)};
        else
          return Two<T>{uniform_f64(w.first), uniform_f64(w.second)};
      });
}

template void fill_normal_isa<ThisIsa, float>(float*, std::int64_t, std::int64_t, const RandomKey&, double);
template void fill_normal_isa<ThisIsa, double>(double*, std::int64_t, std::int64_t, const RandomKey&, double);
template void fill_uniform_isa<ThisIsa, float>(float*, std::int64_t, std::int64_t, const RandomKey&);
template void fill_uniform_isa<ThisIsa, double>(double*, std::int64_t, std::int64_t, const RandomKey&);

}  // namespace brink::cpu
