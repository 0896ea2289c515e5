// SPDX-License-Identifier: MIT
// Integer sums and products that stop at the largest number instead of overflowing, for sizes from user input.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace brink {

/// a + b of non-negative numbers.
constexpr std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

/// The product of non-negative numbers.
constexpr std::int64_t saturated_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  bool over = false;
  for (const std::int64_t f : factors) {
    if (f == 0) return 0;
    if (!over) over = __builtin_mul_overflow(product, f, &product);
  }
  return over ? std::numeric_limits<std::int64_t>::max() : product;
}

}  // namespace brink
