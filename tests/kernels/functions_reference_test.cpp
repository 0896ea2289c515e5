// SPDX-License-Identifier: MIT
// The elementary functions against MPFR: the figures that elementary.h states. Built only if MPFR is installed.
#include <doctest/doctest.h>
#include <mpfr.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/random/philox.h"
#include "tests/kernels/elementary_loops.h"

using namespace brink;
using namespace brink::test;

namespace {

class Mpfr {
 public:
  explicit Mpfr(mpfr_prec_t bits) { mpfr_init2(v_, bits); }
  ~Mpfr() { mpfr_clear(v_); }
  Mpfr(const Mpfr&) = delete;
  Mpfr& operator=(const Mpfr&) = delete;
  operator mpfr_ptr() { return v_; }

 private:
  mpfr_t v_;
};

/// Φ(x) or φ(x), rounded to the precision and the exponent range of y.
int normal_reference(Function f, mpfr_ptr y, mpfr_ptr x) {
  const mpfr_exp_t low = mpfr_get_emin(), high = mpfr_get_emax();
  mpfr_set_emin(mpfr_get_emin_min());
  mpfr_set_emax(mpfr_get_emax_max());
  Mpfr wide(400), factor(400);
  if (f == Function::normal_cdf) {
    mpfr_sqrt_ui(factor, 2, MPFR_RNDN);
    mpfr_div(wide, x, factor, MPFR_RNDN);
    mpfr_neg(wide, wide, MPFR_RNDN);
    mpfr_erfc(wide, wide, MPFR_RNDN);
    mpfr_div_2ui(wide, wide, 1, MPFR_RNDN);
  } else {
    mpfr_sqr(wide, x, MPFR_RNDN);
    mpfr_div_2ui(wide, wide, 1, MPFR_RNDN);
    mpfr_neg(wide, wide, MPFR_RNDN);
    mpfr_exp(wide, wide, MPFR_RNDN);
    mpfr_const_pi(factor, MPFR_RNDN);
    mpfr_mul_2ui(factor, factor, 1, MPFR_RNDN);
    mpfr_sqrt(factor, factor, MPFR_RNDN);
    mpfr_div(wide, wide, factor, MPFR_RNDN);
  }
  const int ternary = mpfr_set(y, wide, MPFR_RNDN);
  mpfr_set_emin(low);
  mpfr_set_emax(high);
  return mpfr_check_range(y, ternary, MPFR_RNDN);
}

int reference(Function f, mpfr_ptr y, mpfr_ptr x) {
  switch (f) {
    case Function::normal_cdf:
    case Function::normal_density: return normal_reference(f, y, x);
    case Function::exp: return mpfr_exp(y, x, MPFR_RNDN);
    case Function::tanh: return mpfr_tanh(y, x, MPFR_RNDN);
    case Function::sin: return mpfr_sin(y, x, MPFR_RNDN);
    case Function::cos: return mpfr_cos(y, x, MPFR_RNDN);
    case Function::log:
    case Function::log_twice_rounded: return mpfr_log(y, x, MPFR_RNDN);
    case Function::log1p: return mpfr_log1p(y, x, MPFR_RNDN);
    case Function::sin_turns:
    case Function::cos_turns: break;
  }
  mpfr_const_pi(y, MPFR_RNDN);
  mpfr_mul_2ui(y, y, 1, MPFR_RNDN);
  mpfr_mul(y, y, x, MPFR_RNDN);
  return f == Function::sin_turns ? mpfr_sin(y, y, MPFR_RNDN) : mpfr_cos(y, y, MPFR_RNDN);
}

/// libm's float64 function: it filters the inputs, so that MPFR is used only where libm cannot decide.
double libm(Function f, double x) {
  switch (f) {
    case Function::exp: return std::exp(x);
    case Function::tanh: return std::tanh(x);
    case Function::sin: return std::sin(x);
    case Function::cos: return std::cos(x);
    case Function::normal_cdf: return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2);
    case Function::normal_density: return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2;
    default: return std::log(x);
  }
}

struct Exhaustive {
  std::int64_t misrounded = 0;
  double worst_ulp = 0.5;
  std::int64_t decided_by_mpfr = 0;
};

/// Compares the float32 function with the correctly rounded one for the inputs with bits first, first + step, … < 2^32.
Exhaustive compare_float32(Function f, std::int64_t first, std::int64_t step) {
  constexpr std::int64_t block = 4096;
  ThreadPool pool(available_threads());
  std::vector<Exhaustive> results(static_cast<std::size_t>(pool.threads()));
  const std::int64_t inputs = ((std::int64_t{1} << 32) - first + step - 1) / step;
  pool.run(pool.threads(), [&](int, std::int64_t worker) {
    Exhaustive r;
    // A 24-bit format with float32's exponents; subnormalize() finishes its rounding below the normal range.
    mpfr_set_emin(-148);
    mpfr_set_emax(128);
    {
      Mpfr x24(24), y24(24);
      std::vector<float> x(block), y(block);
      for (std::int64_t start = worker * block; start < inputs; start += pool.threads() * block) {
        const std::int64_t n = std::min(block, inputs - start);
        for (std::int64_t i = 0; i < n; ++i) {
          const std::uint32_t bits = static_cast<std::uint32_t>(first + (start + i) * step);
          std::memcpy(&x[static_cast<std::size_t>(i)], &bits, 4);
        }
        evaluate(isa(), f, x.data(), y.data(), n);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
          const double d = libm(f, static_cast<double>(x[i]));
          float expected = static_cast<float>(d);
          // Distance of d from the nearest midpoint of two floats, in its last places; 2^29 of them make one of a float's.
          const std::int64_t place = static_cast<std::int64_t>(elementary::bits_of(d) & 0x1FFFFFFF) - 0x10000000;
          const double size = std::fabs(d);
          const bool undecided =
              std::isfinite(d) && (size < 0x1p-126 ? size > 0x1p-152 : std::llabs(place) < (1 << 19));
          if (undecided) {
            mpfr_set_flt(x24, x[i], MPFR_RNDN);
            const int ternary = reference(f, y24, x24);
            mpfr_subnormalize(y24, ternary, MPFR_RNDN);
            expected = mpfr_get_flt(y24, MPFR_RNDN);
            ++r.decided_by_mpfr;
          }
          if (std::bit_cast<std::uint32_t>(expected) == std::bit_cast<std::uint32_t>(y[i]) ||
              (expected != expected && y[i] != y[i]))
            continue;
          ++r.misrounded;
          const int exponent = std::max(std::ilogb(expected), -126);
          const double ulps = std::fabs(static_cast<double>(y[i]) - d) * std::ldexp(1.0, 23 - exponent);
          r.worst_ulp = std::isnan(ulps) ? HUGE_VAL : std::max(r.worst_ulp, ulps);
        }
      }
    }
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    mpfr_free_cache();
    results[static_cast<std::size_t>(worker)] = r;
  });
  Exhaustive all;
  for (const Exhaustive& r : results) {
    all.misrounded += r.misrounded;
    all.worst_ulp = std::max(all.worst_ulp, r.worst_ulp);
    all.decided_by_mpfr += r.decided_by_mpfr;
  }
  return all;
}

/// Sample i of a function's domain: half of them spread over all magnitudes, half over the range where the function varies.
double sample(Function f, std::int64_t i) {
  constexpr RandomKey key(1, Stream::test);
  const TwoWords w = random_words(key, static_cast<std::uint64_t>(i));
  const double u = uniform_f64(w.second);
  const double sign = (w.first & 1) != 0 ? -1 : 1;
  const bool spread = (w.first & 2) != 0;
  const auto magnitude = [&](int low, int high) {  // 1 … 2 times 2^low … 2^high
    return std::ldexp(1 + u, low + static_cast<int>((w.first >> 8) % static_cast<std::uint64_t>(high - low + 1)));
  };
  switch (f) {
    case Function::exp: return spread ? sign * magnitude(-60, 9) : -746 + u * 1456;
    case Function::normal_cdf: return spread ? sign * magnitude(-60, 5) : -38.5 + u * 47;
    case Function::normal_density: return spread ? sign * magnitude(-60, 5) : sign * 38.7 * u;
    case Function::tanh: return sign * (spread ? magnitude(-1074, 4) : 20 * u);
    case Function::sin:
    case Function::cos: return sign * (spread ? magnitude(-40, 1023) : u * ((w.first & 4) != 0 ? 0x1p20 : 7.0));
    case Function::sin_turns:
    case Function::cos_turns: return spread ? sign * magnitude(-60, 20) : u;
    case Function::log1p:  // from −1 on
      if (!spread) return 4 * u - 1;
      return sign > 0 ? magnitude(-1074, 1023) : -magnitude(-1074, -1);
    case Function::log:
    case Function::log_twice_rounded: break;
  }
  return spread ? magnitude(-1074, 1023) : 0.5 + 2 * u;
}

/// f(x) in long double where that has 64 bits or more: within a few units of its last place.
long double libm_long(Function f, double x) {
  constexpr long double half_pi = 1.57079632679489661923132169163975144L;
  switch (f) {
    case Function::exp: return std::exp(static_cast<long double>(x));
    case Function::tanh: return std::tanh(static_cast<long double>(x));
    case Function::sin: return std::sin(static_cast<long double>(x));
    case Function::cos: return std::cos(static_cast<long double>(x));
    case Function::normal_cdf: {
      constexpr long double factor = 0.707106781186547524400844362104849039L, rest = -2.4e-20L;
      const long double wide = x, t = -wide * factor, t_lo = std::fma(-wide, factor, -t) - wide * rest;
      return 0.5L * std::erfc(t) - std::exp(-t * t) * t_lo * std::numbers::inv_sqrtpi_v<long double>;
    }
    case Function::normal_density: {
      const long double wide = x, square = wide * wide, square_lo = std::fma(wide, wide, -square);
      return std::exp(-0.5L * square) * (1 - 0.5L * square_lo) * 0.398942280401432677939946059934381868L;
    }
    case Function::log:
    case Function::log_twice_rounded: return std::log(static_cast<long double>(x));
    case Function::log1p: return std::log1p(static_cast<long double>(x));
    case Function::sin_turns:
    case Function::cos_turns: break;
  }
  const double quarters = std::nearbyint(4 * x);
  const long double r = (4 * x - quarters) * half_pi;
  const int quadrant = static_cast<int>(std::fmod(quarters, 4) + 4 + (f == Function::cos_turns)) & 3;
  const long double y = quadrant % 2 == 0 ? std::sin(r) : std::cos(r);
  return quadrant < 2 ? y : -y;
}

/// |y − exact| in units in the last place of a float64 of exact's size.
double ulps(mpfr_ptr exact, double y, mpfr_ptr scratch) {
  if (!mpfr_number_p(exact) || !std::isfinite(y)) return mpfr_get_d(exact, MPFR_RNDN) == y ? 0 : HUGE_VAL;
  mpfr_sub_d(scratch, exact, y, MPFR_RNDN);
  const long exponent = mpfr_zero_p(exact) ? -1074 : std::max<long>(static_cast<long>(mpfr_get_exp(exact)) - 53, -1074);
  mpfr_mul_2si(scratch, scratch, -exponent, MPFR_RNDN);
  return std::fabs(mpfr_get_d(scratch, MPFR_RNDN));
}

struct Worst {
  double ulp = 0, at = 0;  // error, and where
};

/// Worst error of the float64 function on samples 0 … n−1, in units in the last place of the exact value.
Worst worst_float64(Function f, std::int64_t n) {
  constexpr std::int64_t block = 4096;
  ThreadPool pool(available_threads());
  std::vector<Worst> results(static_cast<std::size_t>(pool.threads()));
  pool.run(pool.threads(), [&](int, std::int64_t worker) {
    Worst worst;
    Mpfr x_exact(53), exact(140), error(60);
    std::vector<double> x(block), y(block);
    for (std::int64_t start = worker * block; start < n; start += pool.threads() * block) {
      const std::int64_t count = std::min(block, n - start);
      for (std::int64_t i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = sample(f, start + i);
      evaluate(isa(), f, x.data(), y.data(), count);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        // MPFR is used only where the error could exceed the worst one found.
        if constexpr (std::numeric_limits<long double>::digits >= 64) {
          const long double near = libm_long(f, x[i]);
          const int exponent = near != 0 ? std::max(std::ilogb(near) - 52, -1074) : -1074;
          if (std::ldexp(std::fabs(near - y[i]), -exponent) < static_cast<long double>(worst.ulp) - 0.02L) continue;
        }
        mpfr_set_d(x_exact, x[i], MPFR_RNDN);
        reference(f, exact, x_exact);
        const double ulp = ulps(exact, y[i], error);
        if (ulp > worst.ulp) worst = {ulp, x[i]};
      }
    }
    mpfr_free_cache();
    results[static_cast<std::size_t>(worker)] = worst;
  });
  return *std::max_element(results.begin(), results.end(),
                           [](const Worst& a, const Worst& b) { return a.ulp < b.ulp; });
}

/// What elementary.h states.
struct Stated {
  Function function;
  double ulp;
};
constexpr Stated stated[] = {
    {Function::exp, 0.8},        {Function::log, 0.65},       {Function::tanh, 0.75},
    {Function::sin, 0.75},       {Function::cos, 0.75},       {Function::sin_turns, 0.75},
    {Function::cos_turns, 0.75}, {Function::normal_cdf, 1.5}, {Function::normal_density, 0.8},
    {Function::log1p, 0.75},
};

void check_float64(std::int64_t n) {
  for (const Stated& s : stated) {
    const Worst worst = worst_float64(s.function, n);
    MESSAGE(std::string(name_of(s.function)), " float64, ", n, " samples: worst error ", worst.ulp, " ulp at ",
            worst.at);
    CHECK(worst.ulp <= s.ulp);
  }
}

}  // namespace

TEST_CASE("float32 functions against the correctly rounded ones, one input in 4099") {
  for (const Function f : rounded_once) {
    CAPTURE(std::string(name_of(f)));
    const Exhaustive r = compare_float32(f, 17, 4099);
    CHECK(r.misrounded == 0);
    CHECK(r.decided_by_mpfr > 0);
  }
}

TEST_CASE("float32 functions are correctly rounded for all 2^32 inputs (B8)" * doctest::test_suite("slow") *
          doctest::skip()) {
  for (const Function f : rounded_once) {
    const Exhaustive r = compare_float32(f, 0, 1);
    MESSAGE(std::string(name_of(f)), " float32: ", r.misrounded, " inputs misrounded, worst error ", r.worst_ulp,
            " ulp; ", r.decided_by_mpfr, " decided by MPFR");
    CHECK(r.misrounded == 0);
  }
}

TEST_CASE("control: the comparison finds a logarithm that is rounded twice") {
  CHECK(compare_float32(Function::log_twice_rounded, 0x4C5D6520, std::int64_t{1} << 31).misrounded == 0);
  CHECK(compare_float32(Function::log_twice_rounded, 0x4C5D65A5, std::int64_t{1} << 31).misrounded == 1);
}

TEST_CASE("float64 functions stay within their stated errors on a million samples") { check_float64(1'000'000); }

TEST_CASE("float64 functions stay within their stated errors on 10^8 samples" * doctest::test_suite("slow") *
          doctest::skip()) {
  check_float64(100'000'000);
}
