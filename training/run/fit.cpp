// SPDX-License-Identifier: MIT
#include "training/run/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "kernels/memory.h"
#include "training/available_memory.h"
#include "training/errors.h"
#include "training/io/readable.h"

namespace brink {

namespace {

constexpr std::int64_t mib = 1 << 20;

std::string text_of(const MemoryCount::Part& part) {
  return fmt::format("{}: {}", part.name, readable_bytes(part.bytes));
}

/// What to do if not even the smallest chunk fits.
std::string advice(const MemoryLimit& limit, std::int64_t needed_bytes, const Device& device) {
  if (limit.bytes <= 0) return "";
  if (needed_bytes - program_bytes(device.where) > limit.there_bytes)
    return fmt::format("; {} are there at most, so a smaller network or less data is needed",
                       readable_bytes(limit.there_bytes));
  return fmt::format("; run.memory must be at least {}MiB", (needed_bytes + mib - 1) / mib);
}

std::unique_ptr<Trainer> make_trainer(Device& device, const Problem& p, TrainerOptions o, std::int64_t chunk) {
  o.batch.chunk = chunk;
  o.evaluation = p.evaluation;
  return std::make_unique<Trainer>(device, p.objective, p.train, p.test, o, p.theta0.view());
}

/// Why a chunk does not fit.
struct Shortage {
  std::string more;  ///< "123 bytes more were needed, 45 are free"
  std::string
      sizes;  ///< what is needed and allowed, and the largest part; equal to `more` if the shortage was not predicted
  std::int64_t needed_bytes = 0;
};

/// The trainer of a chunk, made after its sizes have been compared with the limit; or what it lacks.
std::optional<Shortage> try_chunk(Device& device, const Problem& p, const TrainerOptions& options, std::int64_t chunk,
                                  const MemoryLimit& limit, std::unique_ptr<Trainer>& out) {
  MemoryCount count = device.count ? *device.count : count_memory(device);
  count.forget_most();
  bool foreseen = limit.bytes > 0;
  try {
    Device counting = count.on(device);
    if (foreseen) (void)make_trainer(counting, p, options, chunk);
    foreseen = false;
    if (device.count) return {};
    out = make_trainer(device, p, options, chunk);
    out->prepare();
    return {};
  } catch (const OutOfMemory& e) {
    const std::int64_t program = program_bytes(device.where),
                       needed = limit.bytes + e.needed_bytes - std::max<std::int64_t>(e.free_bytes, 0) + program;
    Shortage s{describe(e), describe(e), needed};
    if (foreseen)
      s.sizes = fmt::format("{} are needed, {}; the largest part is {}", readable_bytes(needed),
                            allowed_text(limit, device), text_of(count.largest_part(device.where)));
    return s;
  }
}

/// The next smaller chunk: half as large, in whole groups whose number is a power of two, so that blocks stay aligned; 0 below
/// one group.
std::int64_t smaller(std::int64_t chunk, std::int64_t group) {
  std::int64_t groups = 1;
  while (2 * groups * group < chunk) groups *= 2;
  return groups * group < chunk ? groups * group : 0;
}

std::shared_ptr<Schedule> schedule_of(const Config::Training& t) {
  return make_schedule(t.schedule, t.learning_rate, t.warmup, t.steps);
}

Change change_of(const Config::Change& c) {
  Change out{.at_step = c.at_step, .at_accuracy = c.at_accuracy};
  if (c.changes_rule) {
    out.rule = factory(c.after.rule);
    out.keeps_vectors = c.keeps_vectors;
  }
  if (c.changes_rate) out.schedule = schedule_of(c.after);
  if (c.changes_limit) out.divergence_loss = c.after.divergence_loss;
  if (c.changes_batch) out.batch = c.after.batch;
  if (c.changes_projection) out.projection = projection_of(c.after);
  return out;
}

/// Throws UsageError if more eigenvalues are asked for than the network has.
void require_enough_parameters(const Config& config, std::int64_t parameters) {
  for (const auto& [key, wanted] :
       {std::pair("measure.top", config.measure.top), {"measure.bottom", config.measure.bottom}})
    if (wanted > parameters)
      throw UsageError(fmt::format("{}: expected at most {}, the number of the network's parameters, got {}", key,
                                   parameters, wanted));
}

}  // namespace

std::string allowed_text(const MemoryLimit& limit, const Device& device) {
  const std::int64_t bytes = limit.asked_bytes > 0 ? limit.asked_bytes : limit.bytes + program_bytes(device.where);
  return fmt::format("{} are allowed ({})", readable_bytes(bytes), limit.from);
}

EnvironmentOptions environment_options(const Config::Run& run) {
  return {.device = run.device, .arithmetic = run.arithmetic, .threads = static_cast<int>(run.threads)};
}

TrainerOptions trainer_options(const Config& config) {
  TrainerOptions o;
  o.rule = factory(config.training.rule);
  o.schedule = schedule_of(config.training);
  for (const auto& change : config.training.changes) o.changes.push_back(change_of(*change));
  if (config.training.complete_accuracy)
    o.completion = Completion(*config.training.complete_accuracy, config.training.complete_evaluations);
  o.minibatches = {config.training.batch, static_cast<std::uint64_t>(config.training.seed)};
  o.row_every = config.measure.row_every;
  o.measure_every = config.measure.every;
  o.events = {config.events.merge_gap, config.events.minimum_length};
  o.divergence_loss = config.training.divergence_loss;
  o.classifies = has_data(config);
  for (const Chosen<MeasurementKind>& m : config.measure.more) {
    o.measurements.push_back({factory(m), m.options.integer("every"), {}, when_of(m.options)});
    if (!m.options.has("steps")) continue;
    o.measurements.back().steps = m.options.integers("steps");
    std::ranges::sort(o.measurements.back().steps);
  }
  o.seed = static_cast<std::uint64_t>(config.training.seed);
  o.batch.chunk = config.run.chunk;
  o.projection = projection_of(config.training);
  o.track_above = config.measure.track_above.value_or(0);
  const ProjectionOptions widest = widest_projection(config);
  std::int64_t most_top = config.measure.top;
  if (widest.projects()) most_top = std::max<std::int64_t>(most_top, widest.most + 1);
  if (config.measure.track_above) most_top = std::max(most_top, config.measure.top_most);
  if (config.measure.top + config.measure.bottom > 0)
    o.tracker = TrackerOptions{.top = static_cast<int>(config.measure.top),
                               .bottom = static_cast<int>(config.measure.bottom),
                               .most_top = static_cast<int>(most_top),
                               .tolerance = residual_tolerance(config),
                               .two_sided = config.measure.certify == Certify::two_sided,
                               .upper_tolerance = config.measure.tolerance,
                               .cold_check = static_cast<int>(config.measure.cold_check),
                               .budget = static_cast<int>(config.measure.budget),
                               .max_basis = std::max(48, 2 * static_cast<int>(most_top + config.measure.bottom) + 16)};
  return o;
}

MemoryLimit memory_limit(const Config& config, const Device& device) {
  return memory_limit(config.run.memory_bytes, device);
}

Fitted fit_in_memory(Device& device, const Problem& p, const TrainerOptions& options, const MemoryLimit& limit) {
  const std::int64_t samples = p.train_samples(), group = p.objective.group;
  const bool automatic = options.batch.chunk <= 0;
  const char* const bits = device.vendor ? "not to the same bits: the arithmetic is a vendor's" : "to the same bits";
  TrainerOptions limited = options;
  limited.batch.limit_bytes = limit.bytes;
  Fitted out;
  out.limit_bytes = limit.bytes;
  out.chunk = automatic ? choose_chunk(samples, group, device.where, p.train.made_bytes())
                        : std::min(options.batch.chunk, samples);
  for (std::int64_t chunk = out.chunk;;) {
    const std::optional<Shortage> shortage = try_chunk(device, p, limited, chunk, limit, out.trainer);
    if (!shortage) {
      if (chunk == out.chunk || automatic) {
        out.chunk = chunk;
        return out;
      }
      throw DeviceError(fmt::format("out of memory with run.chunk = {}: {}; run.chunk = {} fits{}", out.chunk,
                                    out.notes.at(0), chunk, device.vendor ? "" : " and gives the same bits"));
    }
    const std::int64_t next = smaller(chunk, group);
    if (next == 0)
      throw DeviceError(fmt::format("out of memory: {}; not even a chunk of one group of {} fits{}", shortage->sizes,
                                    counted(std::min(group, samples), "sample"),
                                    advice(limit, shortage->needed_bytes, device)));
    out.notes.push_back(automatic ? fmt::format("out of memory with a chunk of {} samples ({}); trying {}, {}", chunk,
                                                shortage->more, next, bits)
                                  : shortage->more);
    chunk = next;
  }
}

void expect_memory(const Device& device, const Config& config, const TrainerOptions& options) {
  MemoryCount count = count_memory(device);
  Device counting = count.on(device);
  const Problem outline = make_problem(counting, config);
  require_enough_parameters(config, outline.objective.layout.count());
  const MemoryLimit limit = memory_limit(config, counting);
  constexpr const char* less = "choose a smaller data.train or data.test";
  const bool on_cpu = device.where == Where::cpu;
  const std::int64_t host = count.bytes(Where::cpu), start = room_of(outline.theta0.view().bytes(), Where::cpu);
  // Such data would be cut into more blocks than a list should have.
  if (const std::int64_t data = on_cpu ? host - start : count.bytes(Where::cuda); data > limit.there_bytes)
    throw DeviceError(fmt::format("out of memory: {} are needed for the data, {}; the largest part is {}; {}",
                                  readable_bytes(data + program_bytes(device.where)), allowed_text(limit, device),
                                  text_of(count.largest_part(device.where)), less));
  (void)fit_in_memory(counting, outline, options, limit);
  // While data are read, their records need memory too; what a program takes beside its buffers comes later.
  const std::int64_t free = on_cpu ? 0 : available_memory_bytes() + host - count.counted_bytes(Where::cpu),
                     allowed = on_cpu ? limit.bytes + program_bytes(Where::cpu) : free;
  if (const std::int64_t needed = count.most_bytes(Where::cpu); needed > allowed)
    throw DeviceError(fmt::format(
        "out of memory: {} of the host's memory are needed while the data are read, {}; the largest part is {}; {}",
        readable_bytes(needed), on_cpu ? allowed_text(limit, device) : readable_bytes(free) + " are free",
        text_of(count.largest_part(Where::cpu)), less));
}

}  // namespace brink
