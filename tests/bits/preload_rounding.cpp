// SPDX-License-Identifier: MIT
// What it is: a library to preload that sets rounding upward before main. What it is not: linked into anything.
#include <cfenv>

namespace {
[[gnu::constructor]] void round_upward() { std::fesetround(FE_UPWARD); }
}  // namespace
