// SPDX-License-Identifier: MIT
// What the files of rows share. Tests include case.h instead.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "autodiff/primitives/rules.h"
#include "tests/cases/case.h"

namespace brink::cases {

std::vector<Row> conv_rows();
std::vector<Row> dense_rows();
std::vector<Row> loss_rows();
std::vector<Row> norm_rows();
std::vector<Row> pool_rows();
std::vector<Row> update_rows();
std::vector<Row> vector_rows();

using Views = std::span<const View>;

// Samples and widths: by hand, primes, more than a vector, more than a group (128), a whole tree, the main job's.
struct Extents {
  std::int64_t s, k, n;
};
inline constexpr Extents extents[] = {{1, 1, 1},     {2, 3, 2},     {7, 5, 3},     {31, 13, 17},  {127, 33, 4},
                                      {129, 64, 32}, {131, 37, 65}, {300, 47, 10}, {641, 19, 40}, {128, 784, 32}};
inline constexpr int number_of_extents = std::size(extents);
inline const Extents& at(int size) { return extents[static_cast<std::size_t>(size)]; }

inline Attributes none(int) { return {}; }
inline Attributes groups_of_128(int) { return Group{128}; }
// Groups that do not divide and trees of many leaves.
inline Attributes small_groups(int size) { return Group{size % 2 ? 16 : 7}; }
// More samples than a block of threads takes at once.
inline Attributes large_groups(int) { return Group{300}; }
inline Attributes all_groups(int size) { return size % 3 == 2 ? large_groups(size) : small_groups(size); }

/// out = the values, which are in host memory; out may be the device's.
inline void store(Device& d, const View& out, std::span<const double> values) {
  copy(d, out, view_of(values.data(), out.shape));
  synchronize(d);
}

/// Calls f(row, column) for every element of a matrix.
inline void for_elements(const Shape& shape, const std::function<void(std::int64_t, std::int64_t)>& f) {
  for (std::int64_t s = 0; s < shape[0]; ++s)
    for (std::int64_t c = 0; c < shape.row_elements(); ++c) f(s, c);
}

}  // namespace brink::cases
