// SPDX-License-Identifier: MIT
// Convolutions on the CPU: threads share blocks of pictures (or tiles of the weights), each computed whole by one
// thread.
#include <algorithm>
#include <cassert>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/isa.h"
#include "kernels/matmul/matmul_isa.h"

namespace brink::cpu {

namespace {

/// Below this number of multiplications, waking another thread costs more than it saves.
constexpr std::int64_t serial_products = 1 << 20;

/// Pictures worked on together: one panel of the weights then serves several of them, and their results are still in
/// the second-level cache for the next panel or the epilogue.
std::int64_t picture_block(const ConvShape& f, std::int64_t element_bytes) {
  constexpr std::int64_t bytes = 256 * 1024;
  return std::clamp<std::int64_t>(bytes / ((f.h * f.w * f.c + f.p * f.q * f.k) * element_bytes), 1, f.n);
}

template <class T>
ConvCall<T> call_of(View out, std::span<const View> factors, const ConvShape& shape, const Epilogue* epilogue,
                    View scratch) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  ConvCall<T> call{shape,
                   out.as<T>(),
                   {},
                   {},
                   static_cast<int>(factors.size() / 2),
                   Finish<T>(epilogue),
                   picture_block(shape, sizeof(T)),
                   static_cast<T*>(scratch.data)};
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
    call.a[i / 2] = factors[i].as<T>();
    call.b[i / 2] = factors[i + 1].as<T>();
  }
  return call;
}

/// Calls f(first, last) over the pictures, on as many threads as the work is worth.
template <class F>
void over_pictures(Device& d, const ConvShape& f, F&& body) {
  const std::int64_t products = f.p * f.q * f.weights();
  parallel_for(d, f.n, 1, products * f.n < serial_products ? f.n : 0, body);
}

/// The largest power of two of panels whose x and d (of one panel of columns) fit into half of a second-level cache.
std::int64_t panels_a_chunk(const ConvShape& f, const GroupedPanels& panels, std::int64_t element_bytes) {
  constexpr std::int64_t bytes = 512 * 1024;
  const Panels::Rows rows = panels.rows(0, 0);
  const std::int64_t panel_bytes = (rows.end - rows.begin) * (f.c + std::min<std::int64_t>(f.k, 32)) * element_bytes;
  std::int64_t chunk = 1;
  for (int j = 0; j < chunk_levels && chunk < panels.count(0) && 2 * chunk * panel_bytes <= bytes; ++j) chunk *= 2;
  return chunk;
}

struct WeightScratch {
  std::int64_t chunk, columns, level, packed;
  int levels_of_chunks, levels_of_groups;
  WeightScratch(const ConvShape& f, const GroupedPanels& panels, std::int64_t element_bytes)
      : chunk(panels_a_chunk(f, panels, element_bytes)),
        columns(padded_columns(f.k, element_bytes)),
        level(f.r * f.s * f.c * columns),
        packed(panels.rows(0, std::min(chunk, panels.count(0)) - 1).end * columns),
        levels_of_chunks(tree_levels((panels.count(0) + chunk - 1) / chunk)),
        levels_of_groups(tree_levels(panels.groups())) {}
};

}  // namespace

void conv2d(Device& d, View y, std::span<const View> factors, const ConvShape& shape, View scratch,
            const Epilogue* epilogue) {
  with_real(y.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(y, factors, shape, epilogue, scratch);
    with_isa([&]<class I>(I) {
      conv2d_pack_isa<I, T>(call);
      over_pictures(d, shape, [&](std::int64_t first, std::int64_t last) { conv2d_isa<I, T>(call, first, last); });
    });
  });
}

std::int64_t conv2d_scratch_bytes(const ConvShape& f, int pairs, Dtype dtype) {
  return pairs * f.r * f.s * f.c * padded_columns(f.k, size_of(dtype)) * size_of(dtype);
}

void conv2d_input_gradient(Device& d, View x, std::span<const View> factors, const ConvShape& shape, View scratch,
                           const Epilogue* epilogue) {
  with_real(x.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(x, factors, shape, epilogue, scratch);
    with_isa([&]<class I>(I) {
      conv2d_input_gradient_pack_isa<I, T>(call);
      over_pictures(d, shape,
                    [&](std::int64_t first, std::int64_t last) { conv2d_input_gradient_isa<I, T>(call, first, last); });
    });
  });
}

std::int64_t conv2d_input_gradient_scratch_bytes(const ConvShape& f, int pairs, Dtype dtype) {
  return pairs * f.r * f.s * f.k * padded_columns(f.c, size_of(dtype)) * size_of(dtype);
}

void conv2d_weight_gradient(Device& d, View w, std::span<const View> factors, const ConvShape& shape,
                            std::int64_t group, View scratch) {
  with_real(w.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(w, factors, shape, nullptr, scratch);
    const GroupedPanels panels = shape.panels(group);
    const WeightScratch s(shape, panels, sizeof(T));
    WeightChunk<T> chunk{&call, panels, 0, 0, 0, 0, 0, call.scratch, nullptr, nullptr, s.columns};
    chunk.waiting_chunks = chunk.packed + call.pairs * s.packed;
    chunk.waiting_groups = chunk.waiting_chunks + s.levels_of_chunks * s.level;
    with_isa([&]<class I>(I) {
      const std::int64_t tiles = conv2d_weight_tiles_isa<I, T>(shape);
      for (chunk.group = 0; chunk.group < panels.groups(); ++chunk.group) {
        const std::int64_t count = panels.count(chunk.group);
        chunk.count = (count + s.chunk - 1) / s.chunk;
        for (chunk.index = 0; chunk.index < chunk.count; ++chunk.index) {
          chunk.first = chunk.index * s.chunk;
          chunk.last = std::min(chunk.first + s.chunk, count);
          conv2d_weight_gradient_pack_isa<I, T>(chunk);
          const std::int64_t rows =
              panels.rows(chunk.group, chunk.last - 1).end - panels.rows(chunk.group, chunk.first).begin;
          parallel_for(
              d, tiles, 1, rows * shape.weights() < serial_products ? tiles : 0,
              [&](std::int64_t first, std::int64_t last) { conv2d_weight_gradient_isa<I, T>(chunk, first, last); });
        }
      }
    });
  });
}

std::int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape& f, int pairs, std::int64_t group, Dtype dtype) {
  const WeightScratch s(f, f.panels(group), size_of(dtype));
  return (pairs * s.packed + (s.levels_of_chunks + s.levels_of_groups) * s.level) * size_of(dtype);
}

}  // namespace brink::cpu
