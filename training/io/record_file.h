// SPDX-License-Identifier: MIT
// A file that grows by whole rows, and that a later process continues.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "training/io/file.h"

namespace brink {

/// The XXH3-128 of text that grows.
class RowHash {
 public:
  RowHash();
  void reset() { XXH3_128bits_reset(state_.get()); }
  void add(std::string_view text) { XXH3_128bits_update(state_.get(), text.data(), text.size()); }
  /// 32 hexadecimal digits.
  std::string text() const;

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

/// What has been recorded is not what `append` was given.
struct RecordDiffers {
  std::string recorded, computed;  ///< rows without their newlines
};

/// `append` passes its row to the system before it returns, so a process that is killed afterwards loses none, and readers see
/// every row at once. Only `sync` and `close` protect rows from a loss of power. Opening changes nothing: rows that are in the
/// file already are compared with those that are appended, until the end of the file is reached.
class RecordFile {
 public:
  /// Makes the file if it is absent. Throws IoError.
  RecordFile(const Folder& folder, const std::string& name);
  /// Closes without a sync; call close() to sync.
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Where the next row begins, and the XXH3-128 of all bytes before it, as 32 hexadecimal digits.
  std::int64_t position() const { return position_; }
  std::string hash() const { return hash_.text(); }
  /// Moves to a position of an earlier process. Returns false, and moves to the start, if the file is shorter or has other bytes
  /// before it. Throws IoError.
  bool go_to(std::int64_t position, const std::string& hash);
  void go_to_start();
  /// For rows that are not compared: moves to the end, dropping an incomplete last row, and returns the last row without its
  /// newline; empty if there is none. Throws IoError.
  std::string go_to_end();

  /// `row` ends with a newline. A recorded row must be equal; of an incomplete one the rest is written, and so are bytes that a
  /// loss of power has left as zeros. Throws RecordDiffers, having changed nothing; IoError, also if the file was deleted: it then
  /// ends with a whole row or as before, and accepts no more.
  void append(std::string_view row);
  /// Recorded bytes that `append` has not reached.
  std::int64_t left() const { return length_ > position_ ? length_ - position_ : 0; }
  /// Bytes that had been left as zeros, and were written again.
  std::int64_t repaired() const { return repaired_; }
  /// Throws IoError; the file is closed then, because a failed sync must not be repeated.
  void sync();
  /// Syncs and closes.
  void close();

 private:
  [[noreturn]] void fail(const char* call);
  std::string read(std::int64_t bytes);
  void move(std::int64_t position);
  void write(std::string_view text);

  System& system_;
  std::string path_;
  std::int64_t position_ = 0, length_ = 0, repaired_ = 0;  // bytes
  RowHash hash_;
  int descriptor_ = -1;
};

}  // namespace brink
