// SPDX-License-Identifier: MIT
// Reads and writes whole files. A reader of a written file sees the old or the new one, never a part.
// Names are relative to an open folder, so neither a changed working directory nor a long path separates the files of one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "training/io/system.h"

namespace brink {

/// The bytes of a file, and its name for messages.
struct NamedBytes {
  std::string name;
  std::vector<std::byte> bytes;
};

/// An open folder. Movable; closes itself.
class Folder {
 public:
  /// Throws IoError (UsageError where the path is too long).
  explicit Folder(const std::string& path, System& = posix_system());
  ~Folder();
  Folder(Folder&&) noexcept;
  Folder& operator=(Folder&&) noexcept;

  const std::string& path() const { return path_; }
  /// Sets the path for messages after the folder has been renamed.
  void set_path(const std::string& path) { path_ = path; }
  int descriptor() const { return descriptor_; }
  System& system() const { return *system_; }
  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// Writes name.tmp.<pid>, syncs it, renames it to `name`, syncs the folder. Removes stale temporaries of `name` first. Throws
  /// IoError naming file, call and reason. After an error the old file is intact (or replaced whole, if only the sync of the folder
  /// failed) and no temporary is left.
  void write_file(const std::string& name, std::span<const std::span<const std::byte>> pieces) const;
  void write_file(const std::string& name, std::string_view text) const;
  bool contains(const std::string& name) const;
  /// A folder inside this one. Makes it if it is absent, and syncs this folder then. Throws IoError.
  Folder inside(const std::string& name) const;
  /// The names of what is in it, sorted; none if it cannot be listed.
  std::vector<std::string> names() const;
  /// Syncs the folder itself: the names of its files. Throws IoError.
  void sync() const;
  /// Removes temporaries of these files whose process has died or has had the number of this one. Temporaries of living processes stay, also of those on another
  /// machine or in another container, because their writers hold a lock on them.
  void remove_stale_temporaries(std::span<const std::string> names) const;

 private:
  Folder(std::string path, System& system, int descriptor)
      : path_(std::move(path)), system_(&system), descriptor_(descriptor) {}

  std::string path_;
  System* system_;
  int descriptor_ = -1;
};

/// write_file for a path; the folder must exist. Throws IoError if the name belongs to something other than a regular file.
void write_file(const std::string& path, std::string_view text, System& = posix_system());

/// Removes the temporaries of this process. Uses only calls that are allowed in a signal handler.
void remove_unfinished_files();
/// After this call SIGINT, SIGTERM and SIGHUP remove the temporaries of this process before they end it.
void remove_unfinished_on_signals();
/// Whether no process of this machine has that number.
bool is_dead(pid_t);
/// Whether another open file holds a lock on it.
bool is_locked(int folder, const std::string& name);

/// A file that is read in pieces from its start.
class InputFile {
 public:
  /// Throws DataError naming the file: missing, a folder or device, or unreadable.
  explicit InputFile(const std::string& path, System& = posix_system());
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  /// Its length when it was opened.
  std::uint64_t bytes() const { return bytes_; }
  /// The next read begins at this byte. Throws DataError.
  void seek(std::uint64_t first);
  /// Fills all of `to`. Throws DataError, also if the file has become shorter.
  void read(std::span<std::byte> to);

 private:
  System& system_;
  std::string path_;
  std::uint64_t bytes_ = 0, have_ = 0;
  int descriptor_ = -1;
};

/// Throws DataError naming the file: as InputFile, or more than `largest_bytes`.
std::vector<std::byte> read_file(const std::string& path, std::size_t largest_bytes, System& = posix_system());

/// "PATH: CALL: REASON" from errno.
std::string system_message(const std::string& path, const char* call);

}  // namespace brink
