// SPDX-License-Identifier: MIT
// Matrix products on the emulated GPU, tile by tile: devices of many sizes make each shape choose each tile, edges are ragged
// or whole, operands hold what arithmetic treats apart, and batches of groups are joined where parts do not fit at once.
#include <doctest/doctest.h>

#include <string>

#include "kernels/matmul/matmul.h"
#include "tests/emulator/products.h"
#include "tests/reference/reference.h"

using namespace brink;

namespace {

struct Product {
  std::int64_t m, n, k;
  int pairs = 1;
};

std::string text(const Product& p) {
  return std::to_string(p.m) + "x" + std::to_string(p.k) + "x" + std::to_string(p.n) + ", " + std::to_string(p.pairs) +
         " pairs";
}

template <class T>
void check_matmul(Device& d, const Product& p, bool transpose_b, Contents contents, std::int64_t offset,
                  Finishing finishing = {}) {
  Operands<T> in;
  for (int i = 0; i < p.pairs; ++i) {
    in.add(d, {p.m, p.k + 3 * i}, contents, offset);
    in.add(d, transpose_b ? Shape{p.n, p.k + 3 * i} : Shape{p.k + 3 * i, p.n}, contents, offset);
  }
  const Shape shape{p.m, p.n};
  const Array expected(shape, dtype_of<T>());
  reference::matmul<T>(in.host_views, expected.view(), transpose_b);
  Operands<T> more;
  more.add(d, {p.n}, contents, offset);
  more.add(d, shape, contents, offset);
  const View bias = more.host_views[0], gate = more.host_views[1];
  Epilogue epilogue;
  if (finishing.bias) epilogue.bias = more.views[0];
  if (finishing.gate) epilogue.gate = more.views[1];
  epilogue.relu = finishing.relu;
  finish<T>(expected.view(), p.n, finishing, bias, gate);
  Guarded out(d, shape, dtype_of<T>());
  out.set_poison();
  matmul(d, out.view(), in.views, transpose_b, {}, epilogue.any() ? &epilogue : nullptr);
  CHECK_MESSAGE(out.fetch(), text(p));
  CHECK_MESSAGE(same(static_cast<const T*>(out.found()), expected.view().as<T>(), shape.elements()), text(p),
                ", transpose_b ", transpose_b, ", offset ", offset, ", bias ", finishing.bias, ", relu ",
                finishing.relu, ", gate ", finishing.gate);
}

template <class T>
void check_weight_gradient(Device& d, const Product& p, std::int64_t group, Contents contents, std::int64_t offset) {
  Operands<T> in;
  for (int i = 0; i < p.pairs; ++i) {
    in.add(d, {p.k, p.m}, contents, offset);
    in.add(d, {p.k, p.n}, contents, offset);
  }
  const Shape shape{p.m, p.n};
  const Array expected(shape, dtype_of<T>());
  reference::weight_gradient<T>(in.host_views, expected.view(), group);
  Guarded out(d, shape, dtype_of<T>()),
      scratch(d, {weight_gradient_scratch_bytes(Where::cuda, p.k, p.m, p.n, p.pairs, group, dtype_of<T>())}, Dtype::u8);
  out.set_poison();
  scratch.set_poison();
  weight_gradient(d, out.view(), in.views, group, scratch.view());
  CHECK_MESSAGE(out.fetch(), text(p));
  CHECK_MESSAGE(scratch.fetch(), text(p));
  CHECK_MESSAGE(same(static_cast<const T*>(out.found()), expected.view().as<T>(), shape.elements()), text(p),
                ", groups of ", group, ", offset ", offset);
}

// m, n, k: whole tiles and ragged ones, rows of a multiple of 16 bytes and others, chains shorter and longer than the stages.
constexpr Product products[] = {{128, 128, 48}, {129, 130, 37, 2}, {127, 124, 12}, {130, 131, 9}, {64, 64, 40, 2},
                                {70, 33, 17},   {65, 32, 96, 3},   {33, 36, 35},   {37, 10, 33},  {40, 16, 5, 2},
                                {33, 4, 70},    {35, 3, 33, 2},    {17, 13, 31},   {1, 1, 1},     {16, 16, 32}};
template <class T>
constexpr std::size_t tiles = sizeof(T) == 4 ? 7 : 6;

}  // namespace

TEST_CASE_TEMPLATE("matmul in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met(products, [](Device& d, const Product& p) {
    for (const bool transpose : {false, true}) {
      check_matmul<T>(d, p, transpose, Contents::ordinary, 0);
      check_matmul<T>(d, p, transpose, Contents::special, p.m % 2);
      check_matmul<T>(d, p, transpose, Contents::tiny, 0);
    }
  });
  CHECK(met == 2 * tiles<T>);  // each tile with B and with Bᵀ
}

TEST_CASE_TEMPLATE("matmul that finishes its elements writes what separate kernels would", T, float, double) {
  const std::size_t met = kernels_met(products, [](Device& d, const Product& p) {
    for (const Finishing f : {Finishing{.bias = true}, Finishing{.relu = true}, Finishing{.gate = true},
                              Finishing{.bias = true, .relu = true}, Finishing{.bias = true, .gate = true}}) {
      check_matmul<T>(d, p, f.bias, Contents::ordinary, 0, f);
      check_matmul<T>(d, p, !f.bias, Contents::special, p.n % 2, f);
    }
  });
  CHECK(met == 2 * tiles<T>);
}

TEST_CASE_TEMPLATE("weight_gradient in every tile equals the plain loops to the last bit", T, float, double) {
  const std::size_t met = kernels_met(products, [](Device& d, const Product& p) {
    check_weight_gradient<T>(d, p, 128, Contents::ordinary, 0);
    check_weight_gradient<T>(d, p, 7, Contents::special, p.m % 2);
    check_weight_gradient<T>(d, p, 128, Contents::tiny, 0);
  });
  CHECK(met == tiles<T> + 1);  // and the kernel that joins groups
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
