// SPDX-License-Identifier: MIT
#include "kernels/dense/symmetric_eigen.h"

#include <cmath>
#include <limits>
#include <utility>

#include "kernels/dense/scaling.h"

namespace brink {

using dense::hypotenuse;
using dense::power_of_two;

namespace {
constexpr double eps = std::numeric_limits<double>::epsilon() / 2;
constexpr int most_rounds = 60;    // QL needs about 1.7 a value
constexpr int strict_rounds = 30;  // after these, an entry below eps·‖T‖ counts as zero too

bool all_finite(const double* x, int n) {
  for (int i = 0; i < n; ++i)
    if (!std::isfinite(x[i])) return false;
  return true;
}

double largest(const double* x, int n) {
  double most = 0;
  for (int i = 0; i < n; ++i) most = std::fabs(x[i]) > most ? std::fabs(x[i]) : most;
  return most;
}

void multiply(double* x, int n, double factor) {
  for (int i = 0; i < n; ++i) x[i] *= factor;
}

/// One implicit QL sweep on rows low … high of T; (c, s) rotates columns i and i+1 of z.
void sweep(double* d, double* e, double* z, int rows, int low, int high) {
  double g = (d[low + 1] - d[low]) / (2 * e[low]);
  double r = hypotenuse(g < 0 ? -g : g, 1);
  g = d[high] - d[low] + e[low] / (g < 0 ? g - r : g + r);
  double s = 1, c = 1, p = 0;
  for (int i = high - 1; i >= low; --i) {
    const double f = s * e[i], b = c * e[i];
    r = hypotenuse(f, g);
    e[i + 1] = r;
    if (r == 0) {  // T decouples here: what is done is kept, and the caller looks for the next block
      d[i + 1] -= p;
      e[high] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = (d[i] - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    double* left = z + static_cast<std::ptrdiff_t>(i) * rows;
    double* right = left + rows;
    for (int k = 0; k < rows; ++k) {
      const double x = left[k], y = right[k];
      right[k] = s * x + c * y;
      left[k] = c * x - s * y;
    }
  }
  d[low] -= p;
  e[low] = g;
  e[high] = 0;
}

void sort_ascending(int n, double* d, double* z, int rows) {
  for (int i = 0; i + 1 < n; ++i) {
    int least = i;
    for (int j = i + 1; j < n; ++j)
      if (d[j] < d[least]) least = j;
    if (least == i) continue;
    std::swap(d[i], d[least]);
    for (int k = 0; k < rows; ++k)
      std::swap(z[static_cast<std::ptrdiff_t>(i) * rows + k], z[static_cast<std::ptrdiff_t>(least) * rows + k]);
  }
}
}  // namespace

bool tridiagonal_eigen(int n, double* d, double* e, double* z, int rows) {
  if (n <= 0) return true;
  if (!all_finite(d, n) || !all_finite(e, n - 1)) return false;
  const double on = largest(d, n), off = largest(e, n - 1);
  const double norm = on > off ? on : off, unit = power_of_two(norm);
  for (int i = 0; i < n; ++i) d[i] /= unit;
  for (int i = 0; i < n - 1; ++i) e[i] /= unit;
  e[n - 1] = 0;
  for (int low = 0; low < n; ++low) {
    for (int round = 0;; ++round) {
      int high = low;
      for (; high < n - 1; ++high) {
        const double off_diagonal = std::fabs(e[high]);
        if (off_diagonal <= eps * (std::fabs(d[high]) + std::fabs(d[high + 1]))) break;
        if (round >= strict_rounds && off_diagonal <= eps * (norm / unit)) break;
      }
      if (high == low) break;
      if (round == most_rounds) return false;
      sweep(d, e, z, rows, low, high);
    }
  }
  multiply(d, n, unit);
  sort_ascending(n, d, z, rows);
  return true;
}

bool tridiagonalise(int n, double* a, double* d, double* e) {
  const auto at = [a, n](int i, int j) -> double& { return a[static_cast<std::ptrdiff_t>(i) * n + j]; };
  double norm = 0;
  for (int i = 0; i < n; ++i) {
    if (!all_finite(&at(i, 0), i + 1)) return false;
    const double most = largest(&at(i, 0), i + 1);
    norm = most > norm ? most : norm;
  }
  const double unit = power_of_two(norm);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j <= i; ++j) at(i, j) /= unit;

  // A ← H A H with H = I − factor·v vᵀ, i = n−1 … 2: row i keeps only its diagonal and the entry before it. v stays in row i.
  for (int i = n - 1; i >= 1; --i) {
    double* v = &at(i, 0);
    d[i] = at(i, i);
    e[i - 1] = v[i - 1];
    at(i, i) = 0;  // from here on: the factor of H
    const double most = largest(v, i - 1);
    if (most == 0) continue;
    const double size = power_of_two(most > std::fabs(v[i - 1]) ? most : std::fabs(v[i - 1]));
    double square = 0;
    for (int k = 0; k < i; ++k) {
      v[k] /= size;
      square += v[k] * v[k];
    }
    const double alpha = v[i - 1] > 0 ? -std::sqrt(square) : std::sqrt(square);
    const double factor = 1 / (square - v[i - 1] * alpha);
    e[i - 1] = alpha * size;
    v[i - 1] -= alpha;
    at(i, i) = factor;
    double* w = d;  // d[0 … i−1] is free until its row is reached
    for (int r = 0; r < i; ++r) {
      double sum = 0;
      for (int k = 0; k <= r; ++k) sum += at(r, k) * v[k];
      for (int k = r + 1; k < i; ++k) sum += at(k, r) * v[k];
      w[r] = factor * sum;
    }
    double along = 0;
    for (int k = 0; k < i; ++k) along += v[k] * w[k];
    along *= factor / 2;
    for (int k = 0; k < i; ++k) w[k] -= along * v[k];
    for (int r = 0; r < i; ++r)
      for (int k = 0; k <= r; ++k) at(r, k) -= v[r] * w[k] + w[r] * v[k];
  }
  if (n > 0) d[0] = at(0, 0);

  // Q = H(n−1) … H(1), built up from the smallest: H(i) acts on the leading i rows.
  if (n > 0) at(0, 0) = 1;
  for (int i = 1; i < n; ++i) {
    const double factor = at(i, i);
    double* v = &at(i, 0);
    if (factor != 0)
      for (int c = 0; c < i; ++c) {
        double sum = 0;
        for (int k = 0; k < i; ++k) sum += v[k] * at(k, c);
        sum *= factor;
        for (int k = 0; k < i; ++k) at(k, c) -= sum * v[k];
      }
    for (int k = 0; k < i; ++k) at(i, k) = at(k, i) = 0;
    at(i, i) = 1;
  }
  multiply(d, n, unit);
  multiply(e, n - 1, unit);
  return true;
}

bool symmetric_eigen(int n, double* a, double* d, double* work) {
  if (!tridiagonalise(n, a, d, work)) return false;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < i; ++j)
      std::swap(a[static_cast<std::ptrdiff_t>(i) * n + j], a[static_cast<std::ptrdiff_t>(j) * n + i]);
  return tridiagonal_eigen(n, d, work, a, n);
}

}  // namespace brink
