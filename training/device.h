// SPDX-License-Identifier: MIT
// What it is: the device that a config names, opened, and a trainer made to fit into its memory.
// What it is not: a choice made for the user: a device that cannot be used is an error, and what was made smaller is said.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device.h"
#include "training/config.h"
#include "training/loop.h"
#include "training/problem.h"

namespace brink {

class OpenDevice {
 public:
  /// Throws DeviceError, in one line that says what to do: no GPU, no driver, an old one, a build without CUDA, no vendor library.
  OpenDevice(Where, Arithmetic, ThreadPool&);
  Device device() const { return device_; }
  /// "cpu", or the GPU's name.
  std::string name() const;
  /// Of the vendor's library, "cuBLAS 13.1.0"; empty where the arithmetic is exact.
  std::string vendor_name() const;

 private:
  std::shared_ptr<Gpu> gpu_;        // shared_ptr: its deleter is made where the type is known
  std::shared_ptr<Vendor> vendor_;  // after gpu_, whose memory it uses
  Device device_;
};

struct Fitted {
  std::unique_ptr<Trainer> trainer;
  std::int64_t chunk = 0;          ///< samples per block
  std::int64_t limit_bytes = 0;    ///< for all memory of the device
  std::vector<std::string> notes;  ///< what was made smaller, and why
};

/// What a process takes beside its buffers: code, stacks, graphs and files being written; a GPU's memory holds buffers alone.
std::int64_t program_bytes(Where);

/// Bytes that all buffers together may take of the device's memory.
struct MemoryLimit {
  std::int64_t bytes = 0;        ///< 0: no limit, and nothing is compared
  std::string_view from = {};    ///< what set it, for messages: "run.memory"
  std::int64_t there_bytes = 0;  ///< what could be allowed at most: allocated and free
};
/// run.memory less program_bytes, or, where it is "auto", what is allocated and three quarters of what is free; never more than what is
/// allocated and free. Free: on the GPU, or on the machine and in the control groups of this process.
MemoryLimit memory_limit(const Config&, const Device&);

/// A trainer of the problem. Sizes are compared with the limit before memory is allocated. Where memory does not suffice: with
/// chunk = 0 (auto) smaller and smaller chunks are tried, which give the same bits, and each try is noted; with a chunk of the user's,
/// DeviceError says which one would fit (promise R4). Where none does, it says how much is needed and allowed, which part is the largest,
/// and what run.memory must be, if that helps. On a device with a count (memory_count.h) the problem is an outline, and there is no trainer.
Fitted fit_in_memory(Device&, const Problem&, const TrainerOptions&, const MemoryLimit&);

/// Throws DeviceError, as fit_in_memory does, where a run of this config does not fit. Reads no data and allocates none of the memory.
void expect_memory(const Device&, const Config&, const TrainerOptions&);

}  // namespace brink
