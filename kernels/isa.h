// SPDX-License-Identifier: MIT
// The instruction sets for which brink is compiled, and the choice among them at run time.
// A source listed in kernels_isa_sources is compiled once per set and defines templates on `ThisIsa`, which the compiler's
// feature macros determine. Everything in it is a template on the Isa tag or has internal linkage; otherwise the linker could
// give v4 code to an old processor (tests/lint/objects_test.py checks the symbols).
#pragma once

#include <string_view>
#include <vector>

namespace brink {

struct Portable {
  static constexpr std::string_view name = "portable";
  static constexpr int vector_bytes = 16;
};
struct X86V3 {
  static constexpr std::string_view name = "x86-64-v3";
  static constexpr int vector_bytes = 32;
};
struct X86V4 {
  static constexpr std::string_view name = "x86-64-v4";
  static constexpr int vector_bytes = 64;
};
struct Neon {
  static constexpr std::string_view name = "neon";
  static constexpr int vector_bytes = 16;
};

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using ThisIsa = X86V4;
#elif defined(__AVX2__) && defined(__FMA__)
using ThisIsa = X86V3;
#elif defined(__aarch64__)
using ThisIsa = Neon;
#else
using ThisIsa = Portable;
#endif

enum class Isa { portable, x86_64_v3, x86_64_v4, neon };

/// The widest set that the processor has and that was compiled in; BRINK_SIMD=portable|x86-64-v3|x86-64-v4 in the environment
/// selects a narrower one. Decided once. Throws std::invalid_argument for a name that is unknown or not available.
Isa isa();
/// Every set that this processor has and that was compiled in.
std::vector<Isa> available_isas();
/// Overrides the choice (tests and benchmarks). Throws std::invalid_argument for a set that is not available.
void set_isa(Isa);
std::string_view name_of(Isa);

/// Calls f(Tag{}) with the tag of the chosen set; here the run-time choice becomes a type.
template <class F>
decltype(auto) with_isa(F&& f) {
#if defined(__x86_64__)
  switch (isa()) {
    case Isa::x86_64_v4: return f(X86V4{});
    case Isa::x86_64_v3: return f(X86V3{});
    default: return f(Portable{});
  }
#elif defined(__aarch64__)
  return f(Neon{});
#else
  return f(Portable{});
#endif
}

}  // namespace brink
