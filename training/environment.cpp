// SPDX-License-Identifier: MIT
#include "training/environment.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/memory_count.h"
#include "kernels/saturated.h"
#include "training/available_memory.h"
#include "training/errors.h"

namespace brink {

std::string describe(const OutOfMemory& e) {
  if (e.needed_bytes < 0) return "the CUDA runtime had none left for itself";
  return e.free_bytes < 0 ? fmt::format("{} bytes more were needed", e.needed_bytes)
                          : fmt::format("{} bytes more were needed, {} are free", e.needed_bytes, e.free_bytes);
}

Environment::Environment(const EnvironmentOptions& o)
    : pool_(std::make_unique<ThreadPool>(o.threads > 0 ? o.threads : available_threads())),
      device_{o.device, pool_.get(), nullptr} {
  if (o.device == Where::cpu) return;
  try {
    gpu_ = open_gpu();
    device_.gpu = gpu_.get();
    if (o.arithmetic == Arithmetic::vendor) vendor_ = open_cublas(*gpu_);
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

std::string Environment::device_name() const { return gpu_ ? gpu_->properties().name : "cpu"; }

std::string Environment::vendor_name() const { return vendor_ ? vendor_->name() : ""; }

std::shared_ptr<DataPair> Environment::data(const Chosen<DataKind>& set, const DataRequest& request) {
  if (auto there = loaded_.lock(); there && loaded_set_ && loaded_set_->kind == set.kind &&
                                   loaded_set_->options == set.options && loaded_request_ == request)
    return there;
  auto fresh = std::make_shared<DataPair>(load_data(set, request));
  loaded_ = fresh;
  loaded_set_ = set;
  loaded_request_ = request;
  return fresh;
}

std::int64_t program_bytes(Where where) { return where == Where::cpu ? std::int64_t{32} << 20 : 0; }

MemoryLimit memory_limit(std::int64_t asked_bytes, const Device& device) {
  // Counted memory is not allocated yet, so the system still reports it as free.
  const std::int64_t counted = device.count ? device.count->counted_bytes(device.where) : 0,
                     before = allocated_bytes(device) - counted,
                     free = device.gpu ? device.gpu->free_bytes() : available_memory_bytes(),
                     left = std::max<std::int64_t>(0, free - counted), there = std::max<std::int64_t>(1, before + free);
  MemoryLimit limit{saturated_sum(before + left / 4 * 3, counted), "three quarters of what is free", there};
  if (asked_bytes > 0)
    limit = {std::max<std::int64_t>(1, asked_bytes - program_bytes(device.where)), "run.memory", there, asked_bytes};
  if (limit.bytes > there) limit = {there, "all that is free", there};
  return limit;
}

}  // namespace brink
