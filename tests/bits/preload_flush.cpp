// SPDX-License-Identifier: MIT
// A library that environment_test.py preloads: it switches on flushing of subnormal numbers before main, as some vendor
// libraries do when they are loaded.
#include <xmmintrin.h>

namespace {
[[gnu::constructor]] void flush_denormals() { _mm_setcsr(_mm_getcsr() | 0x8040U); }  // FTZ | DAZ
}  // namespace
