// SPDX-License-Identifier: MIT
#include "spectral/stochastic_quadrature.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/reduce/reduce.h"
#include "spectral/asymmetry.h"

namespace brink {

StochasticQuadrature::StochasticQuadrature(Device& device, std::int64_t extent, Dtype dtype,
                                           const QuadratureOptions& options, FillNormal normals)
    : device_(device),
      options_(options),
      normals_(std::move(normals)),
      probes_(extent, options.probes, dtype, device),
      product_(extent, 1, dtype, device),
      numbers_(device, options.probes + 2),
      scratch_(brink::project_scratch(extent, options.probes) * static_cast<std::int64_t>(sizeof(double)),
               device.host()),
      recurrence_(device, extent, dtype, options.depth, normals_) {}

/// Column k becomes a unit vector, normally distributed and then made orthogonal to the columns before it. False if it is not finite.
bool StochasticQuadrature::make_probe(int k, std::uint64_t step, const FillNormal& normals) {
  constexpr int sweeps = 2;  // twice is enough
  const View v = probes_.columns.column(k);
  normals(v, RandomUse::start, step, static_cast<std::uint32_t>(k));
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    const ColumnSet before = probes_.columns.range(0, k);
    if (k > 0) {
      brink::project(device_, before, v, numbers_[0], scratch_.span<double>().data());
      brink::subtract(device_, before, numbers_[0], v, v, numbers_[k]);
    }
    const double size = brink::norm(device_, v);
    if (!(size > 0) || !std::isfinite(size)) return false;
    brink::scale(device_, v, 1 / size, v);
  }
  return true;
}

StochasticQuadrature::Result StochasticQuadrature::run(const LinearOperator& a, std::int64_t n, std::uint64_t step,
                                                       const FillNormal& normals) {
  const int probes = static_cast<int>(std::min<std::int64_t>(options_.probes, n)),
            depth = static_cast<int>(std::min<std::int64_t>(options_.depth, n));
  Result out;
  out.measure.dim = n;
  out.measure.complete = probes == n;
  const auto stop = [&] {
    out.measure.probes.clear();
    out.finite = false;
    return out;
  };
  Asymmetry asymmetry;
  double there = 0;  // ⟨v₂, A v₁⟩
  for (int k = 0; k < probes; ++k) {
    if (!make_probe(k, step, normals ? normals : normals_)) return stop();
    recurrence_.begin(step, 0, n);
    if (!recurrence_.start(probes_.columns.column(k))) return stop();
    while (recurrence_.size() < depth) {
      const bool finite = recurrence_.extend(a);
      ++out.products;
      if (!finite) return stop();
      if (recurrence_.exhausted()) break;
      recurrence_.accept_next();
    }
    const std::span<const QuadratureNode> found = recurrence_.quadrature();
    if (found.empty()) return stop();
    Quadrature& q = out.measure.probes.emplace_back();
    for (const QuadratureNode& x : found) {
      q.nodes.push_back(x.node);
      q.weights.push_back(x.weight);
    }
    if (k > 1) continue;
    const View av = recurrence_.products().column(0), kept = product_.columns.column(0);
    if (k == 0) {
      brink::scale(device_, av, std::ldexp(1, -recurrence_.exponent()), kept);
    } else {
      there = brink::dot(device_, probes_.columns.column(1), kept);
      const double back = brink::dot(device_, probes_.columns.column(0), av);
      asymmetry.see(there, std::ldexp(back, -recurrence_.exponent()));
    }
  }
  out.asymmetry = asymmetry.largest();
  out.symmetric = asymmetry.is_rounding(a.dtype, out.measure.largest(),
                                        std::sqrt(static_cast<double>(a.dim)) * smallest_of(a.dtype));
  return out;
}

}  // namespace brink
