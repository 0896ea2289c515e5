// SPDX-License-Identifier: MIT
// The elementary functions as loops over arrays, one copy per instruction set, for the tests and timings.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/isa.h"

namespace brink::test {

/// log_twice_rounded is the negative control: the float64 logarithm, rounded to float64 and then again to float32.
enum class Function {
  exp,
  log,
  tanh,
  sin,
  cos,
  normal_cdf,
  normal_density,
  log1p,
  sin_turns,
  cos_turns,
  log_twice_rounded
};
/// The functions that are correctly rounded in float32.
inline constexpr std::array rounded_once{Function::exp, Function::log,        Function::tanh,          Function::sin,
                                         Function::cos, Function::normal_cdf, Function::normal_density};
constexpr std::string_view name_of(Function f) {
  constexpr std::array<std::string_view, 11> names{"exp",
                                                   "log",
                                                   "tanh",
                                                   "sin",
                                                   "cos",
                                                   "normal_cdf",
                                                   "normal_density",
                                                   "log1p",
                                                   "sin_turns",
                                                   "cos_turns",
                                                   "log, rounded twice"};
  return names[static_cast<std::size_t>(f)];
}

template <class Isa, class T>
void evaluate_isa(Function f, const T* x, T* y, std::int64_t n);

/// y[i] = f(x[i]) with the loop compiled for `set`, which this processor must have.
template <class T>
void evaluate(Isa set, Function f, const T* x, T* y, std::int64_t n) {
#if defined(__x86_64__)
  if (set == Isa::x86_64_v4) return evaluate_isa<X86V4, T>(f, x, y, n);
  if (set == Isa::x86_64_v3) return evaluate_isa<X86V3, T>(f, x, y, n);
  return evaluate_isa<Portable, T>(f, x, y, n);
#elif defined(__aarch64__)
  static_cast<void>(set);
  return evaluate_isa<Neon, T>(f, x, y, n);
#else
  static_cast<void>(set);
  return evaluate_isa<Portable, T>(f, x, y, n);
#endif
}

}  // namespace brink::test
