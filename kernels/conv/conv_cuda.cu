// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/conv/conv.cuh"
#include "kernels/conv/conv.h"
#include "kernels/cuda/launch.h"
#include "kernels/reduce/over_panels.cuh"

namespace brink::cuda {

namespace {

using std::int64_t;

/// gathers_b: both operands are gathered along their last axis, which has `channels` elements.
template <class T>
ConvPairs<T> pairs_of(std::span<const View> factors, int64_t channels, bool gathers_b) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  ConvPairs<T> out{};
  out.count = static_cast<std::int32_t>(factors.size() / 2);
  out.packs = channels % pack_width<T> == 0;
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
    out.a[i / 2] = factors[i].as<T>();
    out.b[i / 2] = factors[i + 1].as<T>();
    out.packs = out.packs && packable(out.a[i / 2]) && (!gathers_b || packable(out.b[i / 2]));
  }
  return out;
}

}  // namespace

void conv2d(Device& d, View y, std::span<const View> factors, const ConvShape& f, View, const Epilogue* epilogue) {
  with_real(y.dtype, [&]<class T>(T) {
    const int64_t pixels = f.n * f.p * f.q;
    with_tile<typename ConvTiles<T>::All>(d, pixels, f.k, 1, [&]<class Tile>(Tile) {
      launch(d, conv2d_kernel<T, Tile>, {blocks_for(pixels, Tile::m), blocks_for(f.k, Tile::n)}, {Tile::threads},
             y.as<T>(), f, pairs_of<T>(factors, f.c, false), Finish<T>(epilogue));
    });
  });
}

int64_t conv2d_scratch_bytes(const ConvShape&, int, Dtype) { return 0; }

void conv2d_input_gradient(Device& d, View x, std::span<const View> factors, const ConvShape& f, View,
                           const Epilogue* epilogue) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t phases = f.stride * f.stride,
                  pixels =
                      f.n * ((f.h + f.stride - 1) / f.stride) * ((f.w + f.stride - 1) / f.stride);  // of the largest
    with_tile<typename ConvTiles<T>::All>(d, pixels, f.c, phases, [&]<class Tile>(Tile) {
      launch(d, conv2d_input_gradient_kernel<T, Tile>,
             {blocks_for(pixels, Tile::m), blocks_for(f.c, Tile::n), static_cast<unsigned>(phases)}, {Tile::threads},
             x.as<T>(), f, pairs_of<T>(factors, f.k, true), Finish<T>(epilogue));
    });
  });
}

int64_t conv2d_input_gradient_scratch_bytes(const ConvShape&, int, Dtype) { return 0; }

void conv2d_weight_gradient(Device& d, View w, std::span<const View> factors, const ConvShape& f, int64_t group,
                            View scratch) {
  with_real(w.dtype, [&]<class T>(T) {
    const GroupedPanels all = f.panels(group);
    const int64_t rows = f.r * f.s * f.c;
    over_panels(d, w.as<T>(), all, f.weights(), static_cast<T*>(scratch.data),
                [&](T* parts, int64_t first, int64_t count) {
                  with_tile<typename ConvTiles<T>::All>(d, rows, f.k, count, [&]<class Tile>(Tile) {
                    launch(d, conv2d_weight_gradient_kernel<T, Tile>,
                           {blocks_for(rows, Tile::m), blocks_for(f.k, Tile::n), static_cast<unsigned>(count)},
                           {Tile::threads}, parts, f, all, all.count(0), first, pairs_of<T>(factors, f.c, false));
                  });
                });
  });
}

int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape& f, int, int64_t group, Dtype dtype) {
  return over_panels_bytes(f.panels(group), f.weights() * size_of(dtype));
}

}  // namespace brink::cuda
