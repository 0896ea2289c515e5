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
constexpr double outside_locked = 0.8660254037844386;  // ½√3

const TraceName apply_name{"A v", "lanczos", {}, 0, "product"}, recurrence_name{"recurrence and sweep", "lanczos"};
}  // namespace

KrylovRecurrence::KrylovRecurrence(Device& device, std::int64_t dim, Dtype dtype, int max_basis, FillNormal normals,
                                   int most_dropped)
    : basis_(device, dim, dtype, max_basis + 1, 1, std::move(normals)),
      max_basis_(max_basis),
      t_(dim, max_basis),
      bound_(most_dropped) {
  const auto size = static_cast<std::size_t>(max_basis) + 1;
  diagonal_.resize(size);
  rotation_.resize(size * size);
  nodes_.resize(size);
}

void KrylovRecurrence::begin(std::uint64_t step, std::uint32_t restart, std::int64_t parameters, double probability) {
  basis_.begin(step, restart);
  t_.dim = parameters > 0 ? parameters : basis_.dim;
  bound_.begin(t_.dim, probability);
  t_.m = t_.locked = 0;
  t_.scale = largest_ = 0;
  exponent_ = products_ = breakdowns_ = 0;
}

bool KrylovRecurrence::start(View vector, double noise) {
  double size = 0;
  if (vector.data != nullptr) {
    size = brink::norm(basis_.device, vector);
    if (!std::isfinite(size)) return false;
    if (size > 0) {
      brink::scale(basis_.device, vector, 1 / size, basis_.q.columns.column(0));
      bound_.begin_block(noise / size);
    }
  }
  return size > 0 || accept_random();
}

bool KrylovRecurrence::accept_random() {
  if (t_.m >= t_.dim || !basis_.put_random(t_.m)) return false;
  // An eigenvector whose eigenvalue is outside the locked ones lies mostly outside their space.
  bound_.begin_block(t_.locked > 0 ? outside_locked : 1);
  return true;
}

void KrylovRecurrence::accept_next() {
  const View next = basis_.q.columns.column(t_.m);
  brink::scale(basis_.device, next, 1 / t_.beta[static_cast<std::size_t>(t_.m - 1)], next);
}

/// Chooses the exponent for a product of A that is to become column m of AQ, and multiplies the product and what AQ and T hold
/// already. False where the product is zero, or not small and the exponent 0.
bool KrylovRecurrence::fit(View product) {
  const double entry = std::fabs(brink::largest_entry(basis_.device, product));
  if (!(entry > 0) || !std::isfinite(entry)) return false;
  const Limits limit = limits_of(basis_.dtype);
  const int size = std::ilogb(entry);
  const int fitting = exponent_ == 0 ? std::min(limit.most, -size) : std::clamp(limit.large - size, 0, exponent_);
  if (exponent_ == 0 && fitting <= 0) return false;
  const double held = std::ldexp(1, fitting - exponent_);
  if (fitting != exponent_) {
    for (int i = 0; i < t_.m; ++i)
      brink::scale(basis_.device, basis_.aq.columns.column(i), held, basis_.aq.columns.column(i));
    for (auto* numbers : {&t_.alpha, &t_.beta})
      for (int i = 0; i < t_.m; ++i) (*numbers)[static_cast<std::size_t>(i)] *= held;
    largest_ *= held;
    bound_.rescale(fitting - exponent_);
  }
  exponent_ = fitting;
  brink::scale(basis_.device, product, std::ldexp(1, exponent_), product);
  return true;
}

bool KrylovRecurrence::extend(const LinearOperator& a) {
  int& m = t_.m;
  const View v = basis_.q.columns.column(m), product = basis_.aq.columns.column(m), w = basis_.q.columns.column(m + 1);
  {
    const Traced span(basis_.device, apply_name, products_);
    a.apply(v, product);
  }
  ++products_;
  if (exponent_ != 0) fit(product);
  const auto j = static_cast<std::size_t>(m);
  double &alpha = t_.alpha[j], &beta = t_.beta[j];
  double before = 0, swept = 0;
  const auto recur = [&] {
    const Traced span(basis_.device, recurrence_name);
    const bool first = m == t_.locked;
    brink::recur(basis_.device, basis_.q.columns.range(0, m + 1), first, first ? 0 : t_.beta[j - 1], product, w,
                 basis_.found[0], basis_.coefficients[0], basis_.scratch.span<double>().data());
    const std::span<const double> numbers = basis_.found.read(1, 3);
    alpha = numbers[0];
    before = numbers[1];
    swept = numbers[2];
  };
  recur();
  if (exponent_ == 0 && std::max({largest_, std::fabs(alpha), before}) < limits_of(basis_.dtype).small && fit(product))
    recur();
  largest_ = std::max(largest_, std::fabs(alpha));
  if (!std::isfinite(alpha) || !std::isfinite(before)) return false;
  const Remainder rest =
      m + 1 < t_.dim ? basis_.orthogonalise(w, m + 1, before, basis_.floor_of(largest_), &swept) : Remainder();
  beta = rest.norm;
  last_ = rest.most;
  largest_ = std::max(largest_, beta);
  if (!std::isfinite(beta)) return false;
  ++m;
  return true;
}

void KrylovRecurrence::compress(std::span<const int> chosen) {
  const int a = t_.active_size(), count = static_cast<int>(chosen.size()), k = count + 1;
  t_.vectors_of_active();
  const double* z = t_.arrow.data();  // eigenvector i at z + i·a
  double* turn = basis_.scratch.span<double>().data();
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
  basis_.rotate(t_.locked, t_.m, rotation_.data(), count);
  int dropped = 0;
  for (int i = 0, next = 0; i < a; ++i)
    if (next < count && chosen[static_cast<std::size_t>(next)] == i)
      ++next;
    else
      t_.last[static_cast<std::size_t>(dropped++)] = t_.d[static_cast<std::size_t>(i)];
  bound_.restart(std::span(t_.last).first(static_cast<std::size_t>(dropped)), beta(),
                 std::span(t_.e).first(static_cast<std::size_t>(count)));
  for (int j = 0; j < count; ++j) {
    t_.alpha[static_cast<std::size_t>(t_.locked + j)] = diagonal_[static_cast<std::size_t>(j)];
    t_.beta[static_cast<std::size_t>(t_.locked + j)] = t_.e[static_cast<std::size_t>(j)];
  }
  brink::scale(basis_.device, basis_.q.columns.column(t_.m), 1, basis_.q.columns.column(t_.locked + count));
  t_.m = t_.locked + count;
}

void KrylovRecurrence::lock() {
  const int a = t_.active_size();
  bound_.end_block(block());
  t_.vectors_of_active();
  for (int i = 0; i < a; ++i)
    for (int j = 0; j < a; ++j)
      rotation_[static_cast<std::size_t>(i * a + j)] = t_.arrow[static_cast<std::size_t>(j * a + i)];
  basis_.rotate(t_.locked, t_.m, rotation_.data(), a);
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
    for (TallArray* b : {&basis_.q, &basis_.aq})
      brink::scale(basis_.device, b->columns.column(from), 1, b->columns.column(j));
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

BlockState KrylovRecurrence::block() const {
  const auto a = static_cast<std::size_t>(t_.active_size());
  BlockState out;
  if (t_.m == 0) return out;
  out.values = std::span(t_.d).first(a);
  if (a > 0) out.beta = beta().first(a - 1);
  out.last = last_;
  out.lowest = t_.from_bottom(0).value;
  out.highest = t_.from_top(0).value;
  out.rounding = 2 * std::sqrt(static_cast<double>(t_.m)) * least_relative_residual(basis_.dtype) * largest_ +
                 2 * std::sqrt(static_cast<double>(t_.locked)) * basis_.floor_of(largest_) + unit_of_products();
  return out;
}

double KrylovRecurrence::unit_of_products() const {
  return exponent_ == 0 ? 0
                        : std::sqrt(static_cast<double>(basis_.dim)) * std::ldexp(smallest_of(basis_.dtype), exponent_);
}

}  // namespace brink
