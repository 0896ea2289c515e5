// SPDX-License-Identifier: MIT
// Convolutions whose shapes reach every tile, and the comparison of all three kernels with the plain loops, for the tests of
// the emulator and of the real device.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "kernels/conv/conv.h"
#include "tests/emulator/products.h"
#include "tests/reference/conv_reference.h"

namespace brink {

struct Convolution {
  std::int64_t n, h, w, c, r, s, k, stride, padding, group;
  int pairs = 1;

  ConvShape shape() const {
    return {n,
            h,
            w,
            c,
            r,
            s,
            k,
            ConvShape::pixels(h, r, stride, padding),
            ConvShape::pixels(w, s, stride, padding),
            stride,
            padding};
  }
  bool ragged() const { return n * h * w % 16 != 0 && (c % 16 != 0 || k % 16 != 0); }
  Shape picture() const { return {n, h, w, c}; }
  Shape weights() const { return {r, s, c, k}; }
  Shape result() const { return {n, shape().p, shape().q, k}; }
};

inline std::string text(const Convolution& c) {
  std::string all;
  for (const std::int64_t v : {c.n, c.h, c.w, c.c, c.r, c.s, c.k, c.stride, c.padding, c.group})
    all += std::to_string(v) + ' ';
  return all + "in " + std::to_string(c.pairs) + " pairs";
}

/// One of the three: factors and result, the kernel, and the plain loops.
template <class T, class Run, class Reference>
void check(Device& d, const Convolution& c, const Shape& a, const Shape& b, const Shape& result, Contents contents,
           std::int64_t offset, Finishing finishing, std::int64_t scratch_bytes, Run run, Reference reference) {
  Operands<T> in;
  for (int i = 0; i < c.pairs; ++i) {
    in.add(d, a, contents, offset);
    in.add(d, b, contents, offset);
  }
  const Array expected(result, dtype_of<T>());
  reference(in.host_views, expected.view());
  const std::int64_t n = result[result.rank - 1];
  Operands<T> more;
  more.add(d, {n}, contents, offset);
  more.add(d, result, contents, offset);
  Epilogue epilogue;
  if (finishing.bias) epilogue.bias = more.views[0];
  if (finishing.gate) epilogue.gate = more.views[1];
  epilogue.relu = finishing.relu;
  finish<T>(expected.view(), n, finishing, more.host_views[0], more.host_views[1]);
  Guarded out(d, result, dtype_of<T>()), scratch(d, {scratch_bytes}, Dtype::u8);
  out.set_poison();
  scratch.set_poison();
  run(out.view(), in.views, scratch.view(), epilogue.any() ? &epilogue : nullptr);
  CHECK_MESSAGE(out.fetch(), text(c));
  CHECK_MESSAGE(scratch.fetch(), text(c));
  CHECK_MESSAGE(support::same_numbers<T>(out.numbers<T>(), expected.span<T>()), text(c), ", contents ",
                static_cast<int>(contents), ", offset ", offset, ", bias ", finishing.bias, ", relu ", finishing.relu,
                ", gate ", finishing.gate);
}

template <class T>
void check_forward(Device& d, const Convolution& c, Contents contents, std::int64_t offset, Finishing f = {}) {
  check<T>(
      d, c, c.picture(), c.weights(), c.result(), contents, offset, f,
      conv2d_scratch_bytes(Where::cuda, c.shape(), c.pairs, dtype_of<T>()),
      [&](View out, std::span<const View> in, View scratch, const Epilogue* e) {
        conv2d(d, out, in, c.shape(), scratch, e);
      },
      [&](std::span<const View> in, View out) { reference::conv2d<T>(in, out, c.stride, c.padding); });
}

template <class T>
void check_input_gradient(Device& d, const Convolution& c, Contents contents, std::int64_t offset, Finishing f = {}) {
  check<T>(
      d, c, c.result(), c.weights(), c.picture(), contents, offset, f,
      conv2d_input_gradient_scratch_bytes(Where::cuda, c.shape(), c.pairs, dtype_of<T>()),
      [&](View out, std::span<const View> in, View scratch, const Epilogue* e) {
        conv2d_input_gradient(d, out, in, c.shape(), scratch, e);
      },
      [&](std::span<const View> in, View out) { reference::conv2d_input_gradient<T>(in, out, c.stride, c.padding); });
}

template <class T>
void check_weight_gradient(Device& d, const Convolution& c, Contents contents, std::int64_t offset) {
  check<T>(
      d, c, c.picture(), c.result(), c.weights(), contents, offset, {},
      conv2d_weight_gradient_scratch_bytes(Where::cuda, c.shape(), c.pairs, c.group, dtype_of<T>()),
      [&](View out, std::span<const View> in, View scratch, const Epilogue*) {
        conv2d_weight_gradient(d, out, in, c.shape(), c.group, scratch);
      },
      [&](std::span<const View> in, View out) {
        reference::conv2d_weight_gradient<T>(in, out, c.stride, c.padding, c.group);
      });
}

// n, h, w, c, r, s, k, stride, padding, group: whole tiles and ragged ones, channels in whole packs and not, taps beyond every side.
inline constexpr Convolution convolutions[] = {
    {2, 8, 8, 8, 3, 3, 128, 1, 1, 1},       // 128 pixels × 128 channels: a whole tile
    {2, 8, 8, 32, 3, 3, 32, 1, 1, 1},       // 128 × 32, both ways
    {1, 10, 10, 40, 3, 3, 12, 1, 1, 1},     //
    {2, 8, 8, 3, 3, 3, 8, 1, 1, 2},         // 3 channels into 8
    {1, 12, 11, 15, 3, 3, 130, 1, 1, 1},    // ragged in all three
    {1, 13, 10, 129, 1, 1, 33, 1, 0, 1},    // one tap; 129 × 33 weights
    {2, 8, 9, 128, 1, 2, 60, 1, 1, 2},      // an even kernel; more padding than it reaches
    {3, 7, 9, 16, 3, 3, 64, 2, 1, 2, 2},    // stride 2: four phases of different sizes
    {2, 9, 8, 40, 3, 3, 20, 1, 1, 1},       //
    {2, 10, 10, 16, 3, 3, 16, 1, 1, 2, 2},  // ResNet's first stage
    {1, 19, 7, 3, 5, 5, 16, 1, 2, 1, 3},    // a first layer
    {3, 4, 4, 70, 3, 3, 40, 1, 1, 2},       // a late stage: few pixels
    {2, 5, 5, 32, 1, 1, 20, 2, 0, 1},       // 1 × 1 at stride 2: three phases see nothing
    {2, 7, 6, 6, 4, 2, 9, 3, 3, 1},         // stride 3, a phase with more taps than another, padding beyond the kernel
    {2, 3, 2, 4, 5, 5, 4, 1, 2, 2},         // a kernel larger than the picture
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 1},
};

/// The number of kernels of each kind.
template <class T>
inline constexpr std::size_t conv_tiles = sizeof(T) == 4 ? 9 : 4;

}  // namespace brink
