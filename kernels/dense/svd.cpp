// SPDX-License-Identifier: MIT
#include "kernels/dense/svd.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "kernels/dense/scaling.h"

namespace brink {

namespace {
constexpr double eps = std::numeric_limits<double>::epsilon() / 2;
constexpr int most_sweeps = 60;

double dot(const double* x, const double* y, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

void rotate(double* x, double* y, int n, double c, double s) {
  for (int i = 0; i < n; ++i) {
    const double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

void swap_columns(double* x, double* y, int n) {
  for (int i = 0; i < n; ++i) std::swap(x[i], y[i]);
}

/// Writes a unit vector orthogonal to the first `have` columns of u, starting from the coordinate that they cover least.
void complete(double* u, int rows, int have) {
  double* x = u + static_cast<std::ptrdiff_t>(have) * rows;
  int least = 0;
  double least_cover = std::numeric_limits<double>::infinity();
  for (int i = 0; i < rows; ++i) {
    double cover = 0;
    for (int j = 0; j < have; ++j)
      cover += u[static_cast<std::ptrdiff_t>(j) * rows + i] * u[static_cast<std::ptrdiff_t>(j) * rows + i];
    if (cover < least_cover) {
      least_cover = cover;
      least = i;
    }
  }
  for (int i = 0; i < rows; ++i) x[i] = i == least ? 1 : 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int j = 0; j < have; ++j) {
      const double* q = u + static_cast<std::ptrdiff_t>(j) * rows;
      const double along = dot(q, x, rows);
      for (int i = 0; i < rows; ++i) x[i] -= along * q[i];
    }
    const double size = std::sqrt(dot(x, x, rows));
    for (int i = 0; i < rows; ++i) x[i] /= size;
  }
}
}  // namespace

bool svd(int rows, int columns, double* a, double* sigma, double* v) {
  if (rows < columns) return false;
  const auto column = [a, rows](int j) { return a + static_cast<std::ptrdiff_t>(j) * rows; };
  const auto right = [v, columns](int j) { return v + static_cast<std::ptrdiff_t>(j) * columns; };
  const std::ptrdiff_t entries = static_cast<std::ptrdiff_t>(rows) * columns;
  double most = 0;
  for (std::ptrdiff_t i = 0; i < entries; ++i) {
    if (!std::isfinite(a[i])) return false;
    most = std::fabs(a[i]) > most ? std::fabs(a[i]) : most;
  }
  const double unit = dense::power_of_two(most);
  for (std::ptrdiff_t i = 0; i < entries; ++i) a[i] /= unit;
  for (int j = 0; j < columns; ++j)
    for (int i = 0; i < columns; ++i) right(j)[i] = i == j ? 1 : 0;

  const double tolerance = 2 * eps * std::sqrt(static_cast<double>(rows));
  bool rotated = true;
  for (int sweep = 0; rotated; ++sweep) {
    if (sweep == most_sweeps) return false;
    rotated = false;
    for (int p = 0; p < columns; ++p)
      for (int q = p + 1; q < columns; ++q) {
        double pp = dot(column(p), column(p), rows), qq = dot(column(q), column(q), rows);
        if (pp < qq) {
          swap_columns(column(p), column(q), rows);
          swap_columns(right(p), right(q), columns);
          std::swap(pp, qq);
        }
        if (qq == 0) continue;
        const double pq = dot(column(p), column(q), rows);
        if (std::fabs(pq) <= tolerance * std::sqrt(pp) * std::sqrt(qq)) continue;
        rotated = true;
        const double zeta = (qq - pp) / (2 * pq);
        const double t = (zeta < 0 ? -1 : 1) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
        const double c = 1 / std::sqrt(1 + t * t), s = c * t;
        rotate(column(p), column(q), rows, c, s);
        rotate(right(p), right(q), columns, c, s);
      }
  }
  for (int j = 0; j < columns; ++j) sigma[j] = std::sqrt(dot(column(j), column(j), rows));
  for (int j = 0; j < columns; ++j) {  // rotations leave the values nearly sorted; this sorts them exactly
    int largest = j;
    for (int k = j + 1; k < columns; ++k)
      if (sigma[k] > sigma[largest]) largest = k;
    if (largest == j) continue;
    std::swap(sigma[j], sigma[largest]);
    swap_columns(column(j), column(largest), rows);
    swap_columns(right(j), right(largest), columns);
  }
  for (int j = 0; j < columns; ++j) {
    if (sigma[j] == 0)
      complete(a, rows, j);
    else
      for (int i = 0; i < rows; ++i) column(j)[i] /= sigma[j];
    sigma[j] *= unit;
  }
  return true;
}

}  // namespace brink
