// SPDX-License-Identifier: MIT
#include "autodiff/batch/objective.h"

#include "autodiff/transform.h"

namespace brink {

ParameterLayout Objective::results() const {
  std::vector<Parameter> all = layout.parameters();
  all.insert(all.end(), sums.begin(), sums.end());
  return ParameterLayout(std::move(all));
}

Objective in_float64(const Objective& o) {
  if (!o.in_float64) return o;
  Objective out = o.in_float64();
  out.shared = o.shared;
  return out;
}

BlockPlan plan_blocks(const Device& device, const Objective& objective, const Batch& batch,
                      const BatchOptions& options) {
  const std::int64_t chunk = options.chunk > 0
                                 ? options.chunk
                                 : choose_chunk(batch.samples(), objective.group, device.where, batch.made_bytes());
  return plan_blocks(batch.samples(), objective.group, chunk, objective.join_short);
}

SampleSum::SampleSum(Device& device, const Objective& objective, const GraphBuilder& build, const Batch& batch,
                     const BatchOptions& options, std::vector<char> is_mean, const std::string& name)
    : device_(device),
      sum_(device, plan_blocks(device, objective, batch, options), objective.results(), objective.dtype,
           static_cast<int>(is_mean.size())),
      rows_(device, batch, sum_.plan(), sum_.workers()),
      runner_(device, sum_.plan(), objective.results(), build, *options.arenas_or_own(), sum_.workers(), name),
      is_mean_(std::move(is_mean)),
      before_pass_(options.before_pass) {
  runner_.share(objective.shared);
}

void SampleSum::enqueue(View parameters, std::span<const View> directions, View vector, Scalar totals,
                        std::span<const View> samples) {
  if (before_pass_) before_pass_();
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    const Block& b = sum_.plan().blocks[block];
    runner_.run(worker, b,
                {parameters, directions, rows_.rows(worker, b), nullptr, slot.vector, slot.scalars, samples});
  };
  if (device_.where == Where::cuda) {
    memory_ = {parameters.data, vector.data, runner_.arena()};
    for (const View& d : directions) memory_.push_back(d.data);
    for (const View& s : samples) memory_.push_back(s.data);
  }
  rows_.run(device_, replay_, memory_, [&] {
    rows_.gather(device_);
    sum_.run(device_, body, vector);
  });
  if (totals.at) sum_.leave_totals(device_, totals);
}

void SampleSum::run(View parameters, std::span<const View> directions, View vector, std::span<double> scalars,
                    std::span<const View> samples) {
  enqueue(parameters, directions, vector, {}, samples);
  if (scalars.empty()) return;
  fetch(device_, scalars, sum_.totals());
  divide(scalars);
}

double SampleSum::expected_seconds(View parameters) {
  rows_.gather(device_);
  return sum_.expected_seconds(device_, [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    const Block& b = sum_.plan().blocks[block];
    runner_.run(worker, b, {parameters, {}, rows_.rows(worker, b), nullptr, slot.vector, slot.scalars, {}});
  });
}

Gradient::Gradient(Device& device, const Objective& objective, const Batch& batch, const BatchOptions& options)
    : sum_(
          device, objective, [&](std::int64_t samples) { return grad(objective.loss(samples)); }, batch, options,
          {1, 0}, "gradient") {}

LossAndCorrect Gradient::evaluate(View theta, View gradient) {
  double scalars[2];
  sum_.run(theta, {}, gradient, scalars);
  return {scalars[0], scalars[1]};
}

}  // namespace brink
