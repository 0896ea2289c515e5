// SPDX-License-Identifier: MIT
#include <cassert>
#include <cstring>
#include <stdexcept>

#include "kernels/basis/basis.cuh"
#include "kernels/basis/basis.h"

namespace brink::cuda {

using std::int64_t;

namespace {

constexpr int columns_at_once = 4;

/// Enqueues the partials of `count` columns, `columns` at a time; returns how many are left.
template <int columns, class T>
int dot_columns(Device& d, const T* q, int64_t stride, int count, const T* w, int64_t n, int64_t first, int64_t tiles,
                double* partials) {
  launch(d, dot_kernel<columns, T>, {blocks_for(tiles, tiles_a_block), static_cast<unsigned>(count / columns)},
         {tiles_a_block * warp_lanes}, q, stride, w, n, first, tiles, partials);
  return count % columns;
}

template <class T>
void dots(Device& d, const T* q, int64_t stride, int count, const T* w, int64_t n, int64_t first, int64_t tiles,
          double* partials) {
  // Several columns to a warp share the reads of w, but one to a warp fills the device sooner.
  const bool fills = tiles * (count / columns_at_once) >= int64_t{8} * d.gpu->properties().multiprocessors;
  const int rest = fills ? dot_columns<columns_at_once>(d, q, stride, count, w, n, first, tiles, partials) : count;
  const int done = count - rest;
  dot_columns<1>(d, q + done * stride, stride, rest, w, n, first, tiles, partials + done * tiles);
}

/// w = x − Q c and the partials of ‖w‖² over tiles first … first + count. c: `more` if not null, else `few`.
template <class T>
void subtract_tiles(Device& d, const ColumnSet& q, const Values& few, const double* more, View x, View w, int64_t first,
                    int64_t count, double* partials) {
  const bool packed = packable(q.as<T>(), x.as<T>(), w.as<T>()) && q.stride % pack_width<T> == 0;
  launch(d, subtract_kernel<T>, {static_cast<unsigned>(count)}, {subtract_threads}, q.as<T>(), q.stride, q.count, few,
         more, x.as<T>(), w.as<T>(), q.n, first, packed, partials);
}

}  // namespace

void put(Device& d, const double* from, int64_t count, Scalar to) {
  for (int64_t i = 0; i < count; i += Values::most) {
    const int part = static_cast<int>(count - i < Values::most ? count - i : Values::most);
    Values values{};
    std::memcpy(values.v, from + i, static_cast<std::size_t>(part) * sizeof(double));
    launch(d, put_kernel<Values>, {1}, {Values::most}, values, part, to.at + i);
  }
}

void project(Device& d, const ColumnSet& q, View w, Scalar c) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements());
  const int64_t tiles = reduce_tiles(q.n);
  if (tiles > tiles_at_once || tiles == 0) {
    for (int i = 0; i < q.count; ++i) cuda::dot(d, q.column(i), w, c + i);
    return;
  }
  double* const partials = context(d).partials();
  // As many columns as there is room for tiles, and as a grid may have rows.
  constexpr int64_t most_rows = 65535;
  const int64_t room = Context::most_partials / tiles, most_columns = room < most_rows ? room : most_rows;
  const int most = static_cast<int>(most_columns < q.count ? most_columns : q.count);
  with_real(q.dtype, [&]<class T>(T) {
    for (int i = 0; i < q.count; i += most) {
      const int count = q.count - i < most ? q.count - i : most;
      dots(d, q.as<T>() + i * q.stride, q.stride, count, w.as<T>(), q.n, 0, tiles, partials);
      launch_tree<double>(d, static_cast<unsigned>(count), partials, tiles, 1.0, c.at + i);
    }
  });
}

void project(Device& d, const ColumnSet& q, View w, double* c) {
  for (int i = 0; i < q.count; i += Context::most_fetched) {
    const int count = q.count - i < Context::most_fetched ? q.count - i : Context::most_fetched;
    cuda::project(d, q.range(i, i + count), w, Scalar{context(d).results()});
    d.gpu->fetch(c + i, context(d).results(), count);
  }
}

void subtract(Device& d, const ColumnSet& q, const Coefficients& c, View x, View w, Scalar norm) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements() && q.dtype == x.dtype && q.n == x.shape.elements());
  Values few{};
  const double* more = c.device;
  if (c.host && q.count <= Values::most) {
    if (q.count > 0) std::memcpy(few.v, c.host, static_cast<std::size_t>(q.count) * sizeof(double));
  } else if (c.host) {  // after the partials of the tiles and of their tree
    const Scalar copied{context(d).partials() + Context::most_partials - q.count};
    cuda::put(d, c.host, q.count, copied);
    more = copied.at;
  }
  with_real(q.dtype, [&]<class T>(T) {
    const auto work = [&](int64_t first, int64_t count, double* partials) {
      subtract_tiles<T>(d, q, few, more, x, w, first, count, partials);
    };
    tree_of_blocks(d, reduce_tiles(q.n), 1.0, norm.at, work, TreeEnd::root);
  });
}

double subtract(Device& d, const ColumnSet& q, const double* c, View x, View w) {
  return fetched(d, [&](Scalar norm) { cuda::subtract(d, q, c, x, w, norm); });
}

void combine(Device& d, const ColumnSet& q, const double* s, const ColumnSet& y) {
  assert(q.dtype == y.dtype && q.n == y.n && y.count <= max_combined);
  const int k = y.count;
  if (int64_t{q.count} * k > Context::most_partials)
    throw std::length_error("[combine] coefficients " + std::to_string(q.count) + " × " + std::to_string(k) +
                            "; expected at most " + std::to_string(Context::most_partials) + " on a CUDA device");
  cuda::put(d, s, int64_t{q.count} * k, Scalar{context(d).partials()});
  with_real(q.dtype, [&]<class T>(T) {
    const auto launch_outputs = [&]<int outputs>(std::integral_constant<int, outputs>) {
      int groups = 1;
      while (groups * outputs < k) groups *= 2;
      constexpr int span = static_cast<int>(warp_lanes) * combine_elements;
      launch(d, combine_kernel<outputs, T>, {blocks_for(q.n, int64_t{combine_warps} / groups * span)},
             {combine_warps * warp_lanes}, q.as<T>(), q.stride, q.count, context(d).partials(), k, groups, y.as<T>(),
             y.stride, q.n);
    };
    if (k <= 4)
      launch_outputs(std::integral_constant<int, 4>{});
    else if (k <= 8)
      launch_outputs(std::integral_constant<int, 8>{});
    else
      launch_outputs(std::integral_constant<int, 16>{});
  });
}

namespace {
void scale(Device& d, View x, double given, const double* found, View y) {
  assert(x.dtype == y.dtype && x.shape.elements() == y.shape.elements());
  with_real(x.dtype, [&]<class T>(T) {
    const Elements elements = elements_of(x.shape.elements(), y.as<T>(), x.as<T>());
    launch(d, scale_kernel<T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, y.as<T>(), given, found,
           x.as<T>());
  });
}

template <class F>
void launch_map(Device& d, Scalar from, int count, const F& f, Scalar to) {
  launch(d, map_scalars_kernel<F>, {blocks_for(count, scalar_threads)}, {scalar_threads}, from.at, count, f, to.at);
}
}  // namespace

void scale(Device& d, View x, double factor, View y) { scale(d, x, factor, nullptr, y); }
void scale(Device& d, View x, Scalar factor, View y) { scale(d, x, 0, factor.at, y); }

void map_scalars(Device& d, Scalar from, int count, const Quotient& f, Scalar to) { launch_map(d, from, count, f, to); }
void map_scalars(Device& d, Scalar from, int count, const Sign& f, Scalar to) { launch_map(d, from, count, f, to); }

void largest_entry(Device& d, View x, Scalar to) {
  const int64_t n = x.shape.elements();
  if (n == 0) return d.gpu->fill(to.at, 0, sizeof(double));
  auto* const found = reinterpret_cast<Largest*>(context(d).partials());
  const unsigned wanted = blocks_for(n, largest_threads * 4),
                 blocks = wanted < largest_blocks ? wanted : largest_blocks;
  with_real(x.dtype,
            [&]<class T>(T) { launch(d, largest_kernel<T>, {blocks}, {largest_threads}, x.as<T>(), n, found); });
  launch(d, largest_value_kernel<Largest>, {1}, {largest_threads}, found, static_cast<int>(blocks), to.at);
}

double largest_entry(Device& d, View x) {
  return fetched(d, [&](Scalar to) { cuda::largest_entry(d, x, to); });
}

}  // namespace brink::cuda
