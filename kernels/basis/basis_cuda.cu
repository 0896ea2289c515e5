// SPDX-License-Identifier: MIT
#include <cassert>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels/basis/basis.cuh"
#include "kernels/basis/basis.h"

namespace brink::cuda {

using std::int64_t;

namespace {

constexpr int columns_at_once = 4;

/// Enqueues the copy of `count` host numbers to device memory.
void put(Device& d, const double* from, int64_t count, double* to) {
  for (int64_t i = 0; i < count; i += Values::most) {
    const int part = static_cast<int>(count - i < Values::most ? count - i : Values::most);
    Values values{};
    std::memcpy(values.v, from + i, static_cast<std::size_t>(part) * sizeof(double));
    launch(d, put_kernel<Values>, {1}, {Values::most}, values, part, to + i);
  }
}

/// Partials of `columns` columns at a time, as many as `count` has of those; returns how many are left.
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
  // Several columns to a warp share the reads of w, and one to a warp fills the device: first the latter.
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

void project(Device& d, const ColumnSet& q, View w, double* c, double*) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements());
  const int64_t tiles = reduce_tiles(q.n);
  double* const partials = d.gpu->partials();
  with_real(q.dtype, [&]<class T>(T) {
    if (tiles > tiles_at_once || tiles == 0) {
      for (int i = 0; i < q.count; ++i) c[i] = cuda::dot(d, q.column(i), w);
      return;
    }
    // As many columns as have room for their tiles and their results.
    const int64_t room = Context::most_partials / (tiles + 1);
    const int most = static_cast<int>(room < Context::most_fetched ? room : Context::most_fetched);
    for (int i = 0; i < q.count; i += most) {
      const int count = q.count - i < most ? q.count - i : most;
      double* const results = partials + count * tiles;
      dots(d, q.as<T>() + i * q.stride, q.stride, count, w.as<T>(), q.n, 0, tiles, partials);
      launch_tree(d, static_cast<unsigned>(count), partials, tiles, 1.0, results);
      d.gpu->fetch(c + i, results, count);
    }
  });
}

double subtract(Device& d, const ColumnSet& q, const double* c, View x, View w) {
  assert(q.dtype == w.dtype && q.n == w.shape.elements() && q.dtype == x.dtype && q.n == x.shape.elements());
  return with_real(q.dtype, [&]<class T>(T) {
    Values few{};
    double* more = nullptr;
    if (q.count <= Values::most) {
      if (q.count > 0) std::memcpy(few.v, c, static_cast<std::size_t>(q.count) * sizeof(double));
    } else {
      more = d.gpu->partials() + tiles_at_once;
      put(d, c, q.count, more);
    }
    return std::sqrt(over_tiles<double>(d, q.n, [&](int64_t first, int64_t count, double* partials) {
      subtract_tiles<T>(d, q, few, more, x, w, first, count, partials);
    }));
  });
}

void recur(Device& d, const ColumnSet& q, bool first, double beta, View p, View w, double* found, double* c,
           double* scratch) {
  const int64_t tiles = reduce_tiles(q.n);
  const int last = q.count - 1;
  const ColumnSet pair = q.range(first ? last : last - 1, q.count);
  if (tiles > tiles_at_once) {  // too many for one tree
    const double alpha = cuda::dot(d, q.column(last), p), both[2] = {first ? alpha : beta, alpha};
    found[0] = alpha;
    found[1] = cuda::subtract(d, pair, both, p, w);
    cuda::project(d, q, w, c, scratch);
    found[2] = cuda::subtract(d, q, c, w, w);
    return;
  }
  // Behind the partials: β, then what is found, then the sweep's coefficients.
  double* const partials = d.gpu->partials();
  const int64_t room = Context::most_partials - (4 + q.count);
  assert(room >= tiles);
  double *const beta_at = partials + room, *const alpha_at = beta_at + 1, *const squares = beta_at + 2,
                *const coefficients = beta_at + 4;
  if (!first) put(d, &beta, 1, beta_at);
  with_real(q.dtype, [&]<class T>(T) {
    dot_columns<1>(d, q.column(last).as<T>(), q.stride, 1, p.as<T>(), q.n, 0, tiles, partials);
    launch_tree(d, 1, partials, tiles, 1.0, alpha_at);
    subtract_tiles<T>(d, pair, {}, first ? alpha_at : beta_at, p, w, 0, tiles, partials);
    launch_tree(d, 1, partials, tiles, 1.0, squares);
    const int most = static_cast<int>(room / tiles < q.count ? room / tiles : q.count);
    for (int i = 0; i < q.count; i += most) {
      const int count = q.count - i < most ? q.count - i : most;
      dots(d, q.as<T>() + i * q.stride, q.stride, count, w.as<T>(), q.n, 0, tiles, partials);
      launch_tree(d, static_cast<unsigned>(count), partials, tiles, 1.0, coefficients + i);
    }
    subtract_tiles<T>(d, q, {}, coefficients, w, w, 0, tiles, partials);
    launch_tree(d, 1, partials, tiles, 1.0, squares + 1);
  });
  d.gpu->fetch(found, alpha_at, 3);
  found[1] = std::sqrt(found[1]);
  found[2] = std::sqrt(found[2]);
}

void combine(Device& d, const ColumnSet& q, const double* s, const ColumnSet& y) {
  assert(q.dtype == y.dtype && q.n == y.n && y.count <= max_combined);
  const int k = y.count;
  if (int64_t{q.count} * k > Context::most_partials)
    throw std::length_error("[combine] coefficients " + std::to_string(q.count) + " × " + std::to_string(k) +
                            ": at most " + std::to_string(Context::most_partials) + " on a CUDA device");
  put(d, s, int64_t{q.count} * k, d.gpu->partials());
  with_real(q.dtype, [&]<class T>(T) {
    const auto launch_outputs = [&]<int outputs>(std::integral_constant<int, outputs>) {
      int groups = 1;
      while (groups * outputs < k) groups *= 2;
      constexpr int span = static_cast<int>(warp_lanes) * combine_elements;
      launch(d, combine_kernel<outputs, T>, {blocks_for(q.n, int64_t{combine_warps} / groups * span)},
             {combine_warps * warp_lanes}, q.as<T>(), q.stride, q.count, d.gpu->partials(), k, groups, y.as<T>(),
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

void scale(Device& d, View x, double factor, View y) {
  assert(x.dtype == y.dtype && x.shape.elements() == y.shape.elements());
  with_real(x.dtype, [&]<class T>(T) {
    const Elements elements = elements_of(x.shape.elements(), y.as<T>(), x.as<T>());
    launch(d, scale_kernel<T>, elementwise_grid<T>(elements), {elementwise_threads}, elements, y.as<T>(), factor,
           x.as<T>());
  });
}

double largest_entry(Device& d, View x) {
  const int64_t n = x.shape.elements();
  if (n == 0) return 0.0;
  auto* const found = reinterpret_cast<Largest*>(d.gpu->partials());
  double* const result = d.gpu->partials() + Context::most_partials - 1;
  const unsigned wanted = blocks_for(n, largest_threads * 4),
                 blocks = wanted < largest_blocks ? wanted : largest_blocks;
  with_real(x.dtype,
            [&]<class T>(T) { launch(d, largest_kernel<T>, {blocks}, {largest_threads}, x.as<T>(), n, found); });
  launch(d, largest_value_kernel<Largest>, {1}, {largest_threads}, found, static_cast<int>(blocks), result);
  double value = 0;
  d.gpu->fetch(&value, result, 1);
  return value;
}

}  // namespace brink::cuda
