// SPDX-License-Identifier: MIT
#include "spectral/subspace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/dense/svd.h"
#include "kernels/dense/symmetric_eigen.h"
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

/// Fills in what follows from the angles.
void score(SubspaceComparison& out) {
  double square = 0;
  for (const double angle : out.angles) square += angle * angle;
  out.distance = std::sqrt(square);
  const double mean = out.distance / std::sqrt(static_cast<double>(out.angles.size()));
  const double half = elementary::sin(mean / 2);
  out.similarity = mean < half_pi ? elementary::cos(mean) : 0;
  out.misalignment = 2 * half * half;
}

/// A = LLᵀ, with L in the lower triangle of the result. False if A is not positive definite beyond rounding.
bool cholesky(std::size_t n, std::span<const double> a, std::span<double> l) {
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      double rest = a[i * n + j];
      for (std::size_t m = 0; m < j; ++m) rest -= l[i * n + m] * l[j * n + m];
      if (i > j) {
        l[i * n + j] = rest / l[j * n + j];
      } else {
        if (!(rest > 1e-12 * a[j * n + j]) || !std::isfinite(rest)) return false;
        l[j * n + j] = std::sqrt(rest);
      }
    }
  return true;
}

/// x ← L⁻¹x for n numbers that lie `stride` apart.
void solve_lower(std::size_t n, std::span<const double> l, double* x, std::size_t stride) {
  for (std::size_t i = 0; i < n; ++i) {
    double rest = x[i * stride];
    for (std::size_t m = 0; m < i; ++m) rest -= l[i * n + m] * x[m * stride];
    x[i * stride] = rest / l[i * n + i];
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
  for (std::size_t i = 0; i < size; ++i) out.angles.push_back(angle_of(sines[size - 1 - i], cosines[i]));
  score(out);
  return out;
}

ComparisonOfProducts::ComparisonOfProducts(int columns) : k_(static_cast<std::size_t>(columns)) {
  for (std::vector<double>* v : {&left_, &right_, &cross_, &vectors_}) v->resize(k_ * k_);
  for (std::vector<double>* v : {&sines_, &cosines_, &work_}) v->resize(k_);
  out_.angles.resize(k_);
}

const SubspaceComparison* ComparisonOfProducts::compare(std::span<const double> uu, std::span<const double> uv,
                                                        std::span<const double> vv) {
  if (!cholesky(k_, uu, left_) || !cholesky(k_, vv, right_)) return nullptr;
  // X = L⁻¹ UᵀV M⁻ᵀ is QᵀP for the orthonormal Q = UL⁻ᵀ and P = VM⁻ᵀ.
  std::ranges::copy(uv, cross_.begin());
  for (std::size_t j = 0; j < k_; ++j) solve_lower(k_, left_, cross_.data() + j, k_);
  for (std::size_t i = 0; i < k_; ++i) solve_lower(k_, right_, cross_.data() + i * k_, 1);
  // Squares of the sines: the eigenvalues of 1 − XᵀX.
  for (std::size_t i = 0; i < k_; ++i)
    for (std::size_t j = 0; j < k_; ++j) {
      double sum = i == j ? 1 : 0;
      for (std::size_t m = 0; m < k_; ++m) sum -= cross_[m * k_ + i] * cross_[m * k_ + j];
      vectors_[i * k_ + j] = sum;
    }
  const int k = static_cast<int>(k_);
  if (!symmetric_eigen(k, vectors_.data(), sines_.data(), work_.data()) ||
      !svd(k, k, cross_.data(), cosines_.data(), vectors_.data()))
    return nullptr;
  for (std::size_t i = 0; i < k_; ++i) out_.angles[i] = angle_of(std::sqrt(sines_[i] > 0 ? sines_[i] : 0), cosines_[i]);
  score(out_);
  return &out_;
}

}  // namespace brink
