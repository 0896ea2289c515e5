// SPDX-License-Identifier: MIT
#include "training/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "kernels/gpu.h"
#include "kernels/memory.h"
#include "kernels/vendor.h"
#include "training/available_memory.h"
#include "training/errors.h"

namespace brink {

namespace {
std::string describe(const OutOfMemory& e) {
  if (e.needed_bytes < 0) return "the CUDA runtime had none left for itself";
  return e.free_bytes < 0 ? fmt::format("{} bytes more were needed", e.needed_bytes)
                          : fmt::format("{} bytes more were needed, {} are free", e.needed_bytes, e.free_bytes);
}
}  // namespace

OpenDevice::OpenDevice(Where where, Arithmetic arithmetic, ThreadPool& pool) : device_{where, &pool, nullptr} {
  if (where == Where::cpu) return;
  try {
    gpu_ = open_gpu();
    device_.gpu = gpu_.get();
    if (arithmetic == Arithmetic::vendor) vendor_ = open_cublas(*gpu_);
    device_.vendor = vendor_.get();
  } catch (const NoDevice& e) {
    throw DeviceError(fmt::format("run.device = \"cuda\": {}", e.what()));
  } catch (const OutOfMemory& e) {
    throw DeviceError(
        fmt::format("run.device = \"cuda\": out of memory while the GPU was opened ({}): other programs hold it; "
                    "give --device cpu",
                    describe(e)));
  } catch (const NoVendor& e) { throw DeviceError(fmt::format("run.arithmetic = \"vendor\": {}", e.what())); }
}

std::string OpenDevice::name() const { return gpu_ ? gpu_->properties().name : "cpu"; }

std::string OpenDevice::vendor_name() const { return vendor_ ? vendor_->name() : ""; }

namespace {

constexpr std::int64_t mib = 1 << 20;

/// "9.1 GiB".
std::string text_of(std::int64_t bytes) {
  constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string text_of(const MemoryCount::Part& part) { return fmt::format("{}: {}", part.name, text_of(part.bytes)); }

/// "50.0 MiB are allowed (run.memory)".
std::string allowed_text(const MemoryLimit& limit, const Device& device) {
  return fmt::format("{} are allowed ({})", text_of(limit.bytes + program_bytes(device.where)), limit.from);
}

/// What to do where not even the smallest chunk fits.
std::string advice(const MemoryLimit& limit, std::int64_t needed_bytes, const Device& device) {
  if (limit.bytes <= 0) return "";
  if (needed_bytes - program_bytes(device.where) > limit.there_bytes)
    return fmt::format("; {} are there at most, so a smaller network or less data is needed",
                       text_of(limit.there_bytes));
  return fmt::format("; run.memory must be at least {}MiB", (needed_bytes + mib - 1) / mib);
}

std::int64_t free_memory_bytes(const Device& device) {
  return device.gpu ? device.gpu->free_bytes() : available_memory_bytes();
}

std::unique_ptr<Trainer> make_trainer(Device& device, const Problem& p, TrainerOptions o, std::int64_t chunk) {
  o.batch.chunk = chunk;
  o.evaluation = p.evaluation;
  return std::make_unique<Trainer>(device, p.objective, p.train_arrays(), p.test_arrays(), o, p.theta0.view());
}

/// Why a chunk does not fit.
struct Shortage {
  std::string more;   ///< "123 bytes more were needed, 45 are free"
  std::string sizes;  ///< what is needed and allowed, and the largest part; the same as `more` where it came unforeseen
  std::int64_t needed_bytes = 0;
};

/// The trainer of a chunk, its sizes compared before it is made; or what it lacks.
std::optional<Shortage> try_chunk(Device& device, const Problem& p, const TrainerOptions& options, std::int64_t chunk,
                                  const MemoryLimit& limit, std::unique_ptr<Trainer>& out) {
  MemoryCount count = device.count ? *device.count : MemoryCount(device);
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
      s.sizes = fmt::format("{} are needed, {}; the largest part is {}", text_of(needed), allowed_text(limit, device),
                            text_of(count.largest_part(device.where)));
    return s;
  }
}

/// The next smaller chunk: half of it, in whole groups that are a power of two, so that blocks stay aligned; 0 below one group.
std::int64_t smaller(std::int64_t chunk, std::int64_t group) {
  std::int64_t groups = 1;
  while (2 * groups * group < chunk) groups *= 2;
  return groups * group < chunk ? groups * group : 0;
}

}  // namespace

std::int64_t program_bytes(Where where) { return where == Where::cpu ? std::int64_t{32} << 20 : 0; }

MemoryLimit memory_limit(const Config& config, const Device& device) {
  // What is only counted is not there yet, so the system's number still includes it.
  const std::int64_t counted = device.count ? device.count->counted_bytes(device.where) : 0,
                     before = allocated_bytes(device) - counted, free = free_memory_bytes(device),
                     left = std::max<std::int64_t>(0, free - counted), there = std::max<std::int64_t>(1, before + free);
  MemoryLimit limit{saturated_sum(before + left / 4 * 3, counted), "three quarters of what is free", there};
  if (config.run.memory_bytes > 0)
    limit = {std::max<std::int64_t>(1, config.run.memory_bytes - program_bytes(device.where)), "run.memory", there};
  if (limit.bytes > there) limit = {there, "all that is free", there};
  return limit;
}

Fitted fit_in_memory(Device& device, const Problem& p, const TrainerOptions& options, const MemoryLimit& limit) {
  const std::int64_t samples = p.train_samples(), group = p.objective.group;
  const bool automatic = options.batch.chunk <= 0;
  const char* const bits = device.vendor ? "not to the same bits: the arithmetic is a vendor's" : "to the same bits";
  TrainerOptions limited = options;
  limited.batch.limit_bytes = limit.bytes;
  Fitted out;
  out.limit_bytes = limit.bytes;
  out.chunk = automatic ? choose_chunk(samples, group, device.where, p.train_arrays().made_bytes())
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
      throw DeviceError(fmt::format("out of memory: {}; not even a chunk of one group of {} samples fits{}",
                                    shortage->sizes, std::min(group, samples),
                                    advice(limit, shortage->needed_bytes, device)));
    out.notes.push_back(automatic ? fmt::format("out of memory with a chunk of {} samples ({}); trying {}, {}", chunk,
                                                shortage->more, next, bits)
                                  : shortage->more);
    chunk = next;
  }
}

void expect_memory(const Device& device, const Config& config, const TrainerOptions& options) {
  MemoryCount count(device);
  Device counting = count.on(device);
  const Problem outline = make_problem(counting, config);
  const MemoryLimit limit = memory_limit(config, counting);
  constexpr const char* less = "a smaller data.train or data.test needs less";
  const bool on_cpu = device.where == Where::cpu;
  const std::int64_t host = count.bytes(Where::cpu), start = room_of(outline.theta0.view().bytes(), Where::cpu);
  // Such data are cut into more blocks than there should be a list of.
  if (const std::int64_t data = on_cpu ? host - start : count.bytes(Where::cuda); data > limit.there_bytes)
    throw DeviceError(fmt::format("out of memory: {} are needed for the data, {}; the largest part is {}; {}",
                                  text_of(data + program_bytes(device.where)), allowed_text(limit, device),
                                  text_of(count.largest_part(device.where)), less));
  (void)fit_in_memory(counting, outline, options, limit);
  // While data are read their records are there too; what a program takes beside its buffers comes later.
  const std::int64_t free = on_cpu ? 0 : available_memory_bytes() + host - count.counted_bytes(Where::cpu),
                     allowed = on_cpu ? limit.bytes + program_bytes(Where::cpu) : free;
  if (const std::int64_t needed = count.most_bytes(Where::cpu); needed > allowed)
    throw DeviceError(fmt::format(
        "out of memory: {} of the host's memory are needed while the data are read, {}; the largest part is {}; {}",
        text_of(needed), on_cpu ? allowed_text(limit, device) : text_of(free) + " are free",
        text_of(count.largest_part(Where::cpu)), less));
}

}  // namespace brink
