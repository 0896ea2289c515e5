// SPDX-License-Identifier: MIT
// The matrix products that are timed on every device, their operands, and the check that each contender computes them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/matmul/matmul.h"
#include "kernels/memory.h"

namespace brink::bench {

enum class Role { forward, input_gradient, weight_gradient };
constexpr std::string_view name_of(Role r) {
  return r == Role::forward ? "forward" : r == Role::input_gradient ? "input gradient" : "weight gradient";
}

/// C [m,n], summed over k. forward: A [m,k]·B [k,n]; input gradient: A [m,k]·Bᵀ, B [n,k]; weight gradient: Aᵀ, A [k,m].
struct Product {
  Role role;
  std::int64_t m, k, n;
  const char* note;
};

inline constexpr Product products[] = {
    {Role::forward, 4000, 784, 32, "W1, first layer"},
    {Role::forward, 4000, 32, 32, "W1, hidden layer"},
    {Role::forward, 4000, 32, 10, "narrow head"},
    {Role::forward, 4000, 32, 4, "W1, head"},
    {Role::forward, 1000, 784, 32, "W1, N = 1000"},
    {Role::forward, 1024, 1024, 1024, "square"},
    {Role::forward, 8192, 576, 64, "3x3 conv as rows"},
    {Role::input_gradient, 4000, 32, 32, "W1, hidden layer"},
    {Role::input_gradient, 4000, 4, 32, "W1, head"},
    {Role::weight_gradient, 784, 1000, 32, "W1, N = 1000"},
    {Role::weight_gradient, 784, 4000, 32, "W1, first layer"},
    {Role::weight_gradient, 32, 4000, 32, "W1, hidden layer"},
    {Role::weight_gradient, 32, 4000, 4, "W1, head"},
};

/// Deterministic values in (−1, 1), none of them special.
inline void fill_values(std::span<float> out, std::uint32_t seed) {
  for (float& x : out) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31f;
  }
}

/// In the host's memory.
struct Operands {
  Array a, b, c;
  explicit Operands(const Product& s)
      : a(s.role == Role::weight_gradient ? Shape{s.k, s.m} : Shape{s.m, s.k}, Dtype::f32),
        b(s.role == Role::input_gradient ? Shape{s.n, s.k} : Shape{s.k, s.n}, Dtype::f32),
        c({s.m, s.n}, Dtype::f32) {
    fill_values(a.span<float>(), 1);
    fill_values(b.span<float>(), 2);
  }
};

/// Largest error of sampled elements (the corners among them), in units of the bound k·2⁻²⁴·Σ|a||b| of any summation
/// order.
inline double worst_error(const Product& s, const Operands& x, std::span<const float> c) {
  const auto a = x.a.span<float>(), b = x.b.span<float>();
  double worst = 0;
  const std::int64_t elements = s.m * s.n, step = std::max<std::int64_t>(1, elements / 2003);
  auto check = [&](std::int64_t e) {
    const std::int64_t i = e / s.n, j = e % s.n;
    double sum = 0, size = 0;
    for (std::int64_t k = 0; k < s.k; ++k) {
      const double p =
          double{a[static_cast<std::size_t>(s.role == Role::weight_gradient ? k * s.m + i : i * s.k + k)]} *
          double{b[static_cast<std::size_t>(s.role == Role::input_gradient ? j * s.k + k : k * s.n + j)]};
      sum += p;
      size += std::fabs(p);
    }
    const double error = std::fabs(double{c[static_cast<std::size_t>(e)]} - sum);
    const double unit = static_cast<double>(s.k) * 0x1p-24 * size;
    worst = error <= worst * unit ? worst : error / unit;  // a NaN passes through and fails
  };
  for (std::int64_t e = 0; e < elements; e += step) check(e);
  check(s.n - 1);
  check(elements - s.n);
  check(elements - 1);
  return worst;
}

/// Computes C of the given views, as the role says, on the device and with its arithmetic.
inline void run_product(Device& device, const Product& s, View a, View b, View c, View scratch) {
  const View factors[] = {a, b};
  if (s.role == Role::weight_gradient)
    weight_gradient(device, c, factors, default_group, scratch);
  else
    matmul(device, c, factors, s.role == Role::input_gradient, scratch);
}

inline std::int64_t scratch_bytes(const Product& s, Where where) {
  return s.role == Role::weight_gradient
             ? weight_gradient_scratch_bytes(where, s.k, s.m, s.n, 1, default_group, Dtype::f32)
             : matmul_scratch_bytes(where, s.k, s.n, Dtype::f32);
}

}  // namespace brink::bench
