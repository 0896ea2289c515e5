// SPDX-License-Identifier: MIT
// The loops of elementary_loops.h, compiled once per instruction set (isa.h).
#include "tests/kernels/elementary_loops.h"

#include "kernels/functions/elementary.h"

namespace brink::test {

namespace {
template <class T, class F>
[[gnu::always_inline]] inline void loop(const T* __restrict x, T* __restrict y, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}
}  // namespace

template <class Isa, class T>
void evaluate_isa(Function f, const T* x, T* y, std::int64_t n) {
  switch (f) {
    case Function::exp: return loop(x, y, n, [](T v) { return elementary::exp(v); });
    case Function::log: return loop(x, y, n, [](T v) { return elementary::log(v); });
    case Function::tanh: return loop(x, y, n, [](T v) { return elementary::tanh(v); });
    case Function::sin: return loop(x, y, n, [](T v) { return elementary::sin(v); });
    case Function::cos: return loop(x, y, n, [](T v) { return elementary::cos(v); });
    case Function::log1p: return loop(x, y, n, [](T v) { return static_cast<T>(elementary::log1p(v)); });
    case Function::normal_cdf: return loop(x, y, n, [](T v) { return elementary::normal_cdf(v); });
    case Function::normal_density: return loop(x, y, n, [](T v) { return elementary::normal_density(v); });
    case Function::sin_turns: return loop(x, y, n, [](T v) { return static_cast<T>(elementary::sin_turns(v)); });
    case Function::cos_turns: return loop(x, y, n, [](T v) { return static_cast<T>(elementary::cos_turns(v)); });
    case Function::log_twice_rounded:
      return loop(x, y, n, [](T v) { return static_cast<T>(elementary::log(static_cast<double>(v))); });
  }
}

template void evaluate_isa<ThisIsa, float>(Function, const float*, float*, std::int64_t);
template void evaluate_isa<ThisIsa, double>(Function, const double*, double*, std::int64_t);

}  // namespace brink::test
