// SPDX-License-Identifier: MIT
// The losses, compiled once per instruction set, because they use exp, log1p and fma.
#include "kernels/functions/elementary.h"
#include "kernels/isa.h"
#include "kernels/loss/loss_isa.h"
#include "kernels/reduce/tree.h"

namespace brink::cpu {
namespace {

using std::int64_t;

/// The first of the largest values; a NaN counts as larger than all before it.
template <class T>
int64_t leading_class(const T* f, int64_t classes) {
  T largest = f[0];
  int64_t leading = 0;
  for (int64_t c = 1; c < classes; ++c) {
    const bool larger = f[c] > largest || f[c] != f[c];
    largest = larger ? f[c] : largest;
    leading = larger ? c : leading;
  }
  return leading;
}

// The exponentials computed at once fill vector registers and still fit on the stack; likewise rows, for the logarithms.
constexpr int64_t most_exponentials = 4096, most_rows = 64;

int64_t rows_at_once(int64_t classes) {
  const int64_t rows = most_exponentials / classes;
  return rows < 1 ? 1 : rows < most_rows ? rows : most_rows;
}

/// Calls row(s, leading class, first, width, e) with e[c] = exp(f[s, first + c] − max_s), c < width, for `rows` ≤ rows_at_once
/// samples; for a row of more than most_exponentials classes in several pieces, first ascending.
template <class T, class Row>
void exponentials(int64_t rows, int64_t classes, const T* f, Row&& row) {
  double e[most_exponentials];
  int64_t leading[most_rows];
  for (int64_t s = 0; s < rows; ++s) leading[s] = leading_class(f + s * classes, classes);
  for (int64_t first = 0; first < classes; first += most_exponentials) {
    const int64_t width = classes - first < most_exponentials ? classes - first : most_exponentials;
    for (int64_t s = 0; s < rows; ++s) {
      const T* const at = f + s * classes;
      const auto max = static_cast<double>(at[leading[s]]);
      for (int64_t c = 0; c < width; ++c) e[s * width + c] = static_cast<double>(at[first + c]) - max;
    }
#pragma GCC ivdep
    for (int64_t i = 0; i < rows * width; ++i) e[i] = elementary::exp(e[i]);
    for (int64_t s = 0; s < rows; ++s) row(s, leading[s], first, width, e + s * width);
  }
}

/// chain + x[0] + x[1] + … without x[left_out], which may be out of range. No term is −0, so +0 can replace the one left out.
double chain_without(double chain, const double* x, int64_t n, int64_t left_out) {
  for (int64_t c = 0; c < n; ++c) chain += c == left_out ? 0.0 : x[c];
  return chain;
}

/// Calls per_sample(s) for every sample in order, and joins the chains of the groups.
template <class F>
double group_sum(int64_t samples, int64_t group, F&& per_sample) {
  TreeCounter<double> tree;
  for (int64_t s = 0; s < samples;) {
    const int64_t end = s + group < samples ? s + group : samples;
    double chain = 0;
    for (; s < end; ++s) chain += per_sample(s);
    tree.push(chain);
  }
  return tree.total();
}

}  // namespace

template <class Isa, class T>
double cross_entropy_isa(int64_t samples, int64_t classes, const T* f, const std::int32_t* labels, int64_t group) {
  T max[most_rows];
  double others[most_rows], log_sum[most_rows];
  const int64_t at_once = rows_at_once(classes);
  const auto fill = [&](int64_t s0, int64_t rows) {
    for (int64_t s = 0; s < rows; ++s) others[s] = 0;
    exponentials(rows, classes, f + s0 * classes,
                 [&](int64_t s, int64_t leading, int64_t first, int64_t width, const double* e) {
                   max[s] = f[(s0 + s) * classes + leading];
                   others[s] = chain_without(others[s], e, width, leading - first);
                 });
#pragma GCC ivdep
    for (int64_t s = 0; s < rows; ++s) log_sum[s] = elementary::log1p(others[s]);
  };
  return group_sum(samples, group, [&](int64_t s) {
    const int64_t i = s % at_once;
    if (i == 0) fill(s, samples - s < at_once ? samples - s : at_once);
    const double difference = static_cast<double>(max[i]) - static_cast<double>(f[s * classes + labels[s]]);
    return log_sum[i] + difference;
  });
}

template <class Isa, class T>
void cross_entropy_gradient_isa(int64_t samples, int64_t classes, const T* f, const std::int32_t* labels, T* delta,
                                T* p) {
  double sum[most_rows], others[most_rows];
  const int64_t at_once = rows_at_once(classes);
  for (int64_t s0 = 0; s0 < samples; s0 += at_once) {
    const int64_t rows = samples - s0 < at_once ? samples - s0 : at_once;
    for (int64_t s = 0; s < rows; ++s) sum[s] = others[s] = 0;
    exponentials(rows, classes, f + s0 * classes,
                 [&](int64_t s, int64_t, int64_t first, int64_t width, const double* e) {
                   sum[s] = chain_without(sum[s], e, width, -1);
                   others[s] = chain_without(others[s], e, width, labels[s0 + s] - first);
                   for (int64_t c = 0; c < width; ++c) p[(s0 + s) * classes + first + c] = static_cast<T>(e[c]);
                 });
    for (int64_t s = 0; s < rows; ++s) {
      T *const of_p = p + (s0 + s) * classes, *const of_delta = delta + (s0 + s) * classes;
      for (int64_t c = 0; c < classes; ++c)
        of_delta[c] = of_p[c] = static_cast<T>(static_cast<double>(of_p[c]) / sum[s]);
      of_delta[labels[s0 + s]] = -static_cast<T>(others[s] / sum[s]);
    }
  }
}

template <class Isa, class T>
void minus_leading_isa(int64_t samples, int64_t classes, const T* x, const T* p, T* out) {
  for (int64_t s = 0; s < samples; ++s, x += classes, p += classes, out += classes) {
    const T of_leading = x[leading_class(p, classes)];
    for (int64_t c = 0; c < classes; ++c) out[c] = x[c] - of_leading;
  }
}

template <class Isa, class T>
void balance_leading_isa(int64_t samples, int64_t classes, const T* x, const T* p, T* out) {
  for (int64_t s = 0; s < samples; ++s, x += classes, p += classes, out += classes) {
    const int64_t leading = leading_class(p, classes);
    double others = 0;
    for (int64_t c = 0; c < classes; ++c) {
      out[c] = x[c];
      if (c != leading) others += static_cast<double>(x[c]);
    }
    out[leading] = -static_cast<T>(others);
  }
}

template <class Isa, class T>
double half_sum_of_squares_isa(int64_t samples, int64_t classes, const T* d, int64_t group) {
  return 0.5 * group_sum(samples, group, [&](int64_t s) {
           double chain = 0;
           for (int64_t c = 0; c < classes; ++c) {
             const auto x = static_cast<double>(d[s * classes + c]);
             chain = __builtin_fma(x, x, chain);
           }
           return chain;
         });
}

template <class Isa, class T>
double sample_dot_isa(std::span<const View> factors, int64_t group) {
  const int64_t samples = factors[0].shape[0], n = factors[0].shape.row_elements();
  return group_sum(samples, group, [&](int64_t s) {
    double chain = 0;
    for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
      const T *a = static_cast<const T*>(factors[i].data) + s * n,
              *b = static_cast<const T*>(factors[i + 1].data) + s * n;
      for (int64_t c = 0; c < n; ++c)
        chain = __builtin_fma(static_cast<double>(a[c]), static_cast<double>(b[c]), chain);
    }
    return chain;
  });
}

template double cross_entropy_isa<ThisIsa, float>(int64_t, int64_t, const float*, const std::int32_t*, int64_t);
template double cross_entropy_isa<ThisIsa, double>(int64_t, int64_t, const double*, const std::int32_t*, int64_t);
template void cross_entropy_gradient_isa<ThisIsa, float>(int64_t, int64_t, const float*, const std::int32_t*, float*,
                                                         float*);
template void cross_entropy_gradient_isa<ThisIsa, double>(int64_t, int64_t, const double*, const std::int32_t*, double*,
                                                          double*);
template void minus_leading_isa<ThisIsa, float>(int64_t, int64_t, const float*, const float*, float*);
template void minus_leading_isa<ThisIsa, double>(int64_t, int64_t, const double*, const double*, double*);
template void balance_leading_isa<ThisIsa, float>(int64_t, int64_t, const float*, const float*, float*);
template void balance_leading_isa<ThisIsa, double>(int64_t, int64_t, const double*, const double*, double*);
template double half_sum_of_squares_isa<ThisIsa, float>(int64_t, int64_t, const float*, int64_t);
template double half_sum_of_squares_isa<ThisIsa, double>(int64_t, int64_t, const double*, int64_t);
template double sample_dot_isa<ThisIsa, float>(std::span<const View>, int64_t);
template double sample_dot_isa<ThisIsa, double>(std::span<const View>, int64_t);

}  // namespace brink::cpu
