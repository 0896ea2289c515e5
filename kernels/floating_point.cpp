// SPDX-License-Identifier: MIT
#include "kernels/floating_point.h"

#include <cfenv>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace brink {

FloatingPointState reset_floating_point() {
  FloatingPointState found;
  found.other_rounding = std::fegetround() != FE_TONEAREST;
#if defined(__x86_64__)
  constexpr unsigned flush_bits = 0x8040;  // FTZ | DAZ
  const unsigned state = _mm_getcsr();
  found.flush_to_zero = (state & flush_bits) != 0;
  _mm_setcsr(state & ~flush_bits);
#elif defined(__aarch64__)
  unsigned long state = 0;
  asm volatile("mrs %0, fpcr" : "=r"(state));
  constexpr unsigned long flush_bit = 1UL << 24;
  found.flush_to_zero = (state & flush_bit) != 0;
  asm volatile("msr fpcr, %0" ::"r"(state & ~flush_bit));
#endif
  std::fesetround(FE_TONEAREST);
  return found;
}

}  // namespace brink
