// SPDX-License-Identifier: MIT
// What it is: the arithmetic of every elementwise operation, shared by host and device.
// What it is not: loops (map_simd.cpp) or derivative rules (autodiff/primitives).
// Decision: a functor is added here twice: as a struct and in the list at the end, which the per-instruction-set source
// instantiates. A functor with a constant takes it as its only member.
//
// Comparisons let NaN through: every select keeps a NaN operand.
#pragma once

#include <cmath>
#include <cstddef>
#include <tuple>
#include <type_traits>

#include "kernels/functions/elementary.h"
#include "kernels/hd.h"

namespace brink {

/// a + b
struct Add {
  static constexpr int arity = 2;
  template <class T>
  BRINK_HD T operator()(T a, T b) const {
    return a + b;
  }
};

/// a − b
struct Subtract {
  static constexpr int arity = 2;
  template <class T>
  BRINK_HD T operator()(T a, T b) const {
    return a - b;
  }
};

/// a · b
struct Multiply {
  static constexpr int arity = 2;
  template <class T>
  BRINK_HD T operator()(T a, T b) const {
    return a * b;
  }
};

/// c · a, c rounded to T first
struct Scale {
  static constexpr int arity = 1;
  double c = 1;
  template <class T>
  BRINK_HD T operator()(T a) const {
    return static_cast<T>(c) * a;
  }
};

/// a / c, c rounded to T first
struct Divide {
  static constexpr int arity = 1;
  double c = 1;
  template <class T>
  BRINK_HD T operator()(T a) const {
    return a / static_cast<T>(c);
  }
};

/// x − c·g in two roundings: one step of gradient descent
struct Descend {
  static constexpr int arity = 2;
  double c = 0;
  template <class T>
  BRINK_HD T operator()(T x, T g) const {
    return x - static_cast<T>(c) * g;
  }
};

/// max(x, 0), NaN through
struct Relu {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    return x <= T(0) ? T(0) : x;
  }
};

/// d where y > 0 (or y is NaN), else 0: the derivative of relu applied to d, with y = relu(x)
struct Gate {
  static constexpr int arity = 2;
  template <class T>
  BRINK_HD T operator()(T y, T d) const {
    return y <= T(0) ? T(0) : d;
  }
};

/// tanh(x), one rounding in float32
struct Tanh {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    return elementary::tanh(x);
  }
};

/// 1 − y² by one fma: the derivative of tanh at y = tanh(x)
struct OneMinusSquare {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T y) const {
    return std::fma(-y, y, T(1));
  }
};

using Functors = std::tuple<Add, Subtract, Multiply, Scale, Divide, Descend, Relu, Gate, Tanh, OneMinusSquare>;

/// Functor F with constant c, ignored by a functor that has none.
template <class F>
BRINK_HD constexpr F make_functor(double c) {
  if constexpr (std::is_empty_v<F>)
    return F{};
  else
    return F{c};
}

}  // namespace brink
