// SPDX-License-Identifier: MIT
// What it is: the loops of map, one per functor and type, compiled once per instruction set; the compiler vectorises them.
#include "kernels/isa.h"
#include "kernels/map/map.h"

namespace brink::cpu {

namespace {
template <class F, class T>
void loop(std::int64_t n, T* out, const T* a, const T* b, double c) {
  const F f = make_functor<F>(c);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (F::arity == 1)
      out[i] = f(a[i]);
    else
      out[i] = f(a[i], b[i]);
  }
}
}  // namespace

template <class Isa, class T>
MapLoop<T>* map_loop(std::size_t index) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    MapLoop<T>* const loops[] = {&loop<std::tuple_element_t<i, Functors>, T>...};
    return loops[index];
  }
  (std::make_index_sequence<std::tuple_size_v<Functors>>{});
}

template MapLoop<float>* map_loop<ThisIsa, float>(std::size_t);
template MapLoop<double>* map_loop<ThisIsa, double>(std::size_t);

}  // namespace brink::cpu
