// SPDX-License-Identifier: MIT
// A library that environment_test.py preloads: it sets rounding upward before main.
#include <cfenv>

namespace {
[[gnu::constructor]] void round_upward() { std::fesetround(FE_UPWARD); }
}  // namespace
