// SPDX-License-Identifier: MIT
#include "kernels/device.h"

#include <sched.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <thread>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "kernels/control_groups.h"

namespace brink {

namespace {
int threads_of_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    if (const int n = CPU_COUNT(&set); n > 0) return n;
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}
}  // namespace

int available_threads(const char* root) {
  const int threads = threads_of_affinity();
  const double cores = std::ceil(least_quota_cores(root).value_or(threads));
  return static_cast<int>(std::clamp(cores, 1.0, static_cast<double>(threads)));
}

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
