// SPDX-License-Identifier: MIT
#include "spectral/block_lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/dense/symmetric_eigen.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "spectral/asymmetry.h"
#include "spectral/orthonormal_basis.h"

namespace brink {

namespace {
const TraceName apply_name{"A V", "lanczos", {}, 0, "product"};
}

struct BlockLanczos::State {
  BlockLanczosLimits limits;
  OrthonormalBasis basis;
  TallArray y, ay, rest;
  std::vector<double> t, vectors, values, work, coupling, rotation, sizes;
  std::vector<RitzPair> pairs;
  Asymmetry asymmetry;
  LanczosResult result;
  int m = 0, next = 0;  // columns with products; columns of the block that has none yet
  int stride;
  double largest = 0;

  State(Device& d, std::int64_t n, Dtype type, const BlockLanczosLimits& l, FillNormal f)
      : limits(l),
        basis(d, n, type, l.max_basis + l.width, l.width, std::move(f)),
        y(n, l.max_pairs + 1, type, d),
        ay(n, l.max_pairs + 1, type, d),
        rest(n, 1, type, d),
        stride(l.max_basis) {
    const auto size = static_cast<std::size_t>(l.max_basis);
    for (std::vector<double>* v : {&t, &vectors}) v->resize(size * size);
    rotation.resize(size * std::max(size, static_cast<std::size_t>(l.max_pairs) + 1));
    for (std::vector<double>* v : {&values, &work, &sizes}) v->resize(size + static_cast<std::size_t>(l.width));
    coupling.resize(static_cast<std::size_t>(l.width * l.width));
    pairs.resize(static_cast<std::size_t>(l.max_pairs));
  }

  double& entry(int i, int j) { return t[static_cast<std::size_t>(i * stride + j)]; }
  View column(int j) const { return basis.q.columns.column(j); }

  /// Makes column m + i, of that norm, a unit vector orthogonal to those before it, or a random one. Returns what it had outside their space, or
  /// nothing if the space is full.
  bool accept(int i, double before, double floor, const double* swept, Remainder& out) {
    const int place = m + i;
    out = {};
    if (before > 0) out = basis.orthogonalise(column(place), place, before, floor, swept);
    if (out.norm > 0) {
      brink::scale(basis.device, column(place), 1 / out.norm, column(place));
      return true;
    }
    ++result.breakdowns;
    return place < basis.dim && basis.put_random(place);
  }

  bool start(View starts) {
    const auto given = starts.data == nullptr ? 0 : static_cast<int>(starts.shape.elements() / basis.dim);
    next = 0;
    for (int i = 0; i < limits.width; ++i) {
      double size = 0;
      if (i < given) {
        const View from = starts.part(i * basis.dim, Shape{basis.dim});
        size = brink::norm(basis.device, from);
        if (!std::isfinite(size)) return false;
        if (size > 0) brink::scale(basis.device, from, 1 / size, column(next));
      }
      Remainder unused;
      m = 0;
      if (!accept(next, size > 0 ? 1 : 0, basis.floor_of(1), nullptr, unused)) break;
      ++next;
    }
    result.breakdowns = 0;
    return next > 0;
  }

  /// One product of the block, and the next block. False if something is not finite.
  bool extend(const LinearOperator& a) {
    const int b = next, all = m + b;
    {
      const Traced span(basis.device, apply_name, result.products);
      apply(a, basis.q.columns.range(m, all), basis.aq.columns.range(m, all));
    }
    result.products += b;
    std::ranges::fill(coupling, 0.0);
    int made = 0;
    for (int j = 0; j < b; ++j) {
      // Column all + made is w = A q − Q(QᵀA q); the coefficients are a column of T.
      const View product = basis.aq.columns.column(m + j), w = column(all + made);
      const ColumnSet against = basis.q.columns.range(0, all);
      brink::project(basis.device, against, product, basis.coefficients[0], basis.scratch.span<double>().data());
      brink::subtract(basis.device, against, basis.coefficients[0], product, w, basis.found[0]);
      const double before = basis.found.read(0, 1)[0];
      const std::span<const double> c = basis.coefficients.read(0, all);
      ++result.sweeps;
      for (int i = 0; i < all; ++i) {
        if (!std::isfinite(c[static_cast<std::size_t>(i)])) return false;
        // Of the columns of this block, T has the entry on the other side of its diagonal already.
        if (i >= m && i < m + j) asymmetry.see(c[static_cast<std::size_t>(i)], entry(i, m + j));
        entry(i, m + j) = entry(m + j, i) = c[static_cast<std::size_t>(i)];
        largest = std::max(largest, std::fabs(c[static_cast<std::size_t>(i)]));
      }
      if (!std::isfinite(before)) return false;
      largest = std::max(largest, before);
      // Its parts along the new columns are entries of the coupling too.
      for (int i = 0; i < made; ++i) {
        const double along = brink::dot(basis.device, column(all + i), w);
        coupling[static_cast<std::size_t>(i * limits.width + j)] = along;
      }
      const int held_m = m;
      m = all;
      Remainder r;
      const bool there = accept(made, before, basis.floor_of(largest), nullptr, r);
      m = held_m;
      if (made < limits.width) coupling[static_cast<std::size_t>(made * limits.width + j)] = r.norm;
      if (there) ++made;
    }
    m = all;
    next = made;
    return true;
  }

  void apply(const LinearOperator& a, const ColumnSet& x, const ColumnSet& into) const {
    if (a.apply_several && x.stride == x.n)
      return a.apply_several({x.data, {x.count, x.n}, x.dtype}, {into.data, {x.count, x.n}, x.dtype});
    for (int i = 0; i < x.count; ++i) a.apply(x.column(i), into.column(i));
  }

  bool solve() {
    for (int i = 0; i < m; ++i)
      for (int j = 0; j <= i; ++j) vectors[static_cast<std::size_t>(i * m + j)] = entry(i, j);
    return symmetric_eigen(m, vectors.data(), values.data(), work.data());
  }
  double scale() const {
    return m > 0 ? std::max(std::fabs(values[0]), std::fabs(values[static_cast<std::size_t>(m - 1)])) : 0;
  }
  /// The place among the ascending values of the j-th wanted pair: first the top, then the bottom.
  int place_of(int j, int tops) const { return j < tops ? m - 1 - j : j - tops; }
  const double* vector_of(int place) const { return vectors.data() + static_cast<std::ptrdiff_t>(place) * m; }

  /// ‖A y − θ y‖ as the coupling to the next block gives it; `last`: columns of the block that was multiplied last.
  double bound_of(int place, int last) const {
    const double* s = vector_of(place);
    double square = 0;
    for (int i = 0; i < limits.width; ++i) {
      double sum = 0;
      for (int j = 0; j < last; ++j) sum += coupling[static_cast<std::size_t>(i * limits.width + j)] * s[m - last + j];
      square += sum * sum;
    }
    return std::sqrt(square);
  }

  void make_pairs(int top, int bottom, int last) {
    const int tops = std::min(top, m), bottoms = std::min(bottom, m), wanted = tops + bottoms;
    const bool one_end = tops == 0 || bottoms == 0;  // then the other end's vector is also made, for the asymmetry
    const int count = one_end ? wanted + 1 : wanted, other = one_end ? wanted : tops;
    for (int j = 0; j < count; ++j) {
      const int place = j < wanted ? place_of(j, tops) : tops > 0 ? 0 : m - 1;
      for (int i = 0; i < m; ++i) rotation[static_cast<std::size_t>(i * count + j)] = vector_of(place)[i];
    }
    brink::combine(basis.device, basis.q.columns.range(0, m), rotation.data(), y.columns.range(0, count));
    brink::combine(basis.device, basis.aq.columns.range(0, m), rotation.data(), ay.columns.range(0, count));
    for (int j = 0; j < count; ++j) {
      const double size = brink::norm(basis.device, y.columns.column(j));
      for (const View x : {y.columns.column(j), ay.columns.column(j)}) brink::scale(basis.device, x, 1 / size, x);
      if (j >= wanted) continue;
      const double value = values[static_cast<std::size_t>(place_of(j, tops))];
      const double residual = brink::subtract(basis.device, y.columns.range(j, j + 1), &value, ay.columns.column(j),
                                              rest.columns.column(0));
      pairs[static_cast<std::size_t>(j)] = {value, bound_of(place_of(j, tops), last), residual,
                                            residual == 0 ? 0 : residual / scale(), y.columns.column(j)};
    }
    result.top = {pairs.data(), static_cast<std::size_t>(tops)};
    result.bottom = {pairs.data() + tops, static_cast<std::size_t>(bottoms)};
    leave_cross_products(basis.device, y.columns.column(0), ay.columns.column(0), y.columns.column(other),
                         ay.columns.column(other), basis.found[0]);
    const std::span<const double> products = basis.found.read(0, 2);
    asymmetry.see(products[0], products[1]);
  }

  bool hold(int top, int bottom, double tolerance, int last) const {
    const int tops = std::min(top, m), wanted = tops + std::min(bottom, m);
    if (wanted < top + bottom && m < basis.dim) return false;
    for (int j = 0; j < wanted; ++j)
      if (!(bound_of(place_of(j, tops), last) <= tolerance * scale())) return false;
    return true;
  }

  /// A thick restart: keeps half of the Ritz vectors, from the wanted ends.
  void restart_thick(int top, int bottom) {
    const int count = std::max(m / 2, top + bottom);
    const int tops = bottom == 0 ? count
                     : top == 0  ? 0
                                 : std::clamp((count + 1) / 2, std::min(top, count), count - bottom);
    for (int j = 0; j < count; ++j)
      for (int i = 0; i < m; ++i)
        rotation[static_cast<std::size_t>(i * count + j)] = vector_of(j < count - tops ? j : m - count + j)[i];
    for (int j = 0; j < count; ++j)
      sizes[static_cast<std::size_t>(j)] = values[static_cast<std::size_t>(j < count - tops ? j : m - count + j)];
    basis.rotate(0, m, rotation.data(), count);
    for (int j = 0; j < next; ++j) brink::scale(basis.device, column(m + j), 1, column(count + j));
    m = count;
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j) entry(i, j) = i == j ? sizes[static_cast<std::size_t>(i)] : 0;
    ++result.restarts;
  }
};

BlockLanczos::BlockLanczos(Device& device, std::int64_t dim, Dtype dtype, const BlockLanczosLimits& limits,
                           FillNormal normals) {
  BlockLanczosLimits l = limits;
  const int least = 2 * l.max_pairs + 4 * l.width;
  if (dim < 1 || l.width < 1 || l.max_pairs < 1 || least > max_combined)
    throw std::invalid_argument(
        "[block lanczos] expected a dimension, a width and a number of pairs of at least 1, and 2·pairs + 4·width ≤ " +
        std::to_string(max_combined));
  l.width = static_cast<int>(std::min<std::int64_t>(l.width, dim));
  l.max_pairs = static_cast<int>(std::min<std::int64_t>(l.max_pairs, 2 * dim));
  l.max_basis = static_cast<int>(std::min<std::int64_t>(l.max_basis, dim));
  if (l.max_basis < std::min<std::int64_t>(dim, least) || l.max_basis > max_combined)
    throw std::invalid_argument("[block lanczos] max_basis " + std::to_string(l.max_basis) + ": expected " +
                                std::to_string(least) + " to " + std::to_string(max_combined));
  const CountedPart part(device, "the block Krylov basis of " + std::to_string(l.max_basis) + " vectors");
  state_ = std::make_unique<State>(device, dim, dtype, l, std::move(normals));
}
BlockLanczos::~BlockLanczos() = default;
BlockLanczos::BlockLanczos(BlockLanczos&&) noexcept = default;

LanczosResult BlockLanczos::run(const LinearOperator& a, const LanczosOptions& o, View starts) {
  State& k = *state_;
  const std::int64_t dim = k.basis.dim;
  if (a.dim != dim || a.dtype != k.basis.dtype)
    throw std::invalid_argument(
        "[block lanczos] expected an operator of the dimension and type for which the solver was made");
  if (o.top < 0 || o.bottom < 0 || o.top + o.bottom < 1 || o.top + o.bottom > k.limits.max_pairs || o.budget < 1)
    throw std::invalid_argument("[block lanczos] expected 1 to " + std::to_string(k.limits.max_pairs) +
                                " pairs and a budget of at least 1");
  const int top = static_cast<int>(std::min<std::int64_t>(o.top, dim)),
            bottom = static_cast<int>(std::min<std::int64_t>(o.bottom, dim));
  k.result = {};
  k.asymmetry = {};
  k.basis.begin(o.step, o.restart);
  k.largest = 0;
  const auto finish = [&](LanczosStop stop) {
    k.result.stop = stop;
    k.result.basis = k.m;
    k.result.scale = k.scale();
    if (k.m > 0) {
      k.result.asymmetry = k.asymmetry.largest();
      k.result.symmetric = k.asymmetry.is_rounding(k.basis.dtype, k.result.scale,
                                                   std::sqrt(static_cast<double>(dim)) * smallest_of(k.basis.dtype));
    }
    k.result.converged = stop == LanczosStop::converged && k.result.symmetric;
    k.result.sweeps += k.basis.sweeps;
    if (o.orthogonality) k.result.orthogonality = k.basis.orthogonality(k.m);
    return k.result;
  };
  if (!k.start(starts)) return finish(LanczosStop::not_finite);
  for (int held = 0;;) {
    const int last = k.next;
    if (!k.extend(a) || !k.solve()) return k.m = 0, finish(LanczosStop::not_finite);
    const bool complete = k.next == 0;
    held = k.hold(top, bottom, o.tolerance, last) ? held + 1 : 0;
    const bool stop = complete || held > o.confirm, spent = k.result.products + k.next > o.budget;
    if (stop || spent) {
      k.make_pairs(top, bottom, last);
      const auto certified = [&](const RitzPair& p) { return p.relative <= o.tolerance; };
      if (stop && std::ranges::all_of(k.result.top, certified) && std::ranges::all_of(k.result.bottom, certified))
        return finish(LanczosStop::converged);
      if (complete) return finish(LanczosStop::exhausted);
      if (spent) return finish(LanczosStop::budget);
    }
    if (k.m + k.next > k.limits.max_basis) k.restart_thick(top, bottom);
  }
}

}  // namespace brink
