// SPDX-License-Identifier: MIT
#include "kernels/pool/pool.cuh"

namespace brink::cuda {

using std::int64_t;

namespace {

PoolCall call_of(const Shape& x, const Shape& y, PoolWindows windows) {
  return {x[1], x[2], x[3], y[1], y[2], windows};
}
ShortcutCall call_of(const Shape& large, const Shape& small, int64_t stride) {
  return {large[1], large[2], large[3], small[1], small[2], small[3] - large[3], stride};
}
/// Pixels of all samples × channels.
Cells cells_of_pixels(const Shape& x) { return cells_of(x[0] * x[1] * x[2], x[3]); }

void select(Device& d, View out, View x, View from, PoolWindows windows) {
  with_real(x.dtype, [&]<class T>(T) {
    const Cells cells = cells_of_pixels(out.shape);
    launch(d, pool_select_kernel<T>, cells_grid(cells), {elementwise_threads}, cells,
           call_of(x.shape, out.shape, windows), out.as<T>(), x.as<T>(), from.as<T>());
  });
}

}  // namespace

void max_pool(Device& d, View y, View x, PoolWindows windows) { select(d, y, x, x, windows); }
void pool_select(Device& d, View out, View x, View t, PoolWindows windows) { select(d, out, x, t, windows); }

void pool_scatter(Device& d, View out, View x, View cotangent, PoolWindows windows) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t count = x.shape.elements();
    launch(d, pool_scatter_kernel<T>, {blocks_for(count, elementwise_threads)}, {elementwise_threads}, count,
           call_of(x.shape, cotangent.shape, windows), out.as<T>(), x.as<T>(), cotangent.as<T>());
  });
}

void average_pixels(Device& d, View out, View x) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t count = out.shape.elements();
    launch(d, average_pixels_kernel<T>, {blocks_for(count, elementwise_threads)}, {elementwise_threads}, count,
           x.shape[1] * x.shape[2], x.shape[3], out.as<T>(), x.as<T>());
  });
}

void spread_pixels(Device& d, View out, View x) {
  with_real(x.dtype, [&]<class T>(T) {
    const Cells cells = cells_of_pixels(out.shape);
    launch(d, spread_pixels_kernel<T>, cells_grid(cells), {elementwise_threads}, cells, out.shape[1] * out.shape[2],
           out.as<T>(), x.as<T>());
  });
}

void shortcut(Device& d, View out, View x, int64_t stride) {
  with_real(x.dtype, [&]<class T>(T) {
    const Cells cells = cells_of_pixels(out.shape);
    launch(d, shortcut_kernel<T>, cells_grid(cells), {elementwise_threads}, cells, call_of(x.shape, out.shape, stride),
           out.as<T>(), x.as<T>());
  });
}

void shortcut_transposed(Device& d, View out, View x, int64_t stride) {
  with_real(x.dtype, [&]<class T>(T) {
    const Cells cells = cells_of_pixels(out.shape);
    launch(d, shortcut_transposed_kernel<T>, cells_grid(cells), {elementwise_threads}, cells,
           call_of(out.shape, x.shape, stride), out.as<T>(), x.as<T>());
  });
}

}  // namespace brink::cuda
