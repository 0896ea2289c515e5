// SPDX-License-Identifier: MIT
// Matrix products on the emulated GPU, tile by tile: devices of many sizes, so that each shape chooses each tile; whole and ragged edges;
// zeros, infinities and NaNs; and batches of groups, which are joined where parts do not fit at once.
#include <doctest/doctest.h>

#include "tests/emulator/matmul_products.h"
#include "tests/emulator/schedules.h"

using namespace brink;

TEST_CASE_TEMPLATE("matmul in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met_emulated(products, [](Device& d, const Product& p) {
    for (const bool transpose : {false, true}) {
      check_matmul<T>(d, p, transpose, Contents::ordinary, 0);
      check_matmul<T>(d, p, transpose, Contents::special, p.m % 2);
      check_matmul<T>(d, p, transpose, Contents::tiny, 0);
    }
  });
  CHECK(met == 2 * matmul_tiles<T>);  // each tile with B and with Bᵀ
}

TEST_CASE_TEMPLATE("matmul that finishes its elements writes what separate kernels would", T, float, double) {
  const std::size_t met = kernels_met_emulated(products, [](Device& d, const Product& p) {
    for (const Finishing f : {Finishing{.bias = true}, Finishing{.relu = true}, Finishing{.gate = true},
                              Finishing{.bias = true, .relu = true}, Finishing{.bias = true, .gate = true}}) {
      check_matmul<T>(d, p, f.bias, Contents::ordinary, 0, f);
      check_matmul<T>(d, p, !f.bias, Contents::special, p.n % 2, f);
    }
  });
  CHECK(met == 2 * matmul_tiles<T>);
}

TEST_CASE_TEMPLATE("weight_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met_emulated(products, [](Device& d, const Product& p) {
    check_weight_gradient<T>(d, p, 128, Contents::ordinary, 0);
    check_weight_gradient<T>(d, p, 7, Contents::special, p.m % 2);
    check_weight_gradient<T>(d, p, 128, Contents::tiny, 0);
  });
  CHECK(met == matmul_tiles<T> + 1);  // and the kernel that joins groups
}

namespace {
template <class T>
void check_matmul_under(std::uint64_t begin, std::uint64_t end) {
  const std::size_t met = kernels_met_under(begin, end, products, [](Device& d, const Product& p) {
    for (const bool transpose : {false, true}) {
      check_matmul<T>(d, p, transpose, Contents::ordinary, 0);
      check_matmul<T>(d, p, transpose, Contents::ordinary, 1, {.bias = true, .relu = true});
    }
  });
  CHECK(met == 2 * matmul_tiles<T>);
  const std::size_t gradients = kernels_met_under(begin, end, products, [](Device& d, const Product& p) {
    check_weight_gradient<T>(d, p, 7, Contents::ordinary, 0);
  });
  CHECK(gradients == matmul_tiles<T> + 1);
}
}  // namespace

TEST_CASE_TEMPLATE("every tile of matrix products under 20 schedules", T, float, double) {
  check_matmul_under<T>(0, 20);
}

TEST_CASE_TEMPLATE("every tile of matrix products under 80 more schedules" * doctest::skip(), T, float, double) {
  check_matmul_under<T>(20, 100);
}

TEST_CASE("groups beyond one join: 64 and a few, 4096 and a few") {
  NotingRuntime runtime(132);
  cuda::Context context;
  Device d{Where::cuda, nullptr, &context};
  for (const std::int64_t groups : {2, 3, 8, 9, 63, 64, 65, 67, 129, 4097})
    check_weight_gradient<float>(d, {2, 3, 2 * groups - 1}, 2, Contents::ordinary, 0);
}

TEST_CASE("more groups than one grid may have: batches of 32768 join by the same tree") {
  NotingRuntime runtime(132);
  cuda::Context context;
  Device d{Where::cuda, nullptr, &context};
  constexpr std::int64_t batch = 32768, n = 2;
  for (const std::int64_t groups : {2 * batch, 2 * batch + 1, 3 * batch, 5 * batch - 7, 7 * batch + 65}) {
    Operands<float> in;
    in.add(d, {groups, n}, Contents::ordinary, 0);
    const Array expected({n}, Dtype::f32);
    reference::sum_samples<float>(in.host_views[0], expected.view(), 1);
    Guarded out(d, {n}, Dtype::f32),
        scratch(d, {sum_samples_scratch_bytes(Where::cuda, {groups, n}, 1, Dtype::f32)}, Dtype::u8);
    out.set_poison();
    scratch.set_poison();
    sum_samples(d, out.view(), in.views[0], 1, scratch.view());
    CHECK(out.fetch());
    CHECK(scratch.fetch());
    CHECK_MESSAGE(out.holds(expected.view().data), groups, " groups");
  }
}

TEST_CASE("scratch for groups ends at a cap: batches of them wait in a binary counter") {
  const auto bytes = [](std::int64_t samples, std::int64_t n) {
    return weight_gradient_scratch_bytes(Where::cuda, samples, n, n, 1, 1, Dtype::f32);
  };
  CHECK(bytes(1, 1024) == 0);
  CHECK(bytes(64, 1024) == std::int64_t{64} * 4 * 1024 * 1024);       // the cap itself: all parts at once
  CHECK(bytes(65, 1024) == std::int64_t{64 + 1} * 4 * 1024 * 1024);   // two batches, one of which waits
  CHECK(bytes(640, 1024) == std::int64_t{64 + 4} * 4 * 1024 * 1024);  // ten batches
  CHECK(bytes(5, 16384) == std::int64_t{1 + 3} * 4 * 16384 * 16384);  // parts larger than the cap: one by one
  CHECK(matmul_scratch_bytes(Where::cuda, 784, 32, Dtype::f32) == 0);
}
