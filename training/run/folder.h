// SPDX-License-Identifier: MIT
// The folder that a run owns: made, locked, refused or resumed. The contents of its files are in records.h.
// The folder is made under another name, locked there and renamed, so no process ever sees it unlocked. The lock is a flock,
// which the kernel releases with the process, so a stale one is always recognised.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/io/file.h"
#include "training/run/config.h"

namespace brink {

class RunFolder {
 public:
  enum class Opened {
    fresh,      // made now, or found empty
    restarted,  // existed without a checkpoint: everything starts again
    finished,   // nothing is left to do
    diverged    // likewise
  };

  /// Without `resume` an existing folder is refused unless it is empty: InUseError says whether another process (host and pid)
  /// uses it or whether it merely exists. With `resume` a finished run is Opened::finished, and an absent one is made. Also
  /// throws IoError, and UsageError for a path that cannot name a folder.
  static RunFolder open(const std::string& path, bool resume, System& = posix_system());

  RunFolder(RunFolder&&) noexcept = default;
  RunFolder& operator=(RunFolder&&) noexcept = default;

  const std::string& path() const { return folder_.path(); }
  const Folder& folder() const { return folder_; }
  Opened opened() const { return opened_; }
  /// What to tell the user about how it was opened, one line each.
  const std::vector<std::string>& notes() const { return notes_; }
  /// A run continues under the settings with which it began; only what is not hashed may differ. Throws UsageError if the
  /// folder's config.toml differs; a folder without one accepts any settings.
  void require_same_config(const Config&) const;

 private:
  struct Lock;
  RunFolder(Folder folder, std::unique_ptr<Lock> lock, Opened opened, std::vector<std::string> notes);
  static RunFolder create(const std::string& path, std::vector<std::string> notes, System&);
  static RunFolder reopen(const std::string& path, bool resume, System&);

  Folder folder_;
  std::unique_ptr<Lock> lock_;
  Opened opened_;
  std::vector<std::string> notes_;

 public:
  ~RunFolder();
};

}  // namespace brink
