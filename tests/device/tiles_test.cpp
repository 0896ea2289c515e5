// SPDX-License-Identifier: MIT
// Every tile of matrix products and convolutions on the GPU against the plain loops, byte for byte: the rows of the table are small,
// and a device of many multiprocessors gives small products small tiles.
#include <doctest/doctest.h>

#include "tests/device/gpu.h"
#include "tests/emulator/conv_products.h"
#include "tests/emulator/matmul_products.h"

using namespace brink;

namespace {

constexpr auto vary = [](std::uint64_t n) { set_poison(static_cast<Poison>(n % 3)); };

/// Whether there is a GPU; asked once, because a skipped case is counted once.
bool has_gpu(const char* of) { return device_tests::gpu(of) != nullptr; }

/// `all`: with every kind of contents and epilogue; otherwise only as many as a sanitizer, which slows kernels down, can do in
/// time.
template <class T>
void compare(bool all) {
  const std::size_t matmuls = kernels_met(
      products,
      [&](Device& d, const Product& p) {
        for (const bool transpose : {false, true}) {
          check_matmul<T>(d, p, transpose, Contents::ordinary, p.m % 2);
          check_matmul<T>(d, p, transpose, Contents::ordinary, 0, {.bias = true, .relu = true});
          if (!all) continue;
          check_matmul<T>(d, p, transpose, Contents::special, p.n % 2, {.bias = true, .gate = true});
          check_matmul<T>(d, p, transpose, Contents::tiny, 0);
        }
      },
      vary);
  CHECK(matmuls == 2 * matmul_tiles<T>);  // each tile with B and with Bᵀ
  const std::size_t weight_gradients = kernels_met(
      products,
      [&](Device& d, const Product& p) {
        check_weight_gradient<T>(d, p, 7, Contents::ordinary, p.m % 2);
        if (!all) return;
        check_weight_gradient<T>(d, p, 128, Contents::special, 0);
        check_weight_gradient<T>(d, p, 128, Contents::tiny, 0);
      },
      vary);
  CHECK(weight_gradients == matmul_tiles<T> + 1);  // and the kernel that joins groups
  const std::size_t forward = kernels_met(
      convolutions,
      [&](Device& d, const Convolution& c) {
        check_forward<T>(d, c, Contents::ordinary, c.h % 2, {.bias = true, .relu = true});
        if (!all) return;
        check_forward<T>(d, c, Contents::special, 0);
        check_forward<T>(d, c, Contents::tiny, 0, {.bias = true, .gate = true});
      },
      vary);
  CHECK(forward == conv_tiles<T>);
  const std::size_t input_gradients = kernels_met(
      convolutions,
      [&](Device& d, const Convolution& c) {
        check_input_gradient<T>(d, c, Contents::ordinary, c.h % 2, {.gate = true});
        if (!all) return;
        check_input_gradient<T>(d, c, Contents::special, 0);
        check_input_gradient<T>(d, c, Contents::tiny, 0);
      },
      vary);
  CHECK(input_gradients == conv_tiles<T>);
  const std::size_t conv_weight_gradients = kernels_met(
      convolutions,
      [&](Device& d, const Convolution& c) {
        check_weight_gradient<T>(d, c, Contents::ordinary, c.h % 2);
        if (!all) return;
        check_weight_gradient<T>(d, c, Contents::special, 0);
        check_weight_gradient<T>(d, c, Contents::tiny, 0);
      },
      vary);
  CHECK(conv_weight_gradients == conv_tiles<T> + 1);  // and the kernel that joins panels
  set_poison(Poison::zero);
}

}  // namespace

TEST_CASE("tiles: every tile of every product on the GPU equals the plain loops to the last bit") {
  if (!has_gpu("tiles")) return;
  compare<float>(true);
  compare<double>(true);
}

TEST_CASE("few sizes: every tile of every product on the GPU equals the plain loops to the last bit" *
          doctest::skip()) {
  if (!has_gpu("few sizes of tiles")) return;
  compare<float>(false);
  compare<double>(false);
}
