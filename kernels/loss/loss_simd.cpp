// SPDX-License-Identifier: MIT
// What it is: the losses, compiled once per instruction set, because exp, log and fma are.
#include "kernels/functions/elementary.h"
#include "kernels/isa.h"
#include "kernels/loss/loss_isa.h"
#include "kernels/reduce/tree.h"

namespace brink::cpu {
namespace {

using std::int64_t;

template <class T>
T row_max(const T* f, int64_t classes) {
  T m = f[0];
  for (int64_t c = 1; c < classes; ++c) m = (f[c] > m || f[c] != f[c]) ? f[c] : m;
  return m;
}

// Samples worked on at once: enough for the exponentials and logarithms to fill vector registers, few enough for the stack.
constexpr int64_t batch = 64;
constexpr int64_t wide = 64;  // classes up to which a batch of rows is exponentiated in one loop

/// e[s,c] = exp(f[s,c] − max_s), max[s], sum[s] = Σ_c e[s,c] for `rows` ≤ batch samples; e may be f.
template <class T>
void exponentials(int64_t rows, int64_t classes, const T* f, T* e, T* max, double* sum) {
  for (int64_t s = 0; s < rows; ++s) {
    max[s] = row_max(f + s * classes, classes);
    for (int64_t c = 0; c < classes; ++c) e[s * classes + c] = f[s * classes + c] - max[s];
  }
#pragma GCC ivdep
  for (int64_t i = 0; i < rows * classes; ++i) e[i] = elementary::exp(e[i]);
  for (int64_t s = 0; s < rows; ++s) {
    sum[s] = 0;
    for (int64_t c = 0; c < classes; ++c) sum[s] += static_cast<double>(e[s * classes + c]);
  }
}

/// Calls per_sample(s) for every sample in order and joins the groups' chains.
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
void softmax_isa(int64_t samples, int64_t classes, const T* f, T* p) {
  T max[batch];
  double sum[batch];
  for (int64_t s0 = 0; s0 < samples; s0 += batch) {
    const int64_t rows = samples - s0 < batch ? samples - s0 : batch;
    T* const out = p + s0 * classes;
    exponentials(rows, classes, f + s0 * classes, out, max, sum);
    for (int64_t s = 0; s < rows; ++s)
      for (int64_t c = 0; c < classes; ++c)
        out[s * classes + c] = static_cast<T>(static_cast<double>(out[s * classes + c]) / sum[s]);
  }
}

template <class Isa, class T>
double cross_entropy_isa(int64_t samples, int64_t classes, const T* f, const std::int32_t* labels, int64_t group) {
  T e[batch * wide];
  T max[batch];
  double sum[batch], log_sum[batch];
  // Rows wider than `wide` are taken one at a time, in slices.
  const auto fill = [&](int64_t s0, int64_t rows) {
    if (classes <= wide) {
      exponentials(rows, classes, f + s0 * classes, e, max, sum);
    } else {
      for (int64_t s = 0; s < rows; ++s) {
        const T* row = f + (s0 + s) * classes;
        max[s] = row_max(row, classes);
        sum[s] = 0;
        for (int64_t c = 0; c < classes; ++c) sum[s] += static_cast<double>(elementary::exp(row[c] - max[s]));
      }
    }
#pragma GCC ivdep
    for (int64_t s = 0; s < rows; ++s) log_sum[s] = elementary::log(sum[s]);
  };
  return group_sum(samples, group, [&](int64_t s) {
    if (s % batch == 0) fill(s, samples - s < batch ? samples - s : batch);
    const double difference = static_cast<double>(max[s % batch]) - static_cast<double>(f[s * classes + labels[s]]);
    return log_sum[s % batch] + difference;
  });
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

template void softmax_isa<ThisIsa, float>(int64_t, int64_t, const float*, float*);
template void softmax_isa<ThisIsa, double>(int64_t, int64_t, const double*, double*);
template double cross_entropy_isa<ThisIsa, float>(int64_t, int64_t, const float*, const std::int32_t*, int64_t);
template double cross_entropy_isa<ThisIsa, double>(int64_t, int64_t, const double*, const std::int32_t*, int64_t);
template double half_sum_of_squares_isa<ThisIsa, float>(int64_t, int64_t, const float*, int64_t);
template double half_sum_of_squares_isa<ThisIsa, double>(int64_t, int64_t, const double*, int64_t);
template double sample_dot_isa<ThisIsa, float>(std::span<const View>, int64_t);
template double sample_dot_isa<ThisIsa, double>(std::span<const View>, int64_t);

}  // namespace brink::cpu
