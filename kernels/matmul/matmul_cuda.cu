// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/matmul/matmul.cuh"
#include "kernels/matmul/matmul.h"
#include "kernels/reduce/over_panels.cuh"

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

}  // namespace

void matmul(Device& d, View c, std::span<const View> factors, bool transpose_b, View, const Epilogue* epilogue) {
  with_real(c.dtype, [&]<class T>(T) {
    const int64_t m = c.shape[0], n = c.shape[1];
    const FactorPairs<T> pairs = pairs_of<T>(factors);
    with_tile<typename Tiles<T>::All>(d, m, n, 1, [&]<class Tile>(Tile) {
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
    const int64_t samples = factors[0].shape[0], k = w.shape[0], n = w.shape[1];
    const FactorPairs<T> pairs = pairs_of<T>(factors);
    over_panels(d, w.as<T>(), {samples, group, 0}, k * n, static_cast<T*>(scratch.data),
                [&](T* to, int64_t first, int64_t count) {
                  with_tile<typename Tiles<T>::All>(d, k, n, count, [&]<class Tile>(Tile) {
                    launch(d, weight_gradient_kernel<T, Tile>,
                           {blocks_for(k, Tile::m), blocks_for(n, Tile::n), static_cast<unsigned>(count)},
                           {Tile::threads}, to, samples, k, n, group, first, pairs);
                  });
                });
  });
}

int64_t weight_gradient_scratch_bytes(int64_t samples, int64_t k, int64_t n, int, int64_t group, Dtype dtype) {
  return over_panels_bytes({samples, group, 0}, k * n * size_of(dtype));
}

void sum_samples(Device& d, View b, View in, int64_t group, View scratch) {
  with_real(b.dtype, [&]<class T>(T) {
    const GroupedPanels all = grouped_panels(in.shape, group);
    const int64_t n = b.shape.elements();
    // One warp a block: there are few chains, and each multiprocessor has its own path to memory.
    constexpr unsigned threads = 32;
    over_panels(d, b.as<T>(), all, n, static_cast<T*>(scratch.data), [&](T* to, int64_t first, int64_t count) {
      launch(d, sum_samples_kernel<T>, {blocks_for(count * n, threads)}, {threads}, to, all, all.count(0), first, count,
             n, in.as<T>());
    });
  });
}

int64_t sum_samples_scratch_bytes(const Shape& d, int64_t group, Dtype dtype) {
  return over_panels_bytes(grouped_panels(d, group), d[d.rank - 1] * size_of(dtype));
}

}  // namespace brink::cuda
