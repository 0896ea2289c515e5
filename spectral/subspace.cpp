// SPDX-License-Identifier: MIT
#include "spectral/subspace.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/dense/svd.h"
#include "kernels/functions/elementary.h"
#include "kernels/memory.h"
#include "kernels/reduce/reduce.h"

namespace brink {

namespace {
constexpr double half_pi = 1.5707963267948966;

class Tall {
 public:
  Tall(std::int64_t n, int count)
      : storage_({count, n}, Dtype::f64), columns{storage_.view().data, n, n, count, Dtype::f64} {}

 private:
  Array storage_;

 public:
  ColumnSet columns;
};

Tall widened(const ColumnSet& from) {
  Tall to(from.n, from.count);
  with_real(from.dtype, [&](auto zero) {
    for (int j = 0; j < from.count; ++j) {
      const auto x = from.column(j).span<decltype(zero)>();
      const auto y = to.columns.column(j).span<double>();
      for (std::size_t e = 0; e < x.size(); ++e) y[e] = static_cast<double>(x[e]);
    }
  });
  return to;
}

/// X = Q R by Gram–Schmidt, twice. Q replaces X; column j of R is at r + j·k. A column that depends on earlier ones stays as it
/// is.
void factorise(Device& d, const ColumnSet& x, double* r, std::vector<double>& c, std::vector<double>& scratch) {
  const int k = x.count;
  for (int j = 0; j < k; ++j) {
    double* column = r + j * k;
    for (int i = 0; i < k; ++i) column[i] = 0;
    for (int pass = 0; pass < 2 && j > 0; ++pass) {
      brink::project(d, x.range(0, j), x.column(j), c.data(), scratch.data());
      brink::subtract(d, x.range(0, j), c.data(), x.column(j), x.column(j));
      for (int i = 0; i < j; ++i) column[i] += c[static_cast<std::size_t>(i)];
    }
    column[j] = brink::norm(d, x.column(j));
    if (column[j] > 0) brink::scale(d, x.column(j), 1 / column[j], x.column(j));
  }
}
}  // namespace

double angle_of(double sine, double cosine) {
  if (sine > cosine) return half_pi - angle_of(cosine, sine);
  const double length = std::sqrt(sine * sine + cosine * cosine);
  if (!(length > 0)) return 0;
  const double s = sine / length, c = cosine / length;
  double angle = s;
  for (int i = 0; i < 4; ++i)
    angle += s * elementary::cos(angle) - c * elementary::sin(angle);  // + sin(true − angle); the error left is cubic
  return angle;
}

SubspaceComparison compare_subspaces(Device& d, const ColumnSet& u, const ColumnSet& v) {
  const auto shape = [](const ColumnSet& x) { return to_string(Shape{x.n, x.count}); };
  if (u.n != v.n || u.count != v.count || u.dtype != v.dtype)
    throw std::invalid_argument("[subspace] " + shape(u) + " and " + shape(v) + ": expected equal shapes and types");
  if (u.count < 1 || u.count > u.n) throw std::invalid_argument("[subspace] " + shape(u) + ": expected 1 to n columns");
  const int k = u.count;
  const auto size = static_cast<std::size_t>(k);
  const Tall q = widened(u), p = widened(v);
  std::vector<double> c(size), r(size * size), product(size * size), right(size * size), cosines(size), sines(size);
  std::vector<double> scratch(static_cast<std::size_t>(brink::project_scratch(u.n, k)));

  const double eps =
      u.dtype == Dtype::f64 ? std::numeric_limits<double>::epsilon() : double{std::numeric_limits<float>::epsilon()};
  for (const Tall* x : {&q, &p}) {
    std::vector<double> sizes;
    for (int j = 0; j < k; ++j) sizes.push_back(brink::norm(d, x->columns.column(j)));
    factorise(d, x->columns, r.data(), c, scratch);
    for (int j = 0; j < k; ++j)
      if (const double rest = r[static_cast<std::size_t>(j) * (size + 1)];
          !(rest > 10 * eps * sizes[static_cast<std::size_t>(j)]))
        throw std::invalid_argument("[subspace] column " + std::to_string(j) +
                                    " depends on the ones before it, or is not finite");
  }
  for (int j = 0; j < k; ++j) brink::project(d, q.columns, p.columns.column(j), product.data() + j * k, scratch.data());
  for (int j = 0; j < k; ++j)
    brink::subtract(d, q.columns, product.data() + j * k, p.columns.column(j), p.columns.column(j));  // V − U UᵀV
  factorise(d, p.columns, r.data(), c, scratch);
  if (!svd(k, k, product.data(), cosines.data(), right.data()) || !svd(k, k, r.data(), sines.data(), right.data()))
    throw std::invalid_argument("[subspace] a column is not finite");

  SubspaceComparison out;
  double square = 0;
  for (std::size_t i = 0; i < size; ++i) {
    out.angles.push_back(angle_of(sines[size - 1 - i], cosines[i]));
    square += out.angles[i] * out.angles[i];
  }
  out.distance = std::sqrt(square);
  const double mean = out.distance / std::sqrt(static_cast<double>(k));
  const double half = elementary::sin(mean / 2);
  out.similarity = mean < half_pi ? elementary::cos(mean) : 0;
  out.misalignment = 2 * half * half;
  return out;
}

}  // namespace brink
