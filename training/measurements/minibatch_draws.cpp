// SPDX-License-Identifier: MIT
#include "training/measurements/minibatch_draws.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/random/random.h"
#include "training/io/text.h"

namespace brink {

namespace {
/// Those among which is drawn: all but a last one of another size.
std::int64_t drawn_units(const MinibatchPlan& p) { return p.training_samples % p.unit == 0 ? p.units : p.units - 1; }
}  // namespace

MinibatchDraws::MinibatchDraws(const MeasurementContext& c, std::int64_t samples)
    : plan_(plan_minibatches(c.objective, c.train_samples, samples)),
      seed_(c.seed),
      order_(drawn_units(plan_) * static_cast<std::int64_t>(sizeof(RankedIndex)), c.device.host()),
      chosen_(Shape{samples}, Dtype::i32, c.device.host()),
      rows_(c.device, samples, c.train_samples) {
  if (samples != c.train_samples && plan_.batch_units > drawn_units(plan_))
    throw std::invalid_argument("minibatches of " + std::to_string(samples) + " samples: expected at most " +
                                std::to_string(drawn_units(plan_) * plan_.unit) +
                                ", the samples of the groups of equal size, or all samples");
}

void MinibatchDraws::draw(Device& device, std::int64_t step, int number) {
  if (device.count) return;
  const std::span<std::int32_t> out = chosen_.span<std::int32_t>();
  if (samples() == plan_.training_samples) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::int32_t>(i);
    return rows_.set(device, out);
  }
  const std::span<RankedIndex> order = order_.span<RankedIndex>();
  permute(RandomKey(seed_, Stream::measured_draw, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(number)),
          order);
  std::size_t count = 0;
  for (std::int64_t i = 0; i < plan_.batch_units; ++i)
    for (std::int64_t j = 0; j < plan_.unit; ++j)
      out[count++] = static_cast<std::int32_t>(order[static_cast<std::size_t>(i)].index * plan_.unit + j);
  rows_.set(device, out);
}

double MinibatchDraws::variance_factor() const {
  if (samples() == plan_.training_samples) return 0;
  return 1 / static_cast<double>(samples()) - 1 / static_cast<double>(drawn_units(plan_) * plan_.unit);
}

MeanWithError mean_with_error(std::span<const double> numbers) {
  MeanWithError out;
  const auto count = static_cast<double>(numbers.size());
  for (const double x : numbers) out.mean += x;
  out.mean /= count;
  if (numbers.size() < 2) return out;
  double squares = 0;
  for (const double x : numbers) squares += (x - out.mean) * (x - out.mean);
  out.error = std::sqrt(squares / (count - 1) / count);
  return out;
}

Option draws_option(std::int64_t standard) {
  return integer_option("draws", standard, {2, 1000},
                        "independent minibatches, from which mean and standard error come");
}

Option draw_samples_option() {
  return integer_option("batch", 0, {},
                        "samples of a minibatch; 0: one ghost group, otherwise 32 or half of all samples");
}

std::int64_t standard_draw(const Objective& objective, std::int64_t training_samples) {
  if (objective.whole_groups) return objective.group;
  return std::clamp<std::int64_t>(training_samples / 2, 1, 32);
}

std::optional<OptionConflict> draw_conflict(std::string_view of, std::int64_t samples, const MeasurementSetting& run,
                                            bool all_allowed) {
  const auto wrong = [&](const std::string& expected) {
    return OptionConflict{std::string(of), expected + ", got " + number_text(samples)};
  };
  if (!run.has_samples) return OptionConflict{std::string(of), "has no meaning for a network without samples"};
  if (run.samples == 0)
    return OptionConflict{std::string(of),
                          "minibatches need data.train, the number of samples to take, which is \"all\": set it"};
  const std::int64_t size = samples == 0 ? run.unit : samples, rest = run.samples % run.unit,
                     drawn = run.samples / run.unit - (run.joins_short && rest > 0 ? 1 : 0),
                     most = (drawn - 1) * run.unit;
  if (all_allowed && size == run.samples) return {};
  const std::string all = all_allowed ? ", or all " + number_text(run.samples) : std::string();
  if (size > most)
    return wrong("expected at most " + number_text(most) + " of the " + number_text(run.samples) +
                 " samples of data.train, so that minibatches differ" + all);
  if (size % run.unit != 0)
    return wrong("expected a multiple of model.ghost_batch = " + number_text(run.unit) +
                 ", because a ghost group is never cut" + all);
  return {};
}

}  // namespace brink
