// SPDX-License-Identifier: MIT
// The arithmetic of every elementwise operation, shared by host and device.
// A functor has `arity` inputs. Its members are its constants, all double. With several outputs it returns Outputs. A functor
// is added here twice, as a struct and in the list at the end, from which every loop and kernel is made; one that is missing
// there or in the table of cases fails a test. Every select keeps a NaN operand.
#pragma once

#include <cmath>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/functions/elementary.h"
#include "kernels/hd.h"

namespace brink {

/// What a functor of several outputs returns.
template <class T, int n>
struct Outputs {
  T v[n];
};

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

namespace {  // as it is compiled once per instruction set too
/// x − c·x, the pull of weight decay; x itself where c is 0, whatever x is
template <class T>
[[gnu::always_inline]] BRINK_HD inline T decayed(T x, double c) {
  return c == 0 ? x : x - static_cast<T>(c) * x;
}
}  // namespace

/// x − η·w and w = β·v + g, each product and each sum rounded: one step of gradient descent with momentum; decay as `decayed`
struct Momentum {
  static constexpr int arity = 3;
  double eta = 0, beta = 0, decay = 0;
  template <class T>
  BRINK_HD Outputs<T, 2> operator()(T x, T v, T g) const {
    const T w = static_cast<T>(beta) * v + g;
    return {{decayed(x, decay) - static_cast<T>(eta) * w, w}};
  }
};

/// (x − d·x) − c·g, each product and each difference rounded: a step of gradient descent with decoupled weight decay
struct DecayedDescent {
  static constexpr int arity = 2;
  double c = 0, d = 0;
  template <class T>
  BRINK_HD T operator()(T x, T g) const {
    return decayed(x, d) - static_cast<T>(c) * g;
  }
};

/// (x − d·x) − c·(g − n·(g − b)), each product and each difference rounded: a step of noise-scaled gradient descent, b the minibatch's
/// gradient
struct NoiseScaledDescent {
  static constexpr int arity = 3;
  double c = 0, d = 0, n = 0;
  template <class T>
  BRINK_HD T operator()(T x, T g, T b) const {
    const T mixed = g - static_cast<T>(n) * (g - b);
    return decayed(x, d) - static_cast<T>(c) * mixed;
  }
};

/// The denominator of adaptive rules, from a moving average ν of squared gradients: min(√min(ν/bias, clip_moment), clip_root) + ϵ.
/// Infinite clips do nothing; NaN goes through.
struct AdaptiveScale {
  double bias = 1, clip_moment = 0, clip_root = 0, epsilon = 0;
  template <class T>
  BRINK_HD T operator()(T moment) const {
    const T unbiased = moment / static_cast<T>(bias), most = static_cast<T>(clip_moment),
            high = static_cast<T>(clip_root);
    const T root = std::sqrt(most < unbiased ? most : unbiased);
    return (high < root ? high : root) + static_cast<T>(epsilon);
  }
};

namespace {  // as it is compiled once per instruction set too
/// ν ← βν + (1 − β)g²
template <class T>
[[gnu::always_inline]] BRINK_HD inline T moving_square(T moment, T g, double beta) {
  return static_cast<T>(beta) * moment + static_cast<T>(1 - beta) * (g * g);
}
}  // namespace

/// m ← β₁m + (1 − β₁)g, ν ← β₂ν + (1 − β₂)g², θ ← (θ − dθ) − η (m/first)/AdaptiveScale(ν): a step of Adam or of its clipped kind
struct Adaptive {
  static constexpr int arity = 4;
  double eta = 0, beta1 = 0, beta2 = 0, first = 1, bias = 1, clip_moment = 0, clip_root = 0, epsilon = 0, decay = 0;
  template <class T>
  BRINK_HD Outputs<T, 3> operator()(T x, T m, T moment, T g) const {
    const T mean = static_cast<T>(beta1) * m + static_cast<T>(1 - beta1) * g;
    const T square = moving_square(moment, g, beta2);
    const T step = (mean / static_cast<T>(first)) / AdaptiveScale{bias, clip_moment, clip_root, epsilon}(square);
    return {{decayed(x, decay) - static_cast<T>(eta) * step, mean, square}};
  }
};

/// ν ← βν + (1 − β)g², θ ← (θ − dθ) − η g/AdaptiveScale(ν): the same without a mean of gradients, a step of RMSProp
struct RootMeanSquare {
  static constexpr int arity = 3;
  double eta = 0, beta = 0, bias = 1, clip_moment = 0, clip_root = 0, epsilon = 0, decay = 0;
  template <class T>
  BRINK_HD Outputs<T, 2> operator()(T x, T moment, T g) const {
    const T square = moving_square(moment, g, beta);
    const T step = g / AdaptiveScale{bias, clip_moment, clip_root, epsilon}(square);
    return {{decayed(x, decay) - static_cast<T>(eta) * step, square}};
  }
};

/// √((βν + (1 − β)g²)/bias): √ν̂ of the adaptive step that g makes
struct RootMoment {
  static constexpr int arity = 2;
  double beta = 0, bias = 1;
  template <class T>
  BRINK_HD T operator()(T moment, T g) const {
    return std::sqrt(moving_square(moment, g, beta) / static_cast<T>(bias));
  }
};

/// 1/√(first · AdaptiveScale(βν + (1 − β)g²)): P^(−½) of the preconditioner P of the adaptive step that g makes
struct InverseRoot {
  static constexpr int arity = 2;
  double beta = 0, first = 1, bias = 1, clip_moment = 0, clip_root = 0, epsilon = 0;
  template <class T>
  BRINK_HD T operator()(T moment, T g) const {
    const T scale = AdaptiveScale{bias, clip_moment, clip_root, epsilon}(moving_square(moment, g, beta));
    return T(1) / std::sqrt(static_cast<T>(first) * scale);
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

/// log(1 + eˣ) = max(x, 0) + log(1 + e) with e = exp(−|x|). The rounding of u = 1 + e is compensated by log(u)·e/(u − 1)
/// (Kahan).
struct Softplus {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    const T e = elementary::exp(-std::fabs(x)), u = T(1) + e;
    return (x <= T(0) ? T(0) : x) + (u == T(1) ? e : elementary::log(u) * (e / (u - T(1))));
  }
};

/// 1/(1 + e⁻ˣ)
struct Logistic {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    return T(1) / (T(1) + elementary::exp(-x));
  }
};

/// Φ(x), one rounding in float32
struct NormalCdf {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    return elementary::normal_cdf(x);
  }
};

/// φ(x), one rounding in float32
struct NormalDensity {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    return elementary::normal_density(x);
  }
};

/// x·Φ(x), in two roundings; −0 where Φ(x) is 0, at −∞ too
struct Gelu {
  static constexpr int arity = 1;
  template <class T>
  BRINK_HD T operator()(T x) const {
    const T p = elementary::normal_cdf(x);
    return p == T(0) ? -p : x * p;
  }
};

using Functors = std::tuple<Add, Subtract, Multiply, Scale, Divide, Descend, DecayedDescent, NoiseScaledDescent,
                            Momentum, Adaptive, RootMeanSquare, RootMoment, InverseRoot, Relu, Gate, Tanh,
                            OneMinusSquare, Softplus, Logistic, NormalCdf, NormalDensity, Gelu>;

/// Constants of functor F.
template <class F>
inline constexpr int constants_of = std::is_empty_v<F> ? 0 : static_cast<int>(sizeof(F) / sizeof(double));

template <class R>
inline constexpr int outputs_in = 1;
template <class T, int n>
inline constexpr int outputs_in<Outputs<T, n>> = n;
/// Outputs of functor F.
template <class F>
inline constexpr int outputs_of = []<std::size_t... i>(std::index_sequence<i...>) {
  return outputs_in<decltype(std::declval<F>()((static_cast<void>(i), 0.0F)...))>;
}
(std::make_index_sequence<F::arity>{});

namespace {  // as it is compiled once per instruction set too
template <class F, std::size_t... i>
[[gnu::always_inline]] inline F functor_of(const double* constants, std::index_sequence<i...>) {
  static_cast<void>(constants);
  return F{constants[i]...};
}
/// Functor F with its constants.
template <class F>
[[gnu::always_inline]] inline F make_functor(const double* constants) {
  return functor_of<F>(constants, std::make_index_sequence<static_cast<std::size_t>(constants_of<F>)>{});
}
}  // namespace

/// Position of functor F in the list.
template <class F>
consteval std::size_t functor_index() {
  return []<std::size_t... i>(std::index_sequence<i...>) {
    static_assert((std::is_same_v<F, std::tuple_element_t<i, Functors>> || ...), "the functor is not in the list");
    return ((std::is_same_v<F, std::tuple_element_t<i, Functors>> ? i : 0) + ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Functors>>{});
}

}  // namespace brink
