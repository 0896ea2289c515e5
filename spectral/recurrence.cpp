// SPDX-License-Identifier: MIT
#include "spectral/recurrence.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/dense/symmetric_eigen.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "spectral/float_range.h"

namespace brink {

namespace {
constexpr double accepted_ratio = 0.70710678118654752;  // 1/√2
constexpr int most_sweeps = 3;
constexpr int random_attempts = 5;

const TraceName apply_name{"A v", "lanczos", {}, 0, "product"}, recurrence_name{"recurrence and sweep", "lanczos"},
    sweep_name{"sweep", "lanczos", {}, 0, "sweep"};

/// The number of entries of a symmetric matrix's first `size` columns, each from its first row to the diagonal.
constexpr int triangle(int size) { return size * (size + 1) / 2; }
}  // namespace

TallArray::TallArray(std::int64_t n, int count, Dtype dtype, const Device& device) {
  const std::int64_t stride = align_up(n, alignment_bytes / size_of(dtype));
  storage = Array(Shape{count, stride}, dtype, device);
  columns = {storage.view().data, n, stride, count, dtype};
}

KrylovRecurrence::KrylovRecurrence(Device& device, std::int64_t dim, Dtype dtype, int max_basis, FillNormal normals)
    : device_(device),
      dtype_(dtype),
      max_basis_(max_basis),
      normals_(std::move(normals)),
      t_(dim, max_basis),
      q_(dim, max_basis + 1, dtype, device),
      aq_(dim, max_basis, dtype, device),
      found_(device, 4),
      coefficients_(device, max_basis + 1),
      gram_(device, triangle(max_basis)) {
  const auto size = static_cast<std::size_t>(max_basis) + 1;
  diagonal_.resize(size);
  rotation_.resize(size * size);
  nodes_.resize(size);
  scratch_ = Buffer(std::max(static_cast<std::int64_t>(size * size), brink::project_scratch(dim, max_basis + 1)) *
                        static_cast<std::int64_t>(sizeof(double)),
                    device.host());
}

void KrylovRecurrence::begin(std::uint64_t step, std::uint32_t restart) {
  t_.m = t_.locked = 0;
  t_.scale = largest_ = 0;
  exponent_ = products_ = sweeps_ = breakdowns_ = 0;
  step_ = step;
  restart_ = restart;
}

bool KrylovRecurrence::start(View vector) {
  double size = 0;
  if (vector.data != nullptr) {
    size = brink::norm(device_, vector);
    if (!std::isfinite(size)) return false;
    if (size > 0) brink::scale(device_, vector, 1 / size, q_.columns.column(0));
  }
  return size > 0 || accept_random();
}

double KrylovRecurrence::floor_of(double size) const {
  return 10 * epsilon_of(dtype_) * std::sqrt(static_cast<double>(t_.dim)) * size;
}

/// Sweeps w against columns 0 … count−1 by the modified Parlett–Kahan rule. Returns its norm before normalisation, 0 if it is
/// dependent. `swept`: its norm after a first sweep, if that has been done.
double KrylovRecurrence::orthogonalise(View w, int count, double before, double floor, const double* swept) {
  if (before <= floor) return 0;
  const ColumnSet against = q_.columns.range(0, count);
  for (int sweep = 0; sweep < most_sweeps && count > 0; ++sweep) {
    double after = 0;
    if (swept && sweep == 0) {
      after = *swept;
    } else {
      const Traced span(device_, sweep_name, sweep);
      brink::project(device_, against, w, coefficients_[0], scratch_.span<double>().data());
      brink::subtract(device_, against, coefficients_[0], w, w, found_[0]);
      after = found_.read(0, 1)[0];
    }
    ++sweeps_;
    if (after >= accepted_ratio * before) return after;
    if (after <= floor) return 0;
    before = after;
  }
  return count > 0 ? 0 : before;
}

bool KrylovRecurrence::accept_random() {
  const View w = q_.columns.column(t_.m);
  for (int attempt = 0; attempt < random_attempts && t_.m < t_.dim; ++attempt) {
    normals_(w, RandomUse::start, step_, restart_++);
    const double before = brink::norm(device_, w);
    const double norm = orthogonalise(w, t_.m, before, floor_of(before));
    if (norm > 0 && std::isfinite(norm)) {
      brink::scale(device_, w, 1 / norm, w);
      return true;
    }
  }
  return false;
}

void KrylovRecurrence::accept_next() {
  const View next = q_.columns.column(t_.m);
  brink::scale(device_, next, 1 / t_.beta[static_cast<std::size_t>(t_.m - 1)], next);
}

/// Chooses the exponent for a product of A that is to become column m of AQ, and multiplies the product and what AQ and T hold
/// already. False where the product is zero, or not small and the exponent 0.
bool KrylovRecurrence::fit(View product) {
  const double entry = std::fabs(brink::largest_entry(device_, product));
  if (!(entry > 0) || !std::isfinite(entry)) return false;
  const Limits limit = limits_of(dtype_);
  const int size = std::ilogb(entry);
  const int fitting = exponent_ == 0 ? std::min(limit.most, -size) : std::clamp(limit.large - size, 0, exponent_);
  if (exponent_ == 0 && fitting <= 0) return false;
  const double held = std::ldexp(1, fitting - exponent_);
  if (fitting != exponent_) {
    for (int i = 0; i < t_.m; ++i) brink::scale(device_, aq_.columns.column(i), held, aq_.columns.column(i));
    for (auto* numbers : {&t_.alpha, &t_.beta})
      for (int i = 0; i < t_.m; ++i) (*numbers)[static_cast<std::size_t>(i)] *= held;
    largest_ *= held;
  }
  exponent_ = fitting;
  brink::scale(device_, product, std::ldexp(1, exponent_), product);
  return true;
}

bool KrylovRecurrence::extend(const LinearOperator& a) {
  int& m = t_.m;
  const View v = q_.columns.column(m), product = aq_.columns.column(m), w = q_.columns.column(m + 1);
  {
    const Traced span(device_, apply_name, products_);
    a.apply(v, product);
  }
  ++products_;
  if (exponent_ != 0) fit(product);
  const auto j = static_cast<std::size_t>(m);
  double &alpha = t_.alpha[j], &beta = t_.beta[j];
  double before = 0, swept = 0;
  const auto recur = [&] {
    const Traced span(device_, recurrence_name);
    const bool first = m == t_.locked;
    brink::recur(device_, q_.columns.range(0, m + 1), first, first ? 0 : t_.beta[j - 1], product, w, found_[0],
                 coefficients_[0], scratch_.span<double>().data());
    const std::span<const double> numbers = found_.read(1, 3);
    alpha = numbers[0];
    before = numbers[1];
    swept = numbers[2];
  };
  recur();
  if (exponent_ == 0 && std::max({largest_, std::fabs(alpha), before}) < limits_of(dtype_).small && fit(product))
    recur();
  largest_ = std::max(largest_, std::fabs(alpha));
  if (!std::isfinite(alpha) || !std::isfinite(before)) return false;
  beta = m + 1 < t_.dim ? orthogonalise(w, m + 1, before, floor_of(largest_), &swept) : 0;
  largest_ = std::max(largest_, beta);
  if (!std::isfinite(beta)) return false;
  ++m;
  return true;
}

/// The first `count` columns of Q's and AQ's active block become the products with `rotation_` [active_size × count].
void KrylovRecurrence::rotate(int count) {
  const int first = t_.locked;
  for (TallArray* b : {&q_, &aq_})
    brink::combine(device_, b->columns.range(first, t_.m), rotation_.data(), b->columns.range(first, first + count));
}

void KrylovRecurrence::compress(std::span<const int> chosen) {
  const int a = t_.active_size(), count = static_cast<int>(chosen.size()), k = count + 1;
  t_.vectors_of_active();
  const double* z = t_.arrow.data();  // eigenvector i at z + i·a
  double* turn = scratch_.span<double>().data();
  const double coupling = t_.beta[static_cast<std::size_t>(t_.m - 1)];
  std::fill(turn, turn + k * k, 0.0);
  for (int j = 0; j < count; ++j) {
    const int i = chosen[static_cast<std::size_t>(j)];
    turn[j * k + j] = t_.d[static_cast<std::size_t>(i)];
    turn[count * k + j] = coupling * z[i * a + a - 1];
  }
  (void)tridiagonalise(k, turn, diagonal_.data(), t_.e.data());
  for (int i = 0; i < a; ++i)
    for (int j = 0; j < count; ++j) {
      double sum = 0;
      for (int l = 0; l < count; ++l) sum += z[chosen[static_cast<std::size_t>(l)] * a + i] * turn[l * k + j];
      rotation_[static_cast<std::size_t>(i * count + j)] = sum;
    }
  rotate(count);
  for (int j = 0; j < count; ++j) {
    t_.alpha[static_cast<std::size_t>(t_.locked + j)] = diagonal_[static_cast<std::size_t>(j)];
    t_.beta[static_cast<std::size_t>(t_.locked + j)] = t_.e[static_cast<std::size_t>(j)];
  }
  brink::scale(device_, q_.columns.column(t_.m), 1, q_.columns.column(t_.locked + count));
  t_.m = t_.locked + count;
}

void KrylovRecurrence::lock() {
  const int a = t_.active_size();
  t_.vectors_of_active();
  for (int i = 0; i < a; ++i)
    for (int j = 0; j < a; ++j)
      rotation_[static_cast<std::size_t>(i * a + j)] = t_.arrow[static_cast<std::size_t>(j * a + i)];
  rotate(a);
  for (int j = 0; j < a; ++j) {
    t_.alpha[static_cast<std::size_t>(t_.locked + j)] = t_.d[static_cast<std::size_t>(j)];
    t_.beta[static_cast<std::size_t>(t_.locked + j)] = 0;
  }
  t_.locked = t_.m;
  ++breakdowns_;
}

void KrylovRecurrence::keep_locked(std::span<const int> places) {
  int count = 0;
  for (const int from : places) {
    const int j = count++;
    if (from == j) continue;
    for (TallArray* b : {&q_, &aq_}) brink::scale(device_, b->columns.column(from), 1, b->columns.column(j));
    t_.alpha[static_cast<std::size_t>(j)] = t_.alpha[static_cast<std::size_t>(from)];
  }
  t_.m = t_.locked = count;
}

std::span<const QuadratureNode> KrylovRecurrence::quadrature() {
  const int a = t_.active_size();
  for (int i = 0; i < a; ++i) {
    const auto k = static_cast<std::size_t>(i), j = static_cast<std::size_t>(t_.locked + i);
    t_.d[k] = t_.alpha[j];
    t_.e[k] = t_.beta[j];
    t_.last[k] = i == 0 ? 1 : 0;  // becomes the eigenvectors' first components
  }
  if (!tridiagonal_eigen(a, t_.d.data(), t_.e.data(), t_.last.data(), 1)) return {};
  for (std::size_t k = 0; k < static_cast<std::size_t>(a); ++k)
    nodes_[k] = {std::ldexp(t_.d[k], -exponent_), t_.last[k] * t_.last[k]};
  return std::span(nodes_).first(static_cast<std::size_t>(a));
}

double KrylovRecurrence::unit_of_products() const {
  return exponent_ == 0 ? 0 : std::sqrt(static_cast<double>(t_.dim)) * std::ldexp(smallest_of(dtype_), exponent_);
}

double KrylovRecurrence::orthogonality() {
  const int m = t_.m;
  for (int j = 0; j < m; ++j)
    brink::project(device_, q_.columns.range(0, j + 1), q_.columns.column(j), gram_[triangle(j)],
                   scratch_.span<double>().data());
  const std::span<const double> products = gram_.read(0, triangle(m));
  double square = 0;
  for (int j = 0; j < m; ++j)
    for (int i = 0; i <= j; ++i) {
      const double x = products[static_cast<std::size_t>(triangle(j) + i)] - (i == j ? 1 : 0);
      square += (i == j ? 1 : 2) * (x * x);
    }
  return std::sqrt(square);
}

}  // namespace brink
