// SPDX-License-Identifier: MIT
#include "models/statistics.h"

#include <cmath>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/transform.h"

namespace brink {

namespace {
std::vector<Parameter> sums_of(const Model& m) {
  std::vector<Parameter> sums;
  for (const NormLayer& n : m.norms)
    for (const char* what : {".mean", ".variance"}) sums.push_back({n.name + what, {n.channels}, 0});
  return sums;
}

void output_statistics(const Model& m, ModelGraph& f, std::int64_t samples) {
  const Graph::Within within(f.g, {"statistics"});
  int index = m.layout.size();
  for (const GhostNorm& n : f.norms)
    for (const Var statistic : {n.mean, mul(f.g, n.deviation, n.deviation)})
      f.g.output("statistic", OutputRole::sum, index++,
                 sum_groups(f.g, times_samples(f.g, statistic, n.y, m.group_in(samples))));
}
}  // namespace

Objective make_objective_with_statistics(const Model& m, Loss loss, Dtype dtype) {
  Objective o = make_objective(m, loss, dtype);
  o.sums = sums_of(m);
  o.loss = [m, loss, dtype](std::int64_t samples) {
    ModelGraph f = build_forward(m, dtype, samples);
    output_loss(m, loss, f, samples);
    output_statistics(m, f, samples);
    return std::move(f.g);
  };
  return o;
}

NormStatistics::NormStatistics(Device& device, const Model& model, Dtype dtype)
    : device_(device),
      layout_(sums_of(model)),
      first_(model.layout.extent()),
      host_(layout_.make_vector(dtype, device.host())) {
  for (const Parameter& p : layout_.parameters()) arrays_.push_back(zeros(p.shape, dtype, device));
}

void NormStatistics::take(View results) {
  const View host = host_.view();
  copy(device_, host, {static_cast<char*>(results.data) + first_ * size_of(host.dtype), host.shape, host.dtype});
  synchronize(device_);
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const View from = layout_.view(host, static_cast<int>(i));
    if (i % 2 == 1)
      with_real(from.dtype, [&]<class T>(T) {
        for (T& v : from.span<T>()) v = static_cast<T>(1.0 / std::sqrt(static_cast<double>(v)));
      });
    copy(device_, arrays_[i].view(), from);
  }
  synchronize(device_);
}

std::vector<View> NormStatistics::shared() const {
  std::vector<View> out;
  for (const Array& a : arrays_) out.push_back(a.view());
  return out;
}

}  // namespace brink
