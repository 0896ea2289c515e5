// SPDX-License-Identifier: MIT
// Convolutions on the emulated GPU, tile by tile: devices of many sizes make each shape choose each tile; taps outside the pictures
// meet infinite and NaN weights, rows of channels are whole 16 bytes or not, phases are empty, and panels join where they do not fit.
#include <doctest/doctest.h>

#include <string>

#include "kernels/conv/conv.h"
#include "kernels/reduce/over_panels.cuh"
#include "tests/emulator/products.h"
#include "tests/reference/conv_reference.h"

using namespace brink;

namespace {

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
  Shape picture() const { return {n, h, w, c}; }
  Shape weights() const { return {r, s, c, k}; }
  Shape result() const { return {n, shape().p, shape().q, k}; }
};

std::string text(const Convolution& c) {
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
  CHECK_MESSAGE(same(static_cast<const T*>(out.found()), expected.view().as<T>(), result.elements()), text(c),
                ", contents ", static_cast<int>(contents), ", offset ", offset, ", bias ", finishing.bias, ", relu ",
                finishing.relu, ", gate ", finishing.gate);
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
constexpr Convolution convolutions[] = {
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

template <class T>
constexpr std::size_t tiles = sizeof(T) == 4 ? 9 : 4;

}  // namespace

TEST_CASE_TEMPLATE("conv2d in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met(convolutions, [](Device& d, const Convolution& c) {
    check_forward<T>(d, c, Contents::ordinary, 0);
    check_forward<T>(d, c, Contents::special, c.h % 2);
    check_forward<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == tiles<T>);
}

TEST_CASE_TEMPLATE("conv2d_input_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met(convolutions, [](Device& d, const Convolution& c) {
    check_input_gradient<T>(d, c, Contents::ordinary, 0);
    check_input_gradient<T>(d, c, Contents::special, c.h % 2);
    check_input_gradient<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == tiles<T>);
}

TEST_CASE_TEMPLATE("conv2d_weight_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met(convolutions, [](Device& d, const Convolution& c) {
    check_weight_gradient<T>(d, c, Contents::ordinary, 0);
    check_weight_gradient<T>(d, c, Contents::special, c.h % 2);
    check_weight_gradient<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == tiles<T> + 1);  // and the kernel that joins panels
}

TEST_CASE_TEMPLATE("convolutions that finish their elements write what separate kernels would", T, float, double) {
  (void)kernels_met(convolutions, [](Device& d, const Convolution& c) {
    for (const Finishing f : {Finishing{.bias = true}, Finishing{.bias = true, .relu = true}, Finishing{.gate = true},
                              Finishing{.bias = true, .gate = true}}) {
      check_forward<T>(d, c, f.gate ? Contents::special : Contents::ordinary, 0, f);
      check_input_gradient<T>(d, c, f.gate ? Contents::ordinary : Contents::special, c.w % 2, f);
    }
  });
}

TEST_CASE("panels of groups: one or many, whole powers of two or not, a last group of fewer") {
  NotingRuntime runtime(132);
  cuda::Context context;
  Device d{Where::cuda, nullptr, &context};
  for (const std::int64_t group : {1, 2, 3, 4, 7, 70})
    for (const std::int64_t n : {1, 2, 6, 8, 11, 71}) {
      set_poison(static_cast<Poison>(1 + n % 2));  // a leaf too many is no zero
      check_weight_gradient<float>(d, {n, 1, 300, 1, 1, 1, 2, 1, 0, group}, Contents::ordinary, 0);  // two a sample
      check_weight_gradient<float>(d, {n, 1, 600, 1, 1, 1, 2, 1, 0, group}, Contents::ordinary, 0);  // three a sample
      check_weight_gradient<float>(d, {n, 9, 13, 2, 1, 1, 1, 1, 0, group}, Contents::ordinary, 0);   // two samples each
    }
  set_poison(Poison::zero);
}

TEST_CASE("panels beyond what lies in scratch at once: batches of panels, of groups, or of one group's panels") {
  NotingRuntime runtime(132);
  cuda::Context context;
  Device d{Where::cuda, nullptr, &context};
  // A weight a sample and panel: what limits is the grid, 65535 panels. T over all is asked of the reference by the same panels.
  const auto compare = [&](std::int64_t samples, std::int64_t pixels, std::int64_t group) {
    Operands<float> in;
    in.add(d, {samples, 1, pixels, 1}, Contents::ordinary, 0);
    const Array expected({1}, Dtype::f32);
    reference::sum_pixels<float>(in.host_views[0], expected.view(), group);
    Guarded out(d, {1}, Dtype::f32),
        scratch(d, {sum_samples_scratch_bytes(Where::cuda, in.views[0].shape, group, Dtype::f32)}, Dtype::u8);
    out.set_poison();
    scratch.set_poison();
    sum_samples(d, out.view(), in.views[0], group, scratch.view());
    CHECK(out.fetch());
    CHECK(scratch.fetch());
    CHECK_MESSAGE(out.holds(expected.view().data), samples, " samples of ", pixels, " pixels in groups of ", group);
  };
  compare(70000, 129, 1);           // one tree, three batches of panels
  compare(33 * 2100, 129, 2100);    // groups of 2100 panels: 16, 16 and 1 at a time
  compare(66000 + 70, 129, 66000);  // a group of 66000 panels, in batches of its own, and one of 70
}

TEST_CASE("scratch for panels: what lies there at once") {
  using cuda::over_panels_bytes;
  constexpr std::int64_t mib = std::int64_t{1} << 20;
  CHECK(over_panels_bytes({1, 4, 100}, mib) == 0);                         // one panel needs no tree
  CHECK(over_panels_bytes({8, 4, 1024}, mib) == 32 * mib);                 // 2 groups of 16 panels
  CHECK(over_panels_bytes({128, 4, 1024}, mib) == (256 + 1) * mib);        // 512 panels in two batches, one waits
  CHECK(over_panels_bytes({9, 3, 1024}, 2 * mib) == 72 * mib);             // 3 groups of 12 panels, all at once
  CHECK(over_panels_bytes({51, 3, 1024}, 2 * mib) == (96 + 2) * 2 * mib);  // 17 groups: 8, 8 and 1
  // 2 groups of 129 panels of 2 MiB: 128 and 1, one of which waits; then the group's sum, and one group waits.
  CHECK(over_panels_bytes({258, 129, 256}, 2 * mib) == (128 + 1 + 1 + 1) * 2 * mib);
}
