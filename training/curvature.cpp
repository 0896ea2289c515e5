// SPDX-License-Identifier: MIT
#include "training/curvature.h"

#include <span>
#include <vector>

#include "kernels/memory.h"
#include "kernels/random/random.h"

namespace brink {

namespace {

/// Standard normals in a vector of the layout; the gaps become +0.
FillNormal normals_of(Device device, const ParameterLayout& layout, std::uint64_t seed) {
  return [device, layout, seed](View x, RandomUse use, std::uint64_t step, std::uint32_t restart) mutable {
    const Stream stream = use == RandomUse::noise ? Stream::tracker_noise : Stream::lanczos_start;
    const RandomKey key(seed, stream, static_cast<std::uint32_t>(step), restart);
    set_zero(device, x);
    for (int i = 0; i < layout.size(); ++i) brink::fill_normal(device, layout.view(x, i), key, 1, layout[i].offset);
  };
}

void assign(std::vector<Eigenvalue>& out, std::span<const RitzPair> pairs) {
  out.clear();
  for (const RitzPair& p : pairs) out.push_back({p.value, p.residual});
}

}  // namespace

Curvature::Curvature(Device& device, const ParameterLayout& layout, Dtype dtype, const TrackerOptions& options,
                     std::uint64_t seed)
    : tracker_(device, layout.extent(), dtype, options, normals_of(device, layout, seed)) {}

void Curvature::measure(const LinearOperator& hessian, std::int64_t step, bool cold_check, Observed& seen) {
  const TrackerStep t = tracker_.measure(hessian, step, cold_check);
  seen.products += t.products;
  seen.measured = t.finite;
  assign(seen.spectrum.top, t.top);
  assign(seen.spectrum.bottom, t.bottom);
  seen.spectrum.scale = t.scale;
  seen.spectrum.converged = t.converged;
  seen.spectrum.redone = t.redone;
  seen.spectrum.disagreement = t.disagreement;
  seen.spectrum.asymmetry = t.asymmetry;
}

void Curvature::visit(StateVisitor& v) {
  EigenTracker::Memory memory = tracker_.memory();
  v.tensor("vectors", memory.vectors);
  v.number("measured_steps", memory.measured);
  if (v.reads()) tracker_.restore(memory);
}

}  // namespace brink
