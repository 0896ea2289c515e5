// SPDX-License-Identifier: MIT
// What it is: the folder that a run owns: made, locked, refused or resumed. What it is not: the contents of its files
// (records.h). Decision: the folder is made under another name, locked there and renamed, so nobody ever sees it
// unlocked; the lock is a flock, which the kernel releases with the process, so a stale one is told from a held one for
// certain.
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
    restarted,  // was there without a checkpoint: everything starts again
    finished,   // nothing is left to do
    diverged    // likewise
  };

  /// Without `resume` an existing folder is refused unless it is empty: InUseError says whether another process (host and pid) uses it or
  /// it is only present. With it, a finished run is Opened::finished, and an absent one is made. Throws also IoError,
  /// and UsageError for a path that cannot name a folder.
  static RunFolder open(const std::string& path, bool resume, System& = posix_system());

  RunFolder(RunFolder&&) noexcept = default;
  RunFolder& operator=(RunFolder&&) noexcept = default;

  const std::string& path() const { return folder_.path(); }
  const Folder& folder() const { return folder_; }
  Opened opened() const { return opened_; }
  /// What the user should be told about how it was opened: a line each.
  const std::vector<std::string>& notes() const { return notes_; }
  /// A run goes on under the settings it was begun with; only what is not hashed may differ. Throws UsageError where the
  /// folder's config.toml says otherwise; a folder without one accepts any.
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
