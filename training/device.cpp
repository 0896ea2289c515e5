// SPDX-License-Identifier: MIT
#include "training/device.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/gpu.h"
#include "kernels/memory.h"
#include "kernels/vendor.h"
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

std::unique_ptr<Descent> try_chunk(Device& device, const Problem& p, DescentOptions o, std::int64_t chunk) {
  o.batch.chunk = chunk;
  o.evaluation = p.evaluation;
  auto descent = std::make_unique<Descent>(device, p.objective, p.train_arrays(), p.test_arrays(), o, p.theta0.view());
  descent->prepare();
  return descent;
}

/// The next smaller chunk: half of it, in whole groups that are a power of two, so that blocks stay aligned; 0 below one group.
std::int64_t smaller(std::int64_t chunk, std::int64_t group) {
  std::int64_t groups = 1;
  while (2 * groups * group < chunk) groups *= 2;
  return groups * group < chunk ? groups * group : 0;
}

}  // namespace

std::int64_t program_bytes(Where where) { return where == Where::cpu ? std::int64_t{32} << 20 : 0; }

Fitted fit_in_memory(Device& device, const Problem& p, const DescentOptions& options) {
  const std::int64_t samples = p.train_samples(), group = p.objective.group;
  const bool automatic = options.batch.chunk <= 0;
  const char* const bits = device.vendor ? "not to the same bits: the arithmetic is a vendor's" : "to the same bits";
  constexpr std::int64_t mib = 1 << 20;
  Fitted out;
  out.limit_bytes = options.batch.limit_bytes;
  out.chunk = automatic ? choose_chunk(samples, group, device.where, p.train_arrays().made_bytes())
                        : std::min(options.batch.chunk, samples);
  for (std::int64_t chunk = out.chunk;;) {
    std::string reason;
    std::int64_t least_bytes = 0;
    try {
      out.descent = try_chunk(device, p, options, chunk);
      if (chunk == out.chunk || automatic) {
        out.chunk = chunk;
        return out;
      }
      throw DeviceError(fmt::format("out of memory with run.chunk = {}: {}; run.chunk = {} fits{}", out.chunk,
                                    out.notes.at(0), chunk, device.vendor ? "" : " and gives the same bits"));
    } catch (const OutOfMemory& e) {
      reason = describe(e);
      least_bytes =
          out.limit_bytes + e.needed_bytes - std::max<std::int64_t>(e.free_bytes, 0) + program_bytes(device.where);
    }
    const std::int64_t next = smaller(chunk, group);
    if (next == 0)
      throw DeviceError(fmt::format(
          "out of memory: {}; not even a chunk of one group of {} samples fits{}", reason, std::min(group, samples),
          options.batch.limit_bytes > 0
              ? fmt::format("; run.memory must be at least {}MiB", (least_bytes + mib - 1) / mib)
              : ""));
    out.notes.push_back(automatic ? fmt::format("out of memory with a chunk of {} samples ({}); trying {}, {}", chunk,
                                                reason, next, bits)
                                  : reason);
    chunk = next;
  }
}

}  // namespace brink
