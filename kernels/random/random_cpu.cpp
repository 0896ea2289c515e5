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

std::vector<std::int32_t> permutation(RandomKey key, std::int32_t n) {
  struct Entry {
    std::uint64_t word;
    std::int32_t index;
  };
  std::vector<Entry> entries(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) {
    const TwoWords w = random_words(key, static_cast<std::uint64_t>(i) / 2);
    entries[static_cast<std::size_t>(i)] = {i % 2 == 0 ? w.first : w.second, i};
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.word != b.word ? a.word < b.word : a.index < b.index; });
  std::vector<std::int32_t> order(entries.size());
  std::transform(entries.begin(), entries.end(), order.begin(), [](const Entry& e) { return e.index; });
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
