// SPDX-License-Identifier: MIT
#include "spectral/lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scalars.h"
#include "kernels/tracer.h"
#include "spectral/asymmetry.h"
#include "spectral/float_range.h"
#include "spectral/projection.h"
#include "spectral/recurrence.h"

namespace brink {

namespace {
const TraceName pairs_name{"Ritz pairs", "lanczos"};

/// How many of `count` kept vectors belong to the top: half, but at least as many as are wanted at either end.
int share_of_top(int top, int bottom, int count) {
  if (bottom == 0) return count;
  const int least = std::min(top, count);
  return top == 0 ? 0 : std::max(least, std::min((count + 1) / 2, count - bottom));
}

}  // namespace

struct Lanczos::State {
  Device device;
  Dtype dtype;
  LanczosLimits limits;
  KrylovRecurrence krylov;
  const Projection& t;
  TallArray y, ay, rest;
  Scalars ritz;  // on the device: norm, inverse norm and residual of each Ritz pair
  std::vector<double> s;
  std::vector<RitzPair> pairs;
  std::vector<int> kept;
  Asymmetry asymmetry;
  LanczosResult result;

  State(Device& dev, std::int64_t n, Dtype type, const LanczosLimits& l, FillNormal f)
      : device(dev),
        dtype(type),
        limits(l),
        krylov(dev, n, type, l.max_basis, std::move(f), l.most_dropped),
        t(krylov.projection()),
        y(n, l.max_pairs + 1, type, dev),
        ay(n, l.max_pairs + 1, type, dev),
        rest(n, 1, type, dev),
        ritz(dev, 3 * (l.max_pairs + 1) + 2) {
    const auto size = static_cast<std::size_t>(l.max_basis) + 1;
    s.resize(size * size);
    kept.resize(size);
    pairs.resize(static_cast<std::size_t>(l.max_pairs));
  }

  void make_pairs(int top, int bottom) {
    const Traced span(device, pairs_name);
    const int tops = std::min(top, t.m), bottoms = std::min(bottom, t.m), a = t.active_size();
    const int wanted = tops + bottoms;
    const bool one_end = tops == 0 || bottoms == 0;  // then the other end's vector is also made, for the asymmetry
    const int count = one_end ? wanted + 1 : wanted, other = one_end ? wanted : tops;
    krylov.solve_vectors();
    std::fill(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(t.m) * count, 0.0);
    const auto chosen = [&](int j) {
      if (j < tops) return t.from_top(j);
      if (j < wanted) return t.from_bottom(j - tops);
      return tops > 0 ? t.from_bottom(0) : t.from_top(0);
    };
    for (int j = 0; j < count; ++j) {
      const Candidate k = chosen(j);
      if (k.locked)
        s[static_cast<std::size_t>(k.index * count + j)] = 1;
      else
        for (int i = 0; i < a; ++i)
          s[static_cast<std::size_t>((t.locked + i) * count + j)] = t.arrow[static_cast<std::size_t>(k.index * a + i)];
    }
    const ColumnSet into = y.columns.range(0, count), a_into = ay.columns.range(0, count);
    brink::combine(device, krylov.basis(), s.data(), into);
    brink::combine(device, krylov.products(), s.data(), a_into);
    const View r = rest.columns.column(0);
    const Scalar norms = ritz[0], inverses = norms + count, residuals = inverses + count, products = residuals + wanted;
    for (int j = 0; j < count; ++j) brink::norm(device, into.column(j), norms + j);
    brink::map_scalars(device, norms, count, Quotient{1, std::numeric_limits<double>::quiet_NaN()}, inverses);
    for (int j = 0; j < count; ++j) {
      for (const View x : {into.column(j), a_into.column(j)}) brink::scale(device, x, inverses + j, x);
      const double value = chosen(j).value;
      if (j < wanted) brink::subtract(device, into.range(j, j + 1), &value, a_into.column(j), r, residuals + j);
    }
    leave_cross_products(device, into.column(0), a_into.column(0), into.column(other), a_into.column(other), products);
    const std::span<const double> numbers = ritz.read(2 * count, wanted + 2);
    for (int j = 0; j < wanted; ++j) {
      const Candidate k = chosen(j);
      const double residual = numbers[static_cast<std::size_t>(j)] + krylov.unit_of_products();
      pairs[static_cast<std::size_t>(j)] = {k.value, k.bound, residual, residual == 0 ? 0 : residual / t.scale,
                                            into.column(j)};
    }
    asymmetry = {};
    asymmetry.see(numbers[static_cast<std::size_t>(wanted)], numbers[static_cast<std::size_t>(wanted) + 1]);
    result.top = {pairs.data(), static_cast<std::size_t>(tops)};
    result.bottom = {pairs.data() + tops, static_cast<std::size_t>(bottoms)};
  }

  /// No number of products gives residuals within the tolerance.
  bool out_of_reach(double tolerance) const { return krylov.unit_of_products() > tolerance * t.scale; }

  /// The result in the units of A.
  void restore_units() {
    const int exponent = -krylov.exponent();
    for (RitzPair& p : pairs)
      for (double* x : {&p.value, &p.bound, &p.residual}) *x = std::ldexp(*x, exponent);
    for (double* x : {&result.scale, &result.asymmetry, &result.bounds.lower, &result.bounds.upper, &result.top_gap})
      *x = std::ldexp(*x, exponent);
  }

  bool residuals_hold(double tolerance) const {
    for (const auto& end : {result.top, result.bottom})
      for (const RitzPair& p : end)
        if (!(p.relative <= tolerance)) return false;
    return true;
  }

  LanczosResult finish(LanczosStop stop, bool orthogonality, double upper_tolerance) {
    result.stop = stop;
    result.asymmetry = asymmetry.largest();
    result.symmetric = asymmetry.is_rounding(dtype, t.scale, krylov.unit_of_products());
    result.converged = stop == LanczosStop::converged && result.symmetric;
    result.basis = t.m;
    result.scale = t.scale;
    result.products = krylov.products_made();
    result.sweeps = krylov.sweeps();
    result.breakdowns = krylov.breakdowns();
    if (t.m > 0 && stop != LanczosStop::not_finite && result.symmetric) result.bounds = krylov.bounds();
    result.top_gap = t.m > 1 ? t.from_top(0).value - t.from_top(1).value : 0;
    result.two_sided = !result.top.empty() && result.symmetric &&
                       result.bounds.upper <= t.from_top(0).value + upper_tolerance * t.scale;
    if (krylov.exponent() != 0) restore_units();
    if (orthogonality) result.orthogonality = krylov.orthogonality();
    return result;
  }

  /// A thick restart: keeps half of the active block's Ritz vectors, chosen alternately from the wanted ends.
  void restart(int top, int bottom) {
    const int a = t.active_size(), count = std::min(a - 2, std::max(a / 2, top + bottom + 2));
    const int tops = share_of_top(top, bottom, count);
    for (int j = 0; j < count; ++j) kept[static_cast<std::size_t>(j)] = j < count - tops ? j : a - count + j;
    krylov.compress(std::span(kept).first(static_cast<std::size_t>(count)));
    ++result.restarts;
  }

  /// After a breakdown: locks the active block. If the locked columns fill more than half the memory, the ones furthest from
  /// the wanted ends are dropped; a later block may find their values again, which is harmless.
  void lock(int top, int bottom) {
    krylov.lock();
    const int room = limits.max_basis >= t.dim ? limits.max_basis : limits.max_basis / 2;
    if (t.locked <= room || !krylov.solve()) return;
    const int tops = share_of_top(top, bottom, room);
    for (int j = 0; j < room; ++j)
      kept[static_cast<std::size_t>(j)] = (j < tops ? t.from_top(j) : t.from_bottom(j - tops)).index;
    std::sort(kept.begin(), kept.begin() + room);
    krylov.keep_locked(std::span(kept).first(static_cast<std::size_t>(room)));
  }
};

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
  KrylovRecurrence& krylov = k.krylov;
  const std::int64_t dim = krylov.dim();
  if (a.dim != dim || a.dtype != k.dtype)
    throw std::invalid_argument(
        "[lanczos] expected an operator of the dimension and type for which the solver was made");
  if (o.top < 0 || o.bottom < 0 || o.top + o.bottom < 1 || o.top + o.bottom > k.limits.max_pairs || o.budget < 1)
    throw std::invalid_argument("[lanczos] expected 1 to " + std::to_string(k.limits.max_pairs) +
                                " pairs and a budget of at least 1");
  if (start.data != nullptr && (start.dtype != k.dtype || start.shape.elements() != dim))
    throw std::invalid_argument("[lanczos] expected a start vector of the solver's dimension and type");
  const std::int64_t dimensions = a.parameters > 0 ? a.parameters : dim;
  const int top = static_cast<int>(std::min<std::int64_t>(o.top, dimensions)),
            bottom = static_cast<int>(std::min<std::int64_t>(o.bottom, dimensions));
  k.result = {};
  k.asymmetry = {};
  krylov.begin(o.step, o.restart, a.parameters, o.probability);
  // Whether nothing is above λ₁'s interval, if that is asked.
  const auto sees_all = [&] {
    return !o.two_sided || krylov.none_above(k.t.from_top(0).value + o.upper_tolerance * k.t.scale);
  };
  const auto finish = [&](LanczosStop stop) { return k.finish(stop, o.orthogonality, o.upper_tolerance); };
  if (!krylov.start(start, o.noise)) return finish(LanczosStop::not_finite);

  for (int held = 0;;) {
    if (!krylov.extend(a)) {
      if (krylov.size() > 0 && krylov.solve()) k.make_pairs(top, bottom);
      return finish(LanczosStop::not_finite);
    }
    if (!krylov.solve()) return finish(LanczosStop::not_finite);
    const bool exhausted = krylov.exhausted(), complete = krylov.complete();
    bool stop = complete;
    if (!complete && k.t.bounds_hold(top, bottom, o.tolerance) && sees_all()) {
      ++held;
      stop = exhausted ? k.t.locked > 0 && !k.t.contributed(top, bottom, o.tolerance) : held > o.confirm;
    } else {
      held = 0;
    }
    const bool last = krylov.products_made() >= o.budget;
    if (stop || last) {
      k.make_pairs(top, bottom);
      if (stop && k.residuals_hold(o.tolerance) && sees_all()) return finish(LanczosStop::converged);
      if (complete || (stop && k.out_of_reach(o.tolerance))) return finish(LanczosStop::exhausted);
      if (last) return finish(LanczosStop::budget);
    }
    if (exhausted) {
      k.lock(top, bottom);
      held = 0;
      if (!krylov.accept_random()) {
        if (!krylov.solve()) return finish(LanczosStop::not_finite);
        k.make_pairs(top, bottom);
        return finish(k.residuals_hold(o.tolerance) && sees_all() ? LanczosStop::converged : LanczosStop::exhausted);
      }
      continue;
    }
    krylov.accept_next();
    if (krylov.size() == krylov.max_basis()) k.restart(top, bottom);
  }
}

}  // namespace brink
