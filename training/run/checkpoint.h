// SPDX-License-Identifier: MIT
// Checkpoints: the state of a run in one file, and the folder `checkpoints/` in which a run keeps its newest ones.
//
// Another command (fork, measure, verify) needs three calls:
//   const CheckpointList list = list_checkpoints(run_folder);      // every file is read and checked
//   const Checkpoint from = read_checkpoint(list.good.back());
//   restore(device, trainer, from.trainer, path);                  // a trainer of the run's config; steps_done() is from.step then
//
// A file is ordinary safetensors. Tensors have their bytes; numbers, texts and lists of a state are in the metadata, exactly.
// The last tensor is a footer: what the file is, and a hash of every byte before the hash.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/state.h"

namespace brink {

/// The state of a run between two steps.
struct Checkpoint {
  std::int64_t step = 0;    ///< updates made; the next row is that of this step
  std::string config_hash;  ///< of the settings of the run (config.h)
  std::string version;      ///< of the program that wrote it
  SavedState trainer;       ///< of the Trainer
  SavedState run;           ///< of what the command remembers (run_state.h)
};

/// Written by a newer program in a format that this one does not know. It is never passed over, because it may be the newest state.
struct NewerCheckpoint : DataError {
  using DataError::DataError;
};

/// The format of the files that this program writes. Formats from 1 to this one are read.
inline constexpr std::int64_t checkpoint_format = 1;

/// "step-0000001234.safetensors".
std::string checkpoint_name(std::int64_t step);
/// The step of such a name, or nothing.
std::optional<std::int64_t> checkpoint_step(std::string_view name);

/// What the footer of a checkpoint says.
struct CheckpointFooter {
  std::int64_t format = 0, step = 0;
  std::string config_hash;
};

/// Reads the file once, in pieces, and checks its hash. Throws DataError naming the file and the reason, NewerCheckpoint.
CheckpointFooter verify_checkpoint(const std::string& path, System& = posix_system());
/// Reads and checks everything. Throws DataError naming the file and the reason, NewerCheckpoint.
Checkpoint read_checkpoint(const std::string& path, System& = posix_system());
/// The same of the bytes of a file.
Checkpoint parse_checkpoint(const std::string& path, std::vector<std::byte> bytes, System& = posix_system());
/// Writes checkpoint_name(step) into the folder, through a temporary file: a reader sees it whole or not at all. Waits for the
/// device. On a CPU the tensors are written from where they are. Throws IoError; an older file of that name is then intact.
void write_checkpoint(const Folder&, Device&, Stateful& trainer, Stateful& run, std::int64_t step,
                      const std::string& config_hash);

/// restore_state for a state of a checkpoint. Throws DataError naming `path` if the state is not one of such an object; nothing
/// has been changed then.
void restore(Device&, Stateful&, const SavedState&, const std::string& path);

/// The file of a checkpoint, kept open, so that it can be read after the run that wrote it has removed it.
class HeldCheckpoint {
 public:
  explicit HeldCheckpoint(const std::string& path) : file_(path) {}
  /// May be called by several threads.
  std::vector<std::byte> bytes();

 private:
  std::mutex mutex_;
  InputFile file_;
};

struct CheckpointFile {
  std::int64_t step = 0;
  std::string path;
  std::string config_hash;                 ///< of the settings of the run that wrote it
  std::shared_ptr<HeldCheckpoint> held{};  ///< of a run that another process goes on with
};
/// Reads and checks everything. Throws DataError naming the file and the reason, NewerCheckpoint.
Checkpoint read_checkpoint(const CheckpointFile&);
struct CheckpointList {
  std::vector<CheckpointFile> good;  ///< by ascending step
  std::vector<std::string> bad;      ///< for each file that is not good: its path and the reason
};
/// The checkpoints of a run folder, each checked by verify_checkpoint. Empty if there are none; a folder that cannot be read is among the
/// bad. Throws NewerCheckpoint.
CheckpointList list_checkpoints(const std::string& run_folder, System& = posix_system());

/// The checkpoints that a run writes: the last two are kept, and those of the named steps.
class CheckpointStore {
 public:
  /// run: outlives this object.
  CheckpointStore(const Folder& run, std::string config_hash, std::vector<std::int64_t> keep = {});

  /// Writes the checkpoint of this step, reads it back, and then removes older ones of this run, so that the newest two that are
  /// good remain, and those of the named steps. A file is removed only if its name, its content and its config hash are those of
  /// a checkpoint of this run. Throws IoError.
  void write(Device&, Stateful& trainer, Stateful& run, std::int64_t step) const;
  /// Removes what killed processes had begun to write.
  void remove_stale_temporaries() const;
  /// Whether the user has named the step.
  bool keeps(std::int64_t step) const;

 private:
  void remove_older(const Folder& folder, std::int64_t newest) const;

  const Folder& run_;
  std::string config_hash_;
  std::vector<std::int64_t> keep_;
};

/// The folder of the checkpoints inside a run folder.
inline constexpr const char* checkpoint_folder = "checkpoints";

}  // namespace brink
