// SPDX-License-Identifier: MIT
// What outlives a run: the device, its threads, the loaded data and the memory that may be used. Several runs can share one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/device.h"
#include "kernels/gpu.h"
#include "kernels/memory.h"
#include "kernels/thread_pool.h"
#include "kernels/vendor.h"
#include "training/data/kind.h"

namespace brink {

enum class Arithmetic { exact, vendor };

struct EnvironmentOptions {
  Where device = Where::cpu;
  Arithmetic arithmetic = Arithmetic::exact;
  int threads = 0;  ///< of the CPU; 0: as many as this process may run at once
};

class Environment {
 public:
  /// Throws DeviceError, whose one line says what to do: no GPU, no driver, an old driver, a build without CUDA, no vendor
  /// library.
  explicit Environment(const EnvironmentOptions& = {});

  Device device() const { return device_; }
  int threads() const { return pool_->threads(); }
  /// "cpu", or the GPU's name.
  std::string device_name() const;
  /// The vendor's library, such as "cuBLAS 13.1.0"; empty if the arithmetic is exact.
  std::string vendor_name() const;

  /// A data set, loaded once for all that ask for the same one while it is in use. Throws DataError.
  std::shared_ptr<DataPair> data(const Chosen<DataKind>&, const DataRequest&);

 private:
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Gpu> gpu_;
  std::unique_ptr<Vendor> vendor_;  // after gpu_, whose memory it uses
  Device device_;
  std::optional<Chosen<DataKind>> loaded_set_;
  DataRequest loaded_request_;
  std::weak_ptr<DataPair> loaded_;
};

/// The memory that a process takes in addition to its buffers: code, stacks, graphs and files being written. On a GPU there are only buffers.
std::int64_t program_bytes(Where);

/// The bytes that all buffers together may take in the device's memory.
struct MemoryLimit {
  std::int64_t bytes = 0;        ///< 0: no limit, and sizes are not compared
  std::string_view from = {};    ///< its source, for messages: "run.memory"
  std::int64_t there_bytes = 0;  ///< the largest possible limit: allocated plus free
  std::int64_t asked_bytes = 0;  ///< the value of the setting, if `from` names one
};
/// `asked_bytes` less program_bytes; or, if that is 0, what is allocated plus three quarters of what is free. Never more than
/// what is allocated plus free. Free: on the GPU, or on the machine and in the control groups of this process.
MemoryLimit memory_limit(std::int64_t asked_bytes, const Device&);

/// A text such as "123 bytes more were needed, 45 are free".
std::string describe(const OutOfMemory&);

}  // namespace brink
