// SPDX-License-Identifier: MIT
#include "spectral/lanczos.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/dense/symmetric_eigen.h"
#include "kernels/memory.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scalars.h"
#include "kernels/tracer.h"
#include "spectral/float_range.h"
#include "spectral/projection.h"

namespace brink {

namespace {
constexpr double accepted_ratio = 0.70710678118654752;  // 1/√2
constexpr int most_sweeps = 3;
constexpr int random_attempts = 5;

const TraceName apply_name{"A v", "lanczos", {}, 0, "product"}, recurrence_name{"recurrence and sweep", "lanczos"},
    sweep_name{"sweep", "lanczos", {}, 0, "sweep"}, pairs_name{"Ritz pairs", "lanczos"};

struct Basis {
  Array storage;
  ColumnSet columns;
  Basis(std::int64_t n, int count, Dtype dtype, const Device& device) {
    const std::int64_t stride = align_up(n, alignment_bytes / size_of(dtype));
    storage = Array(Shape{count, stride}, dtype, device);
    columns = {storage.view().data, n, stride, count, dtype};
  }
};

/// How many of `count` kept vectors belong to the top: half, but at least as many as are wanted at either end.
int share_of_top(int top, int bottom, int count) {
  if (bottom == 0) return count;
  const int least = std::min(top, count);
  return top == 0 ? 0 : std::max(least, std::min((count + 1) / 2, count - bottom));
}

}  // namespace

// The basis of the projection, in the device's memory. Columns 0 … locked−1 of Q span the invariant subspaces found at
// breakdowns, columns locked … m−1 are the active block, column m holds the next vector.
struct Lanczos::State : Projection {
  Device device;
  Dtype dtype;
  LanczosLimits limits;
  FillNormal normals;
  Basis q, aq, y, ay, rest;
  // On the device: results of a recurrence step; norm, inverse norm and residual of each Ritz pair; QᵀQ.
  Scalars found, coefficients, ritz, gram;
  std::vector<double> s, c;
  Buffer scratch;  // in the host's memory
  std::vector<RitzPair> pairs;
  std::vector<int> kept;

  double largest = 0;  // max|T|
  int exponent = 0;    // AQ and T are those of 2^exponent A; 0 for all but tiny operators
  LanczosResult result;
  std::uint64_t step = 0;
  std::uint32_t restart = 0;

  State(Device& dev, std::int64_t n, Dtype t, const LanczosLimits& l, FillNormal f)
      : Projection(n, l.max_basis),
        device(dev),
        dtype(t),
        limits(l),
        normals(std::move(f)),
        q(n, l.max_basis + 1, t, dev),
        aq(n, l.max_basis, t, dev),
        y(n, l.max_pairs + 1, t, dev),
        ay(n, l.max_pairs + 1, t, dev),
        rest(n, 1, t, dev),
        found(dev, 4),
        coefficients(dev, l.max_basis + 1),
        ritz(dev, 3 * (l.max_pairs + 1) + 2),
        gram(dev, triangle(l.max_basis)) {
    const auto size = static_cast<std::size_t>(l.max_basis) + 1;
    c.resize(size);
    s.resize(size * size);
    scratch = Buffer(std::max(static_cast<std::int64_t>(size * size), brink::project_scratch(n, l.max_basis + 1)) *
                         static_cast<std::int64_t>(sizeof(double)),
                     device.host());
    kept.resize(size);
    pairs.resize(static_cast<std::size_t>(l.max_pairs));
  }

  /// The number of entries of a symmetric matrix's first `size` columns, each from its first row to the diagonal.
  static constexpr int triangle(int size) { return size * (size + 1) / 2; }

  /// Sweeps w against columns 0 … count−1 by the modified Parlett–Kahan rule. Returns its norm before normalisation, 0 if it is
  /// dependent. `swept`: its norm after a first sweep, if that has been done.
  double orthogonalise(View w, int count, double before, double floor, const double* swept = nullptr) {
    if (before <= floor) return 0;
    const ColumnSet against = q.columns.range(0, count);
    for (int sweep = 0; sweep < most_sweeps && count > 0; ++sweep) {
      double after = 0;
      if (swept && sweep == 0) {
        after = *swept;
      } else {
        const Traced span(device, sweep_name, sweep);
        brink::project(device, against, w, coefficients[0], scratch.span<double>().data());
        brink::subtract(device, against, coefficients[0], w, w, found[0]);
        after = found.read(0, 1)[0];
      }
      ++result.sweeps;
      if (after >= accepted_ratio * before) return after;
      if (after <= floor) return 0;
      before = after;
    }
    return count > 0 ? 0 : before;
  }

  double floor_of(double size) const { return 10 * epsilon_of(dtype) * std::sqrt(static_cast<double>(dim)) * size; }

  /// Puts a new random unit vector, orthogonal to columns 0 … m−1, into column m. Returns false if none is found.
  bool random_column() {
    const View w = q.columns.column(m);
    for (int attempt = 0; attempt < random_attempts && m < dim; ++attempt) {
      normals(w, RandomUse::start, step, restart++);
      const double before = brink::norm(device, w);
      const double norm = orthogonalise(w, m, before, floor_of(before));
      if (norm > 0 && std::isfinite(norm)) {
        brink::scale(device, w, 1 / norm, w);
        return true;
      }
    }
    return false;
  }

  /// Chooses the exponent for a product of A that is to become column m of AQ, and multiplies the product and what AQ and T hold
  /// already. False where the product is zero, or not small and the exponent 0.
  bool fit(View product) {
    const double entry = std::fabs(brink::largest_entry(device, product));
    if (!(entry > 0) || !std::isfinite(entry)) return false;
    const Limits limit = limits_of(dtype);
    const int size = std::ilogb(entry);
    const int fitting = exponent == 0 ? std::min(limit.most, -size) : std::clamp(limit.large - size, 0, exponent);
    if (exponent == 0 && fitting <= 0) return false;
    const double held = std::ldexp(1, fitting - exponent);
    if (fitting != exponent) {
      for (int i = 0; i < m; ++i) brink::scale(device, aq.columns.column(i), held, aq.columns.column(i));
      for (auto* numbers : {&alpha, &beta})
        for (int i = 0; i < m; ++i) (*numbers)[static_cast<std::size_t>(i)] *= held;
      largest *= held;
    }
    exponent = fitting;
    brink::scale(device, product, std::ldexp(1, exponent), product);
    return true;
  }

  /// One step of the recurrence: column m becomes part of the basis, column m + 1 the next direction, not yet normalised.
  /// Returns false if something is not finite.
  bool advance(const LinearOperator& a) {
    const View v = q.columns.column(m), product = aq.columns.column(m), w = q.columns.column(m + 1);
    {
      const Traced span(device, apply_name, result.products);
      a.apply(v, product);
    }
    ++result.products;
    if (exponent != 0) fit(product);
    const auto j = static_cast<std::size_t>(m);
    double before = 0, swept = 0;
    const auto recur = [&] {
      const Traced span(device, recurrence_name);
      brink::recur(device, q.columns.range(0, m + 1), m == locked, m == locked ? 0 : beta[j - 1], product, w, found[0],
                   coefficients[0], scratch.span<double>().data());
      const std::span<const double> numbers = found.read(1, 3);
      alpha[j] = numbers[0];
      before = numbers[1];
      swept = numbers[2];
    };
    recur();
    if (exponent == 0 && std::max({largest, std::fabs(alpha[j]), before}) < limits_of(dtype).small && fit(product))
      recur();
    ++m;
    largest = std::max(largest, std::fabs(alpha[j]));
    if (!std::isfinite(alpha[j]) || !std::isfinite(before)) return false;
    beta[j] = m < dim ? orthogonalise(w, m, before, floor_of(largest), &swept) : 0;
    largest = std::max(largest, beta[j]);
    return std::isfinite(beta[j]);
  }

  void make_pairs(int top, int bottom) {
    const Traced span(device, pairs_name);
    const int tops = std::min(top, m), bottoms = std::min(bottom, m), a = active_size();
    const int wanted = tops + bottoms;
    const bool one_end = tops == 0 || bottoms == 0;  // then the other end's vector is also made, for the asymmetry
    const int count = one_end ? wanted + 1 : wanted, other = one_end ? wanted : tops;
    vectors_of_active();
    std::fill(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(m) * count, 0.0);
    const auto chosen = [&](int j) {
      if (j < tops) return from_top(j);
      if (j < wanted) return from_bottom(j - tops);
      return tops > 0 ? from_bottom(0) : from_top(0);
    };
    for (int j = 0; j < count; ++j) {
      const Candidate k = chosen(j);
      if (k.locked)
        s[static_cast<std::size_t>(k.index * count + j)] = 1;
      else
        for (int i = 0; i < a; ++i)
          s[static_cast<std::size_t>((locked + i) * count + j)] = arrow[static_cast<std::size_t>(k.index * a + i)];
    }
    const ColumnSet into = y.columns.range(0, count), a_into = ay.columns.range(0, count);
    brink::combine(device, q.columns.range(0, m), s.data(), into);
    brink::combine(device, aq.columns.range(0, m), s.data(), a_into);
    const View r = rest.columns.column(0);
    const Scalar norms = ritz[0], inverses = norms + count, residuals = inverses + count, products = residuals + wanted;
    for (int j = 0; j < count; ++j) brink::norm(device, into.column(j), norms + j);
    brink::map_scalars(device, norms, count, Quotient{1, std::numeric_limits<double>::quiet_NaN()}, inverses);
    for (int j = 0; j < count; ++j) {
      for (const View x : {into.column(j), a_into.column(j)}) brink::scale(device, x, inverses + j, x);
      const double value = chosen(j).value;
      if (j < wanted) brink::subtract(device, into.range(j, j + 1), &value, a_into.column(j), r, residuals + j);
    }
    brink::dot(device, into.column(0), a_into.column(other), products);
    brink::dot(device, into.column(other), a_into.column(0), products + 1);
    const std::span<const double> numbers = ritz.read(2 * count, wanted + 2);
    for (int j = 0; j < wanted; ++j) {
      const Candidate k = chosen(j);
      const double residual = numbers[static_cast<std::size_t>(j)] + unit_of_products();
      pairs[static_cast<std::size_t>(j)] = {k.value, k.bound, residual, residual == 0 ? 0 : residual / scale,
                                            into.column(j)};
    }
    result.asymmetry =
        std::fabs(numbers[static_cast<std::size_t>(wanted)] - numbers[static_cast<std::size_t>(wanted) + 1]);
    result.top = {pairs.data(), static_cast<std::size_t>(tops)};
    result.bottom = {pairs.data() + tops, static_cast<std::size_t>(bottoms)};
  }

  /// What the smallest number of the type leaves uncertain of a product of a tiny operator, in the units of T.
  double unit_of_products() const {
    return exponent == 0 ? 0 : std::sqrt(static_cast<double>(dim)) * std::ldexp(smallest_of(dtype), exponent);
  }
  /// No number of products gives residuals within the tolerance.
  bool out_of_reach(double tolerance) const { return unit_of_products() > tolerance * scale; }

  /// The result in the units of A.
  void restore_units() {
    for (RitzPair& p : pairs)
      for (double* x : {&p.value, &p.bound, &p.residual}) *x = std::ldexp(*x, -exponent);
    for (double* x : {&result.scale, &result.asymmetry}) *x = std::ldexp(*x, -exponent);
  }

  /// ‖QᵀQ − I‖, Frobenius.
  double orthogonality() {
    for (int j = 0; j < m; ++j)
      brink::project(device, q.columns.range(0, j + 1), q.columns.column(j), gram[triangle(j)],
                     scratch.span<double>().data());
    const std::span<const double> products = gram.read(0, triangle(m));
    double square = 0;
    for (int j = 0; j < m; ++j)
      for (int i = 0; i <= j; ++i) {
        const double x = products[static_cast<std::size_t>(triangle(j) + i)] - (i == j ? 1 : 0);
        square += (i == j ? 1 : 2) * (x * x);
      }
    return std::sqrt(square);
  }

  bool residuals_hold(double tolerance) const {
    for (const auto& end : {result.top, result.bottom})
      for (const RitzPair& p : end)
        if (!(p.relative <= tolerance)) return false;
    return true;
  }

  /// Keeps `count` candidates of the active block, chosen alternately from the wanted ends, and rewrites block and T. With
  /// `coupled` they stay coupled to column m; otherwise they become locked columns.
  void compress(int top, int bottom, int count, bool coupled) {
    const int a = active_size();
    vectors_of_active();
    const int tops = share_of_top(top, bottom, count);
    for (int j = 0; j < count; ++j) kept[static_cast<std::size_t>(j)] = j < count - tops ? j : a - count + j;
    const double* z = arrow.data();  // eigenvector i at z + i·a
    double* turn = scratch.span<double>().data();
    if (coupled) {
      const int k = count + 1;
      const double coupling = beta[static_cast<std::size_t>(m - 1)];
      std::fill(turn, turn + k * k, 0.0);
      for (int j = 0; j < count; ++j) {
        const int i = kept[static_cast<std::size_t>(j)];
        turn[j * k + j] = d[static_cast<std::size_t>(i)];
        turn[count * k + j] = coupling * z[i * a + a - 1];
      }
      (void)tridiagonalise(k, turn, c.data(), e.data());
      for (int i = 0; i < a; ++i)
        for (int j = 0; j < count; ++j) {
          double sum = 0;
          for (int l = 0; l < count; ++l) sum += z[kept[static_cast<std::size_t>(l)] * a + i] * turn[l * k + j];
          s[static_cast<std::size_t>(i * count + j)] = sum;
        }
    } else {
      for (int j = 0; j < count; ++j) {
        c[static_cast<std::size_t>(j)] = d[static_cast<std::size_t>(kept[static_cast<std::size_t>(j)])];
        e[static_cast<std::size_t>(j)] = 0;
        for (int i = 0; i < a; ++i)
          s[static_cast<std::size_t>(i * count + j)] = z[kept[static_cast<std::size_t>(j)] * a + i];
      }
    }
    for (Basis* b : {&q, &aq})
      brink::combine(device, b->columns.range(locked, m), s.data(), b->columns.range(locked, locked + count));
    for (int j = 0; j < count; ++j) {
      alpha[static_cast<std::size_t>(locked + j)] = c[static_cast<std::size_t>(j)];
      beta[static_cast<std::size_t>(locked + j)] = e[static_cast<std::size_t>(j)];
    }
    if (coupled) brink::scale(device, q.columns.column(m), 1, q.columns.column(locked + count));
    m = locked + count;
  }

  /// β = 0: the Ritz vectors of the active block become locked columns. If these fill more than half the memory, the ones
  /// furthest from the wanted ends are dropped; a later block may find their values again, which is harmless.
  void lock(int top, int bottom) {
    compress(top, bottom, active_size(), false);
    locked = m;
    ++result.breakdowns;
    const int room = limits.max_basis == dim ? limits.max_basis : limits.max_basis / 2;
    if (locked <= room || !solve()) return;
    const int tops = share_of_top(top, bottom, room);
    for (int j = 0; j < room; ++j)
      kept[static_cast<std::size_t>(j)] = (j < tops ? from_top(j) : from_bottom(j - tops)).index;
    std::sort(kept.begin(), kept.begin() + room);
    for (int j = 0; j < room; ++j) {
      const int from = kept[static_cast<std::size_t>(j)];
      if (from == j) continue;
      for (Basis* b : {&q, &aq}) brink::scale(device, b->columns.column(from), 1, b->columns.column(j));
      alpha[static_cast<std::size_t>(j)] = alpha[static_cast<std::size_t>(from)];
    }
    m = locked = room;
  }
};

double least_relative_residual(Dtype d) { return d == Dtype::f64 ? 10 * epsilon_of(d) : epsilon_of(d); }

Lanczos::Lanczos(Device& device, std::int64_t dim, Dtype dtype, const LanczosLimits& limits, FillNormal normals) {
  if (dim < 1) throw std::invalid_argument("[lanczos] dimension " + std::to_string(dim) + ": expected at least 1");
  LanczosLimits l = limits;
  const int least = 2 * l.max_pairs + 8;
  if (l.max_pairs < 1 || least > max_combined)
    throw std::invalid_argument("[lanczos] max_pairs " + std::to_string(l.max_pairs) + ": expected 1 to " +
                                std::to_string((max_combined - 8) / 2));
  l.max_basis = static_cast<int>(std::min<std::int64_t>(l.max_basis, dim));
  if (l.max_basis < std::min<std::int64_t>(dim, least) || l.max_basis > max_combined)
    throw std::invalid_argument("[lanczos] max_basis " + std::to_string(l.max_basis) + ": expected " +
                                std::to_string(least) + " to " + std::to_string(max_combined) + " for " +
                                std::to_string(l.max_pairs) + " pairs");
  const CountedPart part(device, "the Krylov basis of " + std::to_string(l.max_basis) + " vectors");
  state_ = std::make_unique<State>(device, dim, dtype, l, std::move(normals));
}

Lanczos::~Lanczos() = default;
Lanczos::Lanczos(Lanczos&&) noexcept = default;

LanczosResult Lanczos::run(const LinearOperator& a, const LanczosOptions& o, View start) {
  State& k = *state_;
  if (a.dim != k.dim || a.dtype != k.dtype)
    throw std::invalid_argument(
        "[lanczos] expected an operator of the dimension and type for which the solver was made");
  if (o.top < 0 || o.bottom < 0 || o.top + o.bottom < 1 || o.top + o.bottom > k.limits.max_pairs || o.budget < 1)
    throw std::invalid_argument("[lanczos] expected 1 to " + std::to_string(k.limits.max_pairs) +
                                " pairs and a budget of at least 1");
  const int top = static_cast<int>(std::min<std::int64_t>(o.top, k.dim)),
            bottom = static_cast<int>(std::min<std::int64_t>(o.bottom, k.dim));
  k.result = {};
  k.m = k.locked = k.exponent = 0;
  k.scale = k.largest = 0;
  k.step = o.step;
  k.restart = o.restart;

  const auto finish = [&](LanczosStop stop) {
    k.result.stop = stop;
    k.result.converged = stop == LanczosStop::converged;
    k.result.basis = k.m;
    k.result.scale = k.scale;
    if (k.exponent != 0) k.restore_units();
    if (o.orthogonality) k.result.orthogonality = k.orthogonality();
    return k.result;
  };

  const View first = k.q.columns.column(0);
  double size = 0;
  if (start.data != nullptr) {
    if (start.dtype != k.dtype || start.shape.elements() != k.dim)
      throw std::invalid_argument("[lanczos] expected a start vector of the solver's dimension and type");
    size = brink::norm(k.device, start);
    if (!std::isfinite(size)) return finish(LanczosStop::not_finite);
    if (size > 0) brink::scale(k.device, start, 1 / size, first);
  }
  if (size == 0 && !k.random_column()) return finish(LanczosStop::not_finite);

  for (int held = 0;;) {
    if (!k.advance(a)) {
      --k.m;  // the last product is left out of basis and T
      if (k.m > 0 && k.solve()) k.make_pairs(top, bottom);
      return finish(LanczosStop::not_finite);
    }
    if (!k.solve()) return finish(LanczosStop::not_finite);
    const bool exhausted = k.beta[static_cast<std::size_t>(k.m - 1)] == 0, complete = k.m == k.dim;
    bool stop = complete;
    if (!complete && k.bounds_hold(top, bottom, o.tolerance)) {
      ++held;
      stop = exhausted ? k.locked > 0 && !k.contributed(top, bottom, o.tolerance) : held > o.confirm;
    } else {
      held = 0;
    }
    const bool last = k.result.products >= o.budget;
    if (stop || last) {
      k.make_pairs(top, bottom);
      if (stop && k.residuals_hold(o.tolerance)) return finish(LanczosStop::converged);
      if (complete || (stop && k.out_of_reach(o.tolerance))) return finish(LanczosStop::exhausted);
      if (last) return finish(LanczosStop::budget);
    }
    if (exhausted) {
      k.lock(top, bottom);
      held = 0;
      if (!k.random_column()) {
        if (!k.solve()) return finish(LanczosStop::not_finite);
        k.make_pairs(top, bottom);
        return finish(k.residuals_hold(o.tolerance) ? LanczosStop::converged : LanczosStop::exhausted);
      }
      continue;
    }
    const View next = k.q.columns.column(k.m);
    brink::scale(k.device, next, 1 / k.beta[static_cast<std::size_t>(k.m - 1)], next);
    if (k.m == k.limits.max_basis) {
      const int room = k.active_size();
      k.compress(top, bottom, std::min(room - 2, std::max(room / 2, top + bottom + 2)), true);
      ++k.result.restarts;
    }
  }
}

}  // namespace brink
