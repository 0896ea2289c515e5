// SPDX-License-Identifier: MIT
#include "kernels/map/map.cuh"
#include "kernels/map/map.h"

namespace brink::cuda {

namespace {

template <class T, int n>
Pointers<T, n> pointers(std::span<const View> views) {
  Pointers<T, n> out;
  for (int k = 0; k < n; ++k) out.p[k] = views[static_cast<std::size_t>(k)].as<std::remove_const_t<T>>();
  return out;
}
template <class T, int n>
bool packable_all(const Pointers<T, n>& of) {
  for (const T* const p : of.p)
    if (!packable(p)) return false;
  return true;
}

template <class F, class T>
void launch_map(Device& d, std::span<const View> out, std::span<const View> in, const double* constants) {
  const auto y = pointers<T, outputs_of<F>>(out);
  const auto x = pointers<const T, F::arity>(in);
  const std::int64_t n = out[0].shape.elements();
  const Elements elements{n, packable_all(y) && packable_all(x) ? n / pack_width<T> : 0};
  launch(d, map_kernel<F, T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, y, x,
         make_functor<F>(constants));
}

using LaunchMap = void(Device&, std::span<const View>, std::span<const View>, const double*);

/// The launch of the functor at `index` of the list.
template <class T>
LaunchMap* map_launch(std::size_t index) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    LaunchMap* const launches[] = {&launch_map<std::tuple_element_t<i, Functors>, T>...};
    return launches[index];
  }
  (std::make_index_sequence<std::tuple_size_v<Functors>>{});
}

}  // namespace

void map(Device& d, std::size_t functor, std::span<const View> out, std::span<const View> in, const double* constants) {
  with_real(out[0].dtype, [&]<class T>(T) { map_launch<T>(functor)(d, out, in, constants); });
}

void fill(Device& d, View out, double value) {
  with_real(out.dtype, [&]<class T>(T) {
    const Elements elements = elements_of(out.shape.elements(), out.as<T>());
    launch(d, fill_kernel<T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, out.as<T>(),
           static_cast<T>(value));
  });
}

void cast(Device& d, View out, View x) {
  with_real(out.dtype, [&]<class To>(To) {
    with_real(x.dtype, [&]<class From>(From) {
      const std::int64_t n = out.shape.elements();
      launch(d, cast_kernel<To, From>, {blocks_for(n, elementwise_threads)}, {elementwise_threads}, n, out.as<To>(),
             static_cast<const From*>(x.as<From>()));
    });
  });
}

}  // namespace brink::cuda
