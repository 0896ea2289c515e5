// SPDX-License-Identifier: MIT
#include "kernels/broadcast/broadcast.cuh"
#include "kernels/broadcast/broadcast.h"

namespace brink::cuda {

using std::int64_t;

namespace {
template <class... P, class... A>
void launch_cells(Device& d, void (*kernel)(Cells, P...), const Cells& cells, const A&... arguments) {
  launch(d, kernel, cells_grid(cells), {elementwise_threads}, cells, arguments...);
}
}  // namespace

void add_row(Device& d, View out, View x, View b) {
  with_real(out.dtype, [&]<class T>(T) {
    constexpr int width = pack_width<T>;
    const int64_t n = b.shape[0], rows = x.shape.elements() / n;
    T *const to = out.as<T>(), *const from = x.as<T>(), *const row = b.as<T>();
    if (n % width == 0 && packable(to, from, row))
      launch_cells(d, add_row_kernel<width, T>, cells_of(rows, n / width), to, from, row);
    else
      launch_cells(d, add_row_kernel<1, T>, cells_of(rows, n), to, from, row);
  });
}

void broadcast_row(Device& d, View out, View b) {
  with_real(out.dtype, [&]<class T>(T) {
    constexpr int width = pack_width<T>;
    const int64_t n = b.shape[0], rows = out.shape.elements() / n;
    T *const to = out.as<T>(), *const row = b.as<T>();
    if (n % width == 0 && packable(to, row))
      launch_cells(d, broadcast_row_kernel<width, T>, cells_of(rows, n / width), to, row);
    else
      launch_cells(d, broadcast_row_kernel<1, T>, cells_of(rows, n), to, row);
  });
}

void broadcast_column(Device& d, View out, View r) {
  with_real(out.dtype, [&]<class T>(T) {
    launch_cells(d, broadcast_column_kernel<T>, cells_of(out.shape[0], out.shape.row_elements()), out.as<T>(),
                 r.as<T>());
  });
}

void sum_columns(Device& d, View out, View x) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = x.shape[0];
    launch(d, sum_columns_kernel<T>, {blocks_for(rows, elementwise_threads)}, {elementwise_threads}, rows,
           x.shape.row_elements(), out.as<T>(), x.as<T>());
  });
}

void pad_columns(Device& d, View out, View x, int64_t before) {
  with_real(out.dtype, [&]<class T>(T) {
    launch_cells(d, pad_columns_kernel<T>, cells_of(x.shape[0], out.shape[1]), out.as<T>(), x.as<T>(), x.shape[1],
                 before);
  });
}

void slice_columns(Device& d, View out, View x, int64_t first) {
  with_real(out.dtype, [&]<class T>(T) {
    launch_cells(d, slice_columns_kernel<T>, cells_of(x.shape[0], out.shape[1]), out.as<T>(), x.as<T>(), x.shape[1],
                 first);
  });
}

void scale_by(Device& d, View out, View c, View x) {
  with_real(out.dtype, [&]<class T>(T) {
    const Elements elements = elements_of(x.shape.elements(), out.as<T>(), x.as<T>());
    launch(d, scale_by_kernel<T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, out.as<T>(),
           c.as<double>(), x.as<T>());
  });
}

}  // namespace brink::cuda
