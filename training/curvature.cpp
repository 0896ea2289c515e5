// SPDX-License-Identifier: MIT
#include "training/curvature.h"

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/map/map.h"
#include "kernels/memory.h"
#include "kernels/random/random.h"

namespace brink {

namespace {

void assign(std::vector<Eigenvalue>& out, std::span<const RitzPair> pairs) {
  out.clear();
  for (const RitzPair& p : pairs) out.push_back({p.value, p.residual});
}

TrackerOptions largest_only(TrackerOptions o, int top) {
  o.top = top;
  o.bottom = o.most_top = 0;
  o.max_basis = std::max(o.max_basis, 2 * top + 16);
  o.two_sided = false;
  return o;
}

void visit_tracker(StateVisitor& v, EigenTracker& tracker) {
  EigenTracker::Memory memory = tracker.memory();
  v.tensor("vectors", memory.vectors);
  v.tensor("older_vectors", memory.older);
  v.number("step", memory.step);
  v.number("older_step", memory.older_step);
  v.number("measured_steps", memory.measured);
  if (v.reads()) tracker.restore(memory);
}

}  // namespace

FillNormal normals_of(const Device& on, const ParameterLayout& layout, std::uint64_t seed) {
  return [device = on, layout, seed](View x, RandomUse use, std::uint64_t step, std::uint32_t restart) mutable {
    const Stream stream = use == RandomUse::noise ? Stream::tracker_noise : Stream::lanczos_start;
    const RandomKey key(seed, stream, static_cast<std::uint32_t>(step), restart);
    set_zero(device, x);
    for (int i = 0; i < layout.size(); ++i) brink::fill_normal(device, layout.view(x, i), key, 1, layout[i].offset);
  };
}

Curvature::Curvature(Device& device, const ParameterLayout& layout, Dtype dtype, const TrackerOptions& options,
                     std::uint64_t seed)
    : tolerance_(options.upper_tolerance),
      tracker_(device, layout.extent(), dtype, options, normals_of(device, layout, seed)) {}

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
  seen.spectrum.symmetric = t.symmetric;
  seen.spectrum.bounds = t.bounds;
  seen.spectrum.top_gap = t.top_gap;
  const auto within = [&](std::span<const RitzPair> pairs) {
    return std::ranges::all_of(pairs, [&](const RitzPair& p) { return is_certified(p.residual, t.scale, tolerance_); });
  };
  seen.spectrum.certificate = !t.converged                        ? Certificate::none
                              : t.two_sided                       ? Certificate::two_sided
                              : within(t.top) && within(t.bottom) ? Certificate::residual
                                                                  : Certificate::estimate;
}

void Curvature::visit(StateVisitor& v) { visit_tracker(v, tracker_); }

EffectiveCurvature::EffectiveCurvature(Device& device, const ParameterLayout& layout, Dtype dtype,
                                       TrackerOptions options, std::uint64_t seed, int top)
    : device_(device),
      inverse_root_(layout.make_vector(dtype, device)),
      scaled_(layout.make_vector(dtype, device)),
      tracker_(device, layout.extent(), dtype, largest_only(options, top), normals_of(device, layout, seed)) {}

TrackerStep EffectiveCurvature::measure(const LinearOperator& hessian, const Preconditioner& preconditioner,
                                        View gradient, std::int64_t step, bool cold_check) {
  preconditioner.inverse_root(device_, gradient, inverse_root_.view());
  const LinearOperator effective{hessian.dim, hessian.dtype,
                                 [this, &hessian](View x, View y) {
                                   map<Multiply>(device_, scaled_.view(), {inverse_root_.view(), x});
                                   hessian.apply(scaled_.view(), y);
                                   map<Multiply>(device_, y, {inverse_root_.view(), y});
                                 },
                                 hessian.parameters};
  return tracker_.measure(effective, step, cold_check);
}

void EffectiveCurvature::measure(const LinearOperator& hessian, const Preconditioner& preconditioner, View gradient,
                                 std::int64_t step, bool cold_check, Observed& seen) {
  const TrackerStep t = measure(hessian, preconditioner, gradient, step, cold_check);
  seen.products += t.products;
  seen.effective.reset();
  if (!t.top.empty())
    seen.effective = {t.top[0].value, t.top[0].residual, t.scale, t.redone, t.disagreement, t.asymmetry, t.symmetric};
}

void EffectiveCurvature::visit(StateVisitor& v) { visit_tracker(v, tracker_); }

}  // namespace brink
