// SPDX-License-Identifier: MIT
// What it is: a library to preload that switches flushing of denormals on before main, as some vendor libraries do when they
// are loaded. What it is not: linked into anything (environment_test.py preloads it).
#include <xmmintrin.h>

namespace {
[[gnu::constructor]] void flush_denormals() { _mm_setcsr(_mm_getcsr() | 0x8040U); }  // FTZ | DAZ
}  // namespace
