// SPDX-License-Identifier: MIT
#include "autodiff/batch/objective.h"

#include "autodiff/transform.h"

namespace brink {

ParameterLayout Objective::results() const {
  std::vector<Parameter> all = layout.parameters();
  all.insert(all.end(), sums.begin(), sums.end());
  return ParameterLayout(std::move(all));
}

namespace {
BlockPlan plan_of(const Device& device, const Objective& objective, const BatchArrays& data,
                  const BatchOptions& options) {
  const std::int64_t chunk = options.chunk > 0
                                 ? options.chunk
                                 : choose_chunk(data.samples(), objective.group, device.where, data.made_bytes());
  return plan_blocks(data.samples(), objective.group, chunk, objective.join_short);
}

std::shared_ptr<Arenas> arenas_of(const BatchOptions& options) {
  return options.arenas ? options.arenas : std::make_shared<Arenas>();
}

constexpr char loss_is_mean[] = {1, 0};

/// Enqueues the copy of numbers to where a caller wants them.
void leave(Device& device, View totals, Scalar to) { copy(device, view_of(to.at, totals.shape), totals); }

/// Rows that the host makes in between cannot be part of what a device replays.
void run_or_replay(Device& device, const BlockData& data, Replay& replay, std::span<void* const> memory,
                   FunctionRef<void()> work) {
  if (data.made())
    work();
  else
    replay.run(device, memory, work);
}
}  // namespace

SampleSum::SampleSum(Device& device, const Objective& objective, const GraphBuilder& build, const BatchArrays& data,
                     const BatchOptions& options, std::vector<char> is_mean, const std::string& name)
    : device_(device),
      sum_(device, plan_of(device, objective, data, options), objective.results(), objective.dtype,
           static_cast<int>(is_mean.size())),
      data_(device, data, sum_.plan(), sum_.workers()),
      runner_(device, sum_.plan(), objective.results(), build, *arenas_of(options), sum_.workers(), name),
      is_mean_(std::move(is_mean)) {
  runner_.share(objective.shared);
}

void SampleSum::enqueue(View parameters, std::span<const View> directions, View vector, Scalar totals,
                        std::span<const View> samples) {
  const auto body = [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    const Block& b = sum_.plan().blocks[block];
    runner_.run(worker, b,
                {parameters, directions, data_.rows(worker, b), nullptr, slot.vector, slot.scalars, samples});
  };
  if (device_.where == Where::cuda) {
    memory_ = {parameters.data, vector.data, runner_.arena()};
    for (const View& d : directions) memory_.push_back(d.data);
    for (const View& s : samples) memory_.push_back(s.data);
  }
  run_or_replay(device_, data_, replay_, memory_, [&] { sum_.run(device_, body, vector); });
  if (totals.at) leave(device_, sum_.totals(), totals);
}

void SampleSum::run(View parameters, std::span<const View> directions, View vector, std::span<double> scalars,
                    std::span<const View> samples) {
  enqueue(parameters, directions, vector, {}, samples);
  if (scalars.empty()) return;
  fetch(device_, scalars, sum_.totals());
  divide(scalars);
}

double SampleSum::expected_seconds(View parameters) {
  return sum_.expected_seconds(device_, [&](int worker, std::size_t block, const BlockSum::Slot& slot) {
    const Block& b = sum_.plan().blocks[block];
    runner_.run(worker, b, {parameters, {}, data_.rows(worker, b), nullptr, slot.vector, slot.scalars, {}});
  });
}

Gradient::Gradient(Device& device, const Objective& objective, const BatchArrays& data, const BatchOptions& options)
    : sum_(
          device, objective, [&](std::int64_t samples) { return grad(objective.loss(samples)); }, data, options,
          {std::begin(loss_is_mean), std::end(loss_is_mean)}, "gradient") {}

LossAndCorrect Gradient::evaluate(View theta, View gradient) {
  double scalars[2];
  sum_.run(theta, {}, gradient, scalars);
  return {scalars[0], scalars[1]};
}

LossAndCorrect Gradient::of_totals(std::span<const double> totals) const {
  double scalars[] = {totals[0], totals[1]};
  sum_.divide(scalars);
  return {scalars[0], scalars[1]};
}

}  // namespace brink
