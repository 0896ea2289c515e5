// SPDX-License-Identifier: MIT
// Shapes, element types and untyped views of memory.
// A view carries its element type at run time, so primitives are plain function pointers and not templates.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "kernels/saturated.h"

namespace brink {

enum class Dtype : std::uint8_t { f32, f64, i32, u8 };

constexpr std::int64_t size_of(Dtype d) {
  constexpr std::array<std::int64_t, 4> bytes{4, 8, 4, 1};
  return bytes[static_cast<std::size_t>(d)];
}

constexpr std::string_view name_of(Dtype d) {
  constexpr std::array<std::string_view, 4> names{"float32", "float64", "int32", "uint8"};
  return names[static_cast<std::size_t>(d)];
}

template <class T>
constexpr Dtype dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return Dtype::f32;
  else if constexpr (std::is_same_v<T, double>)
    return Dtype::f64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return Dtype::i32;
  else {
    static_assert(std::is_same_v<T, std::uint8_t>, "no Dtype for this type");
    return Dtype::u8;
  }
}

/// Extents of a row-major array, rank 0 (scalar) to 5.
struct Shape {
  std::array<std::int64_t, 5> extent{1, 1, 1, 1, 1};
  int rank = 0;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int64_t> e) {
    assert(e.size() <= extent.size());
    for (std::int64_t x : e) extent[static_cast<std::size_t>(rank++)] = x;
  }
  constexpr std::int64_t operator[](int axis) const { return extent[static_cast<std::size_t>(axis)]; }
  constexpr std::int64_t elements() const {
    std::int64_t n = 1;
    for (int a = 0; a < rank; ++a) n *= (*this)[a];
    return n;
  }
  /// The product of all extents after the first: the size of one row (one sample).
  constexpr std::int64_t row_elements() const {
    std::int64_t n = 1;
    for (int a = 1; a < rank; ++a) n *= (*this)[a];
    return n;
  }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

/// At most 2⁶³ − 1, however large the shape is.
constexpr std::int64_t bytes_of(const Shape& shape, Dtype dtype) {
  std::int64_t bytes = size_of(dtype);
  for (int a = 0; a < shape.rank; ++a) bytes = saturated_product({bytes, shape[a]});
  return bytes;
}

/// As text: "[4000,784]".
inline std::string to_string(const Shape& s) {
  std::string out = "[";
  for (int a = 0; a < s.rank; ++a) out += (a ? "," : "") + std::to_string(s[a]);
  return out + "]";
}

/// A non-owning, contiguous, row-major view.
struct View {
  void* data = nullptr;
  Shape shape;
  Dtype dtype = Dtype::f32;

  template <class T>
  T* as() const {
    [[maybe_unused]] constexpr Dtype expected = dtype_of<T>();
    assert(dtype == expected);
    return static_cast<T*>(data);
  }
  template <class T>
  std::span<T> span() const {
    return {as<T>(), static_cast<std::size_t>(shape.elements())};
  }
  std::int64_t bytes() const { return shape.elements() * size_of(dtype); }
  /// What begins at element `first`, as an array of this shape.
  View part(std::int64_t first, const Shape& s) const {
    return {static_cast<char*>(data) + first * size_of(dtype), s, dtype};
  }
  /// `count` entries of the first axis, from `first` on.
  View rows(std::int64_t first, std::int64_t count) const {
    Shape s = shape;
    s.extent[0] = count;
    return part(first * shape.row_elements(), s);
  }
};

template <class T>
View view_of(T* data, Shape shape) {
  return {const_cast<std::remove_const_t<T>*>(data), shape, dtype_of<std::remove_const_t<T>>()};
}

/// Calls f with a value of the C++ type of a floating-point dtype: with_real(Dtype::f32, [](auto zero) { using T = decltype(zero); ... }).
template <class F>
decltype(auto) with_real(Dtype d, F&& f) {
  assert(d == Dtype::f32 || d == Dtype::f64);
  return d == Dtype::f64 ? f(double{}) : f(float{});
}

}  // namespace brink
