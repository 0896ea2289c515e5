// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cfenv>
#include <thread>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "kernels/floating_point.h"
#include "kernels/memory.h"

using namespace brink;

namespace {
// Volatile, so that the processor and not the compiler does the arithmetic.
float half_of_smallest_normal() {
  volatile float x = 1.17549435e-38F;
  volatile float half = 0.5F;
  return x * half;
}
double tenth() {
  volatile double one = 1.0, ten = 10.0;
  return one / ten;
}
}  // namespace

TEST_CASE("nothing is found when nothing is wrong") {
  const FloatingPointState found = reset_floating_point();
  CHECK_FALSE(found.flush_to_zero);
  CHECK_FALSE(found.other_rounding);
}

#if defined(__x86_64__)
TEST_CASE("flushing of subnormals is found and corrected, on this thread and on threads started later") {
  for (const unsigned bit : {0x8000U, 0x0040U}) {
    _mm_setcsr(_mm_getcsr() | bit);
    CHECK(half_of_smallest_normal() == 0.0F);  // control: the mode has its effect
    CHECK(reset_floating_point().flush_to_zero);
    CHECK(half_of_smallest_normal() > 0.0F);
    float elsewhere = 0;
    std::thread([&] { elsewhere = half_of_smallest_normal(); }).join();
    CHECK(elsewhere > 0.0F);
  }
}
#endif

TEST_CASE("another rounding mode is found and corrected") {
  const double nearest = tenth();
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    const double other = tenth();
    CHECK(reset_floating_point().other_rounding);
    if (mode != FE_UPWARD) CHECK(other != nearest);  // control; 0.1 to nearest is already the upper neighbour
    CHECK(tenth() == nearest);
  }
}

TEST_CASE("new memory holds the poison pattern, so that reading it unwritten shows") {
  const Poison before = poison();
  double sums[3];
  for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
    set_poison(p);
    const Array a({7}, Dtype::f64);
    sums[static_cast<int>(p)] = 1.0;
    for (const double x : a.span<double>()) sums[static_cast<int>(p)] += x;
  }
  set_poison(before);
  CHECK(sums[0] == 1.0);
  CHECK(sums[1] != sums[1]);
  CHECK(sums[2] != sums[2]);
}
