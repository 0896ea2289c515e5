// SPDX-License-Identifier: MIT
// The CPU's loops of the epilogue over rows that are still in the cache, compiled once per instruction set.
#include "kernels/epilogue/epilogue.h"
#include "kernels/isa.h"

namespace brink::cpu {

namespace {
template <bool bias, bool relu, bool gate, class T>
void finish(const Finish<T>& f, std::int64_t first, std::int64_t last, std::int64_t n, T* c) {
  for (std::int64_t r = first; r < last; ++r) {
    T* const row = c + r * n;
    const T* const open = gate ? f.gate + r * n : nullptr;
#pragma GCC ivdep
    for (std::int64_t j = 0; j < n; ++j) {
      T x = row[j];
      if constexpr (bias) x = Add{}(x, f.bias[j]);
      if constexpr (relu) x = Relu{}(x);
      if constexpr (gate) x = Gate{}(open[j], x);
      row[j] = x;
    }
  }
}
}  // namespace

template <class Isa, class T>
void finish_rows(const Finish<T>& f, std::int64_t first, std::int64_t last, std::int64_t n, T* c) {
  const auto with_bias = [&]<bool relu, bool gate>() {
    f.bias ? finish<true, relu, gate>(f, first, last, n, c) : finish<false, relu, gate>(f, first, last, n, c);
  };
  if (f.relu)
    with_bias.template operator()<true, false>();
  else if (f.gate)
    with_bias.template operator()<false, true>();
  else if (f.bias)
    with_bias.template operator()<false, false>();
}

template void finish_rows<ThisIsa, float>(const Finish<float>&, std::int64_t, std::int64_t, std::int64_t, float*);
template void finish_rows<ThisIsa, double>(const Finish<double>&, std::int64_t, std::int64_t, std::int64_t, double*);

}  // namespace brink::cpu
