// SPDX-License-Identifier: MIT
#include "kernels/map/map.cuh"
#include "kernels/map/map.h"

namespace brink::cuda {

namespace {

template <class F, class T>
void launch_map(Device& d, std::int64_t n, T* out, const T* a, const T* b, double c) {
  const Elements elements = elements_of(n, out, a, b);
  launch(d, map_kernel<F, T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, out, a, b,
         make_functor<F>(c));
}

template <class T>
using LaunchMap = void(Device&, std::int64_t, T*, const T*, const T*, double);

/// The launch of the functor at `index` of the list.
template <class T>
LaunchMap<T>* map_launch(std::size_t index) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    LaunchMap<T>* const launches[] = {&launch_map<std::tuple_element_t<i, Functors>, T>...};
    return launches[index];
  }
  (std::make_index_sequence<std::tuple_size_v<Functors>>{});
}

}  // namespace

void map(Device& d, std::size_t functor, View out, std::span<const View> in, double c) {
  with_real(out.dtype, [&]<class T>(T) {
    const T* const a = in[0].as<T>();
    map_launch<T>(functor)(d, out.shape.elements(), out.as<T>(), a, in.size() > 1 ? in[1].as<T>() : a, c);
  });
}

void fill(Device& d, View out, double value) {
  with_real(out.dtype, [&]<class T>(T) {
    const Elements elements = elements_of(out.shape.elements(), out.as<T>());
    launch(d, fill_kernel<T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, out.as<T>(),
           static_cast<T>(value));
  });
}

}  // namespace brink::cuda
