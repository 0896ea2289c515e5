// SPDX-License-Identifier: MIT
// The folder that a run owns: made, locked, refused or resumed. The contents of its files are in records.h.
// The folder is made under another name, locked there and renamed, so no process ever sees it unlocked. The lock is a flock,
// which the kernel releases with the process, so a stale one is always recognised.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "training/io/file.h"
#include "training/run/config.h"

namespace brink {

class RunFolder {
 public:
  enum class Opened {
    fresh,       // made now, or found empty
    unfinished,  // a run that has steps left, or has lost rows
    finished,    // nothing is left to do
    diverged     // likewise
  };

  /// Without `resume` an existing folder is refused unless it is empty: InUseError says whether another process (host and pid)
  /// uses it or whether it merely exists. With `resume` a finished run is Opened::finished, and an absent one is made. Also
  /// throws IoError, and UsageError for a path that cannot name a folder.
  static RunFolder open(const std::string& path, bool resume, System& = posix_system());

  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) noexcept;

  const std::string& path() const { return folder_.path(); }
  const Folder& folder() const { return folder_; }
  Opened opened() const { return opened_; }
  /// Lines for the user about how the folder was opened.
  const std::vector<std::string>& notes() const { return notes_; }
  /// Throws IoError if the folder has been deleted or moved: what is written into it would be lost or misplaced.
  void require_in_place() const;

  /// Whether nothing is left to do.
  static bool is_over(Opened o) { return o == Opened::finished || o == Opened::diverged; }
  /// What a folder holds, without opening or locking it; `fresh` if there is no run in it.
  static Opened look(const std::string& path);
  /// The note about a run that is finished or has diverged.
  static std::string nothing_left(const std::string& path, Opened);
  /// Whether another process writes into the folder.
  static bool is_in_use(const std::string& path);
  /// A run continues under the settings with which it began; only what is not hashed may differ. Throws UsageError naming the
  /// keys if the folder's config.toml differs; a folder without one accepts any settings.
  static void require_same_config(const std::string& path, const Config&);

 private:
  struct Lock;
  RunFolder(Folder folder, std::unique_ptr<Lock> lock, Opened opened, std::vector<std::string> notes);
  static RunFolder create(const std::string& path, std::vector<std::string> notes, System&);
  static RunFolder reopen(const std::string& path, bool resume, System&);
  static Opened state_of(const Folder&);

  Folder folder_;
  std::unique_ptr<Lock> lock_;
  Opened opened_;
  std::vector<std::string> notes_;

 public:
  ~RunFolder();
};

}  // namespace brink
