// SPDX-License-Identifier: MIT
// Writes the tensors that measurements hand out, a file for each step, into folders of the run.
#pragma once

#include <string>
#include <vector>

#include "training/io/file.h"
#include "training/loop.h"

namespace brink {

/// Writes what the measurements of the last complete step have for files: RUN/KIND/step-000012.safetensors, whole or not at all. A step
/// that is computed again writes the same bytes. Waits for the device. Throws IoError.
void write_tensor_files(Device&, const Folder& run, const Trainer&);

/// A file of an earlier process beside what was computed again for its step.
struct TensorFileCheck {
  std::string kind, path;
  bool missing = false;
  std::string difference;  ///< the path, and where it differs first, or why it cannot be read; empty: it does not
};
/// The same files, read and compared. Waits for the device.
std::vector<TensorFileCheck> check_tensor_files(Device&, const std::string& run, const Trainer&);

}  // namespace brink
