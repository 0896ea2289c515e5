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

namespace {  // as it is compiled once per instruction set too
/// The Taylor coefficients y₁ … y₄ of f(x(t)), where x(t) = x + x₁t + … + x₄t⁴ and c₁ … c₄ are those of f at x:
///   y₁ = c₁x₁,  y₂ = c₁x₂ + c₂x₁²,  y₃ = c₁x₃ + 2c₂x₁x₂ + c₃x₁³,  y₄ = c₁x₄ + c₂(2x₁x₃ + x₂²) + 3c₃x₁²x₂ + c₄x₁⁴
template <class T>
[[gnu::always_inline]] BRINK_HD inline Outputs<T, 4> chain_rule(T c1, T c2, T c3, T c4, T x1, T x2, T x3, T x4) {
  const T square = x1 * x1, twice = x1 + x1;
  const T y2 = std::fma(c2, square, c1 * x2);
  const T y3 = std::fma(c3 * square, x1, std::fma(c2 * twice, x2, c1 * x3));
  const T y4 = std::fma(c2, std::fma(twice, x3, x2 * x2), c1 * x4);
  return {{c1 * x1, y2, y3, std::fma(std::fma(c4, square, T(3) * c3 * x2), square, y4)}};
}

/// x within −64 and 64, NaN through: where a power of x is multiplied by φ(x), which is 0 beyond.
template <class T>
[[gnu::always_inline]] BRINK_HD inline T where_density_lives(T x) {
  return x < T(-64) ? T(-64) : x > T(64) ? T(64) : x;
}
}  // namespace

/// Taylor coefficients of tanh, by chain_rule: with y = tanh x and s = 1 − y²,  s, −ys, s(y² − ⅓), ys(⅔ − y²).
struct TanhSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T y = elementary::tanh(x), square = y * y, s = std::fma(-y, y, T(1)), product = y * s;
    return chain_rule(s, -product, s * (square - T(1.0 / 3)), product * (T(2.0 / 3) - square), x1, x2, x3, x4);
  }
};

/// Taylor coefficients of 1 − y²: −2y, −1, 0, 0.
struct OneMinusSquareSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T y, T y1, T y2, T y3, T y4) const {
    const T slope = T(-2) * y, twice = y1 + y1;
    return {{slope * y1, std::fma(-y1, y1, slope * y2), std::fma(-twice, y2, slope * y3),
             std::fma(-twice, y3, std::fma(-y2, y2, slope * y4))}};
  }
};

/// Taylor coefficients of the logistic function: with s = σ(x), r = σ(−x), q = sr,  q, q(r − s)/2, q(1 − 6q)/6, q(r − s)(1 − 12q)/24.
struct LogisticSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T s = Logistic{}(x), r = Logistic{}(-x), q = s * r, odd = q * (r - s);
    return chain_rule(q, T(0.5) * odd, q * std::fma(T(-6), q, T(1)) / T(6), odd * std::fma(T(-12), q, T(1)) / T(24), x1,
                      x2, x3, x4);
  }
};

/// Taylor coefficients of softplus, whose slope is the logistic function: s, q/2, q(r − s)/6, q(1 − 6q)/24.
struct SoftplusSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T s = Logistic{}(x), r = Logistic{}(-x), q = s * r;
    return chain_rule(s, T(0.5) * q, q * (r - s) / T(6), q * std::fma(T(-6), q, T(1)) / T(24), x1, x2, x3, x4);
  }
};

/// Taylor coefficients of φ: −xφ, (x² − 1)φ/2, (3x − x³)φ/6, (x⁴ − 6x² + 3)φ/24.
struct NormalDensitySeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T p = elementary::normal_density(x), a = where_density_lives(x), square = a * a;
    return chain_rule(-a * p, T(0.5) * (square - T(1)) * p, a * (T(3) - square) * p / T(6),
                      std::fma(square, square - T(6), T(3)) * p / T(24), x1, x2, x3, x4);
  }
};

/// Taylor coefficients of Φ, whose slope is φ: φ, −xφ/2, (x² − 1)φ/6, (3x − x³)φ/24.
struct NormalCdfSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T p = elementary::normal_density(x), a = where_density_lives(x), square = a * a;
    return chain_rule(p, T(-0.5) * a * p, (square - T(1)) * p / T(6), a * (T(3) - square) * p / T(24), x1, x2, x3, x4);
  }
};

/// Taylor coefficients of xΦ(x): Φ + xφ, (2 − x²)φ/2, (x³ − 4x)φ/6, (7x² − x⁴ − 4)φ/24.
struct GeluSeries {
  static constexpr int arity = 5;
  template <class T>
  BRINK_HD Outputs<T, 4> operator()(T x, T x1, T x2, T x3, T x4) const {
    const T p = elementary::normal_density(x), a = where_density_lives(x), square = a * a;
    return chain_rule(std::fma(a, p, elementary::normal_cdf(x)), T(0.5) * (T(2) - square) * p,
                      a * (square - T(4)) * p / T(6), std::fma(square, T(7) - square, T(-4)) * p / T(24), x1, x2, x3,
                      x4);
  }
};

using Functors =
    std::tuple<Add, Subtract, Multiply, Scale, Divide, Descend, DecayedDescent, NoiseScaledDescent, Momentum, Adaptive,
               RootMeanSquare, RootMoment, InverseRoot, Relu, Gate, Tanh, OneMinusSquare, Softplus, Logistic, NormalCdf,
               NormalDensity, Gelu, TanhSeries, OneMinusSquareSeries, LogisticSeries, SoftplusSeries,
               NormalDensitySeries, NormalCdfSeries, GeluSeries>;

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
