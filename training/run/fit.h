// SPDX-License-Identifier: MIT
// Makes a trainer that fits into memory. What was made smaller for that is reported, and what cannot fit is refused before it
// is allocated.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/environment.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/problem.h"

namespace brink {

struct Fitted {
  std::unique_ptr<Trainer> trainer;
  std::int64_t chunk = 0;          ///< samples per block
  std::int64_t limit_bytes = 0;    ///< plan for all memory of the device
  std::vector<std::string> notes;  ///< what was made smaller, and why
};

/// A trainer of the problem. Sizes are compared with the limit before memory is allocated. If memory does not suffice and chunk
/// = 0 (auto), smaller and smaller chunks are tried, which give the same bits; each try is noted. If the user has set the chunk,
/// DeviceError says which chunk would fit (docs/promises.md, R4). If none fits, it says how much is needed and allowed, which
/// part is the largest, and what run.memory must be if that helps. On a device with a count (memory_count.h) the problem is an
/// outline and there is no trainer.
Fitted fit_in_memory(Device&, const Problem&, const TrainerOptions&, const MemoryLimit&);

/// Throws DeviceError, as fit_in_memory does, if a run of this config does not fit, and UsageError if it asks for more eigenvalues
/// than its network has parameters. Reads no data and allocates none of the memory.
void expect_memory(const Device&, const Config&, const TrainerOptions&);

/// The part of a config from which an environment is made.
EnvironmentOptions environment_options(const Config::Run&);
/// The part of a config that a trainer is made from; another program may replace the rule and add measurements.
TrainerOptions trainer_options(const Config&);
/// memory_limit for run.memory.
MemoryLimit memory_limit(const Config&, const Device&);
/// A text such as "50.0 MiB are allowed (run.memory)".
std::string allowed_text(const MemoryLimit&, const Device&);

}  // namespace brink
