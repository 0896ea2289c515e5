// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/isa.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"
#include "kernels/random/random_isa.h"

namespace brink {

namespace {
constexpr std::int64_t grain = 1024, serial_below = 8192;
}

namespace cpu {

void fill_normal(Device& d, View out, RandomKey key, double scale, std::int64_t first_element) {
  with_real(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* p = out.as<T>();
    parallel_for(d, out.shape.elements(), grain, serial_below, [&](std::int64_t b, std::int64_t e) {
      with_isa([&](auto tag) {
        fill_normal_isa<decltype(tag), T>(p + b, first_element + b, first_element + e, key, scale);
      });
    });
  });
}

void fill_uniform(Device& d, View out, RandomKey key, std::int64_t first_element) {
  with_real(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* p = out.as<T>();
    parallel_for(d, out.shape.elements(), grain, serial_below, [&](std::int64_t b, std::int64_t e) {
      with_isa([&](auto tag) { fill_uniform_isa<decltype(tag), T>(p + b, first_element + b, first_element + e, key); });
    });
  });
}

}  // namespace cpu

void permute(RandomKey key, std::span<RankedIndex> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const TwoWords w = random_words(key, i / 2);
    out[i] = {i % 2 == 0 ? w.first : w.second, static_cast<std::int32_t>(i)};
  }
  std::sort(out.begin(), out.end(), [](const RankedIndex& a, const RankedIndex& b) {
    return a.word != b.word ? a.word < b.word : a.index < b.index;
  });
}

std::vector<std::int32_t> permutation(RandomKey key, std::int32_t n) {
  std::vector<RankedIndex> ranked(static_cast<std::size_t>(n));
  permute(key, ranked);
  std::vector<std::int32_t> order(ranked.size());
  std::transform(ranked.begin(), ranked.end(), order.begin(), [](const RankedIndex& r) { return r.index; });
  return order;
}

double normal_at(RandomKey key, std::int64_t element) {
  const TwoNormals z = normals(random_words(key, static_cast<std::uint64_t>(element) / 2));
  return element % 2 == 0 ? z.first : z.second;
}

double uniform_at(RandomKey key, std::int64_t element) {
  const TwoWords w = random_words(key, static_cast<std::uint64_t>(element) / 2);
  return uniform_f64(element % 2 == 0 ? w.first : w.second);
}

}  // namespace brink
