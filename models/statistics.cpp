// SPDX-License-Identifier: MIT
#include "models/statistics.h"

#include <cmath>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/transform.h"

namespace brink {

Objective make_statistics_objective(const Model& m, Dtype dtype) {
  std::vector<Parameter> all = m.layout.parameters();
  for (const NormLayer& n : m.norms)
    for (const char* what : {".mean", ".variance"}) all.push_back({n.name + what, {n.channels}, 0});
  return {ParameterLayout(std::move(all)), dtype, m.group, m.join_short, [m, dtype](std::int64_t samples) {
            ModelGraph f = build_forward(m, dtype, samples);
            const std::int64_t group = m.group_in(samples);
            int index = m.layout.size();
            for (const GhostNorm& n : f.norms)
              for (const Var statistic : {n.mean, mul(f.g, n.deviation, n.deviation)})
                f.g.output("statistic", OutputRole::parameter, index++,
                           sum_groups(f.g, times_samples(f.g, statistic, n.y, group)));
            return prune(f.g);
          }};
}

NormStatistics::NormStatistics(Device& device, const Model& model, Dtype dtype, const BatchArrays& train,
                               const BatchOptions& options)
    : device_(device),
      objective_(make_statistics_objective(model, dtype)),
      parameters_(model.layout.size()),
      sum_(device, objective_, objective_.loss, train, options, {}, "statistics"),
      totals_(objective_.layout.make_vector(dtype, device)) {
  if (device.where != Where::cpu) mirror_ = objective_.layout.make_vector(dtype);
  for (const NormLayer& n : model.norms)
    for (int i = 0; i < 2; ++i) arrays_.push_back(zeros(Shape{n.channels}, dtype, device));
}

void NormStatistics::take(View theta) {
  sum_.run(theta, {}, totals_.view(), {});
  const View host = device_.where == Where::cpu ? totals_.view() : mirror_.view();
  if (device_.where != Where::cpu) {
    copy(device_, host, totals_.view());
    synchronize(device_);
  }
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const View from = objective_.layout.view(host, parameters_ + static_cast<int>(i));
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
