// SPDX-License-Identifier: MIT
// Matrix products whose shapes reach every tile, and their comparison with the plain loops, for the tests of the emulator and
// of the real device.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "kernels/matmul/matmul.h"
#include "tests/emulator/products.h"
#include "tests/reference/reference.h"

namespace brink {

struct Product {
  std::int64_t m, n, k;
  int pairs = 1;

  bool ragged() const { return m % 16 != 0 && n % 16 != 0; }
};

inline std::string text(const Product& p) {
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
  CHECK_MESSAGE(support::same_numbers<T>(out.numbers<T>(), expected.span<T>()), text(p), ", transpose_b ", transpose_b,
                ", offset ", offset, ", bias ", finishing.bias, ", relu ", finishing.relu, ", gate ", finishing.gate);
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
  CHECK_MESSAGE(support::same_numbers<T>(out.numbers<T>(), expected.span<T>()), text(p), ", groups of ", group,
                ", offset ", offset);
}

// m, n, k: whole tiles and ragged ones, rows of a multiple of 16 bytes and others, chains shorter and longer than the stages.
inline constexpr Product products[] = {{128, 128, 48},  {129, 130, 37, 2}, {127, 124, 12},  {130, 131, 9},
                                       {64, 64, 40, 2}, {70, 33, 17},      {65, 32, 96, 3}, {33, 36, 35},
                                       {37, 10, 33},    {40, 16, 5, 2},    {33, 4, 70},     {35, 3, 33, 2},
                                       {17, 13, 31},    {1, 1, 1},         {16, 16, 32}};
/// The number of kernels of each kind.
template <class T>
inline constexpr std::size_t matmul_tiles = sizeof(T) == 4 ? 7 : 6;

}  // namespace brink
