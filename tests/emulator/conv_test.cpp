// SPDX-License-Identifier: MIT
// Convolutions on the emulated GPU, tile by tile: devices of many sizes, so that each shape chooses each tile; infinite and NaN weights at
// taps outside the pictures; rows of channels in whole packs of 16 bytes and others; empty phases; and panels that are joined in batches.
#include <doctest/doctest.h>

#include "kernels/reduce/over_panels.cuh"
#include "tests/emulator/conv_products.h"
#include "tests/emulator/schedules.h"

using namespace brink;

TEST_CASE_TEMPLATE("conv2d in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met_emulated(convolutions, [](Device& d, const Convolution& c) {
    check_forward<T>(d, c, Contents::ordinary, 0);
    check_forward<T>(d, c, Contents::special, c.h % 2);
    check_forward<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == conv_tiles<T>);
}

TEST_CASE_TEMPLATE("conv2d_input_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met_emulated(convolutions, [](Device& d, const Convolution& c) {
    check_input_gradient<T>(d, c, Contents::ordinary, 0);
    check_input_gradient<T>(d, c, Contents::special, c.h % 2);
    check_input_gradient<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == conv_tiles<T>);
}

TEST_CASE_TEMPLATE("conv2d_weight_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met_emulated(convolutions, [](Device& d, const Convolution& c) {
    check_weight_gradient<T>(d, c, Contents::ordinary, 0);
    check_weight_gradient<T>(d, c, Contents::special, c.h % 2);
    check_weight_gradient<T>(d, c, Contents::tiny, 0);
  });
  CHECK(met == conv_tiles<T> + 1);  // and the kernel that joins panels
}

TEST_CASE_TEMPLATE("convolutions that finish their elements write what separate kernels would", T, float, double) {
  (void)kernels_met_emulated(convolutions, [](Device& d, const Convolution& c) {
    for (const Finishing f : {Finishing{.bias = true}, Finishing{.bias = true, .relu = true}, Finishing{.gate = true},
                              Finishing{.bias = true, .gate = true}}) {
      check_forward<T>(d, c, f.gate ? Contents::special : Contents::ordinary, 0, f);
      check_input_gradient<T>(d, c, f.gate ? Contents::ordinary : Contents::special, c.w % 2, f);
    }
  });
}

namespace {
template <class T>
void check_convolutions_under(std::uint64_t begin, std::uint64_t end) {
  constexpr Finishing finishing{.bias = true, .relu = true};
  const std::size_t forward = kernels_met_under(begin, end, convolutions, [&](Device& d, const Convolution& c) {
    check_forward<T>(d, c, Contents::ordinary, 0);
    check_forward<T>(d, c, Contents::ordinary, 1, finishing);
  });
  CHECK(forward == conv_tiles<T>);
  const std::size_t input_gradients = kernels_met_under(begin, end, convolutions, [&](Device& d, const Convolution& c) {
    check_input_gradient<T>(d, c, Contents::ordinary, 0);
    check_input_gradient<T>(d, c, Contents::ordinary, 1, finishing);
  });
  CHECK(input_gradients == conv_tiles<T>);
  const std::size_t weight_gradients = kernels_met_under(begin, end, convolutions, [](Device& d, const Convolution& c) {
    check_weight_gradient<T>(d, c, Contents::ordinary, 0);
  });
  CHECK(weight_gradients == conv_tiles<T> + 1);
}
}  // namespace

TEST_CASE_TEMPLATE("every tile of convolutions under 20 schedules", T, float, double) {
  check_convolutions_under<T>(0, 20);
}

TEST_CASE_TEMPLATE("every tile of convolutions under 80 more schedules" * doctest::skip(), T, float, double) {
  check_convolutions_under<T>(20, 100);
}

TEST_CASE("panels of groups: one or many, whole powers of two or not, a last group of fewer") {
  NotingRuntime runtime(132);
  cuda::Context context;
  Device d{Where::cuda, nullptr, &context};
  for (const std::int64_t group : {1, 2, 3, 4, 7, 70})
    for (const std::int64_t n : {1, 2, 6, 8, 11, 71}) {
      set_poison(static_cast<Poison>(1 + n % 2));  // a leaf too many must not be zero
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
  // One weight for each sample and panel, so that the grid, 65535 panels, is the limit. The reference takes T over all by the
  // same panels.
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
