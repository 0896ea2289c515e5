// SPDX-License-Identifier: MIT
// The loops of map, one per functor and type, compiled once per instruction set; the compiler vectorises them.
#include "kernels/isa.h"
#include "kernels/map/map.h"

namespace brink::cpu {

namespace {

template <class T, class F, class... In>
void loop_of_one(std::int64_t n, F f, T* out, const In*... in) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(in[i]...);
}

/// The outputs' addresses are local values, like the inputs', because g++ would not vectorise with an array of them.
template <class T, class F, std::size_t... o, class... In>
void loop_of_several(std::index_sequence<o...>, std::int64_t n, F f, T* const* outs, std::int64_t first,
                     const In*... in) {
  [&](auto* const... out) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      const auto y = f(in[i]...);
      ((out[i] = y.v[o]), ...);
    }
  }((outs[o] + first)...);
}

template <class F, class T>
void loop(std::int64_t first, std::int64_t last, T* const* out, const T* const* in, const double* constants) {
  const F f = make_functor<F>(constants);
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    if constexpr (outputs_of<F> == 1)
      loop_of_one<T>(last - first, f, out[0] + first, in[i] + first...);
    else
      loop_of_several<T>(std::make_index_sequence<outputs_of<F>>{}, last - first, f, out, first, in[i] + first...);
  }
  (std::make_index_sequence<F::arity>{});
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
