// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <iterator>

#include "kernels/cuda/launch.h"
#include "kernels/matmul/matmul.cuh"
#include "kernels/matmul/matmul.h"

namespace brink::cuda {

namespace {

using std::int64_t;

template <class T>
FactorPairs<T> pairs_of(std::span<const View> factors) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  FactorPairs<T> out{};
  out.count = static_cast<std::int32_t>(factors.size() / 2);
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
    out.a[i / 2] = factors[i].as<T>();
    out.b[i / 2] = factors[i + 1].as<T>();
    out.k[i / 2] = static_cast<std::int32_t>(factors[i].shape[1]);
  }
  return out;
}

/// Cycles that one term of all chains costs the busiest multiprocessor (matmul.cuh, "tiles"): the slowest of fma issue, shared
/// memory and what a multiprocessor gets from the second-level cache (4 values a cycle: 16 bytes of float32).
template <class Tile>
double model_cycles(int64_t m, int64_t n, int64_t copies, int multiprocessors) {
  const int64_t all = blocks_for(m, Tile::m) * int64_t{blocks_for(n, Tile::n)} * copies;
  const int64_t blocks = (all + multiprocessors - 1) / multiprocessors, warps = blocks * (Tile::threads / 32);
  const int64_t warps_of_a_scheduler = (warps + 3) / 4;
  const auto fma = static_cast<double>(warps_of_a_scheduler * Tile::tm * Tile::tn);
  const auto staged = static_cast<double>(blocks * (Tile::m + Tile::n));
  const double shared = static_cast<double>(warps * (Tile::tm + Tile::tn)) + staged / 32;
  return std::max({fma, shared, staged / 4});
}

/// Calls f with the tile that the model finds cheapest for `copies` products [m,n]; of equals the first, which is the larger.
template <class T, class F>
void with_tile(Device& d, int64_t m, int64_t n, int64_t copies, F&& f) {
  const int multiprocessors = d.gpu->properties().multiprocessors;
  [&]<class... Tile>(TileList<Tile...>) {
    const double cycles[] = {model_cycles<Tile>(m, n, copies, multiprocessors)...};
    const auto chosen = std::min_element(std::begin(cycles), std::end(cycles)) - std::begin(cycles);
    std::ptrdiff_t i = 0;
    ((i++ == chosen ? f(Tile{}) : void()), ...);
  }(typename Tiles<T>::All{});
}

/// Groups whose parts lie in scratch at once: all of them, or the most of 2ʲ that stay below the cap.
constexpr int64_t most_part_bytes = int64_t{256} << 20, most_in_grid = 65535;
int64_t groups_at_once(int64_t groups, int64_t part_bytes) {
  if (groups * part_bytes <= most_part_bytes && groups <= most_in_grid) return groups;
  int64_t at_once = 1;
  while (2 * at_once * part_bytes <= most_part_bytes && 2 * at_once <= most_in_grid) at_once *= 2;
  return std::min(at_once, groups);
}

/// T over `count` leaves of `elements` values at `leaves`, into `to`; the leaves are used up.
template <class T>
void join_groups(Device& d, T* to, T* leaves, int64_t count, int64_t elements) {
  for (int64_t stride = elements;; stride *= most_joined) {
    const unsigned blocks = blocks_for(count, most_joined);
    launch(d, join_groups_kernel<T>, {blocks_for(elements, join_columns), blocks}, {join_columns * join_rows},
           blocks == 1 ? to : nullptr, leaves, stride, count, elements);
    if (blocks == 1) return;
    count = blocks;
  }
}

/// T over the groups' parts, [elements] each, which parts(to, first group, number) enqueues; a batch of 2ʲ groups at a time
/// where they do not fit. Batches are subtrees of T: a binary counter of them waits behind the parts.
template <class T, class Parts>
void over_groups(Device& d, T* to, int64_t groups, int64_t elements, T* scratch, Parts&& parts) {
  if (groups == 1) return parts(to, int64_t{0}, int64_t{1});
  const int64_t at_once = groups_at_once(groups, elements * int64_t{sizeof(T)});
  T* const waiting = scratch + at_once * elements;
  for (int64_t first = 0, batch = 0; first < groups; first += at_once, ++batch) {
    const int64_t count = std::min(at_once, groups - first);
    const bool last = first + count == groups;
    parts(scratch, first, count);
    T* const sum = last ? to : scratch;
    if (count > 1 || last) join_groups(d, sum, scratch, count, elements);
    int level = 0;
    const auto join_waiting = [&] {
      launch(d, join_two_kernel<T>, {blocks_for(elements, 256)}, {256}, sum, waiting + level * elements, elements);
    };
    for (; (batch >> level & 1) != 0; ++level) join_waiting();
    if (!last) d.gpu->copy(waiting + level * elements, sum, elements * int64_t{sizeof(T)});
    if (last)
      for (++level; batch >> level != 0; ++level)
        if ((batch >> level & 1) != 0) join_waiting();
  }
}

int64_t over_groups_bytes(int64_t groups, int64_t part_bytes) {
  if (groups == 1) return 0;
  const int64_t at_once = groups_at_once(groups, part_bytes), batches = (groups + at_once - 1) / at_once;
  int64_t levels = 0;
  while (batches > 1 && int64_t{1} << levels < batches) ++levels;
  return (at_once + levels) * part_bytes;
}

}  // namespace

void matmul(Device& d, View c, std::span<const View> factors, bool transpose_b, View, const Epilogue* epilogue) {
  with_real(c.dtype, [&]<class T>(T) {
    const int64_t m = c.shape[0], n = c.shape[1];
    const FactorPairs<T> pairs = pairs_of<T>(factors);
    with_tile<T>(d, m, n, 1, [&]<class Tile>(Tile) {
      int portions = 0;
      for (int i = 0; i < pairs.count; ++i) portions += (pairs.k[i] + Tile::k - 1) / Tile::k;
      launch(d, transpose_b ? matmul_kernel<T, Tile, true> : matmul_kernel<T, Tile, false>,
             {blocks_for(m, Tile::m), blocks_for(n, Tile::n)}, {Tile::threads}, c.as<T>(), m, n, portions, pairs,
             Finish<T>(epilogue));
    });
  });
}

int64_t matmul_scratch_bytes(int64_t, int64_t, Dtype) { return 0; }

void weight_gradient(Device& d, View w, std::span<const View> factors, int64_t group, View scratch) {
  with_real(w.dtype, [&]<class T>(T) {
    const int64_t samples = factors[0].shape[0], k = w.shape[0], n = w.shape[1], groups = (samples + group - 1) / group;
    const FactorPairs<T> pairs = pairs_of<T>(factors);
    over_groups(d, w.as<T>(), groups, k * n, static_cast<T*>(scratch.data), [&](T* to, int64_t first, int64_t count) {
      with_tile<T>(d, k, n, count, [&]<class Tile>(Tile) {
        launch(d, weight_gradient_kernel<T, Tile>,
               {blocks_for(k, Tile::m), blocks_for(n, Tile::n), static_cast<unsigned>(count)}, {Tile::threads}, to,
               samples, k, n, group, first, pairs);
      });
    });
  });
}

int64_t weight_gradient_scratch_bytes(int64_t samples, int64_t k, int64_t n, int, int64_t group, Dtype dtype) {
  return over_groups_bytes((samples + group - 1) / group, k * n * size_of(dtype));
}

void sum_samples(Device& d, View b, View in, int64_t group, View scratch) {
  with_real(b.dtype, [&]<class T>(T) {
    const int64_t samples = in.shape[0], n = b.shape.elements(), groups = (samples + group - 1) / group;
    if (in.shape.rank > 2)
      return launch(d, sum_pixels_kernel<T>, {blocks_for(n, 32)}, {32}, b.as<T>(), grouped_panels(in.shape, group), n,
                    in.as<T>());
    // One warp a block: few chains, and each multiprocessor has its own path to memory.
    constexpr unsigned threads = 32;
    over_groups(d, b.as<T>(), groups, n, static_cast<T*>(scratch.data), [&](T* to, int64_t first, int64_t count) {
      const int64_t s0 = first * group;
      launch(d, sum_samples_kernel<T>, {blocks_for(count * n, threads)}, {threads}, to,
             std::min(samples - s0, count * group), n, group, in.as<T>() + s0 * n);
    });
  });
}

int64_t sum_samples_scratch_bytes(const Shape& d, int64_t group, Dtype dtype) {
  if (d.rank > 2) return 0;
  return over_groups_bytes((d[0] + group - 1) / group, d[1] * size_of(dtype));
}

}  // namespace brink::cuda
