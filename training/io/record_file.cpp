// SPDX-License-Identifier: MIT
#include "training/io/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::int64_t piece_bytes = std::int64_t{1} << 16;

/// Whether `recorded` becomes the start of `row` when its zero bytes are filled in.
bool is_unwritten(std::string_view recorded, std::string_view row) {
  for (std::size_t i = 0; i < recorded.size(); ++i)
    if (recorded[i] != row[i] && recorded[i] != '\0') return false;
  return true;
}

}  // namespace

RowHash::RowHash() : state_(XXH3_createState(), &XXH3_freeState) {
  if (!state_) throw std::bad_alloc();
  reset();
}

std::string RowHash::text() const {
  const XXH128_hash_t h = XXH3_128bits_digest(state_.get());
  return hex_text(h.high64) + hex_text(h.low64);
}

RecordFile::RecordFile(const Folder& folder, const std::string& name)
    : system_(folder.system()), path_(folder.path_of(name)) {
  descriptor_ = system_.openat(folder.descriptor(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw IoError(system_message(path_, "open"));
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) fail("stat");
  length_ = status.st_size;
  go_to_start();
}

RecordFile::~RecordFile() {
  if (descriptor_ >= 0) system_.close(descriptor_);
}

void RecordFile::fail(const char* call) {
  const IoError error(system_message(path_, call));
  if (descriptor_ >= 0) {
    system_.ftruncate(descriptor_, length_);  // the most that can be done; the caller reports the error
    system_.close(std::exchange(descriptor_, -1));
  }
  throw error;
}

void RecordFile::go_to_start() {
  hash_.reset();
  position_ = 0;
  move(0);
}

void RecordFile::move(std::int64_t position) {
  if (lseek(descriptor_, position, SEEK_SET) != position) fail("lseek");
}

/// Reads on from where the last read or write ended; fewer bytes only at the end of the file.
std::string RecordFile::read(std::int64_t bytes) {
  std::string out(static_cast<std::size_t>(bytes), '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = system_.read(descriptor_, out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return out;
}

bool RecordFile::go_to(std::int64_t position, const std::string& hash) {
  go_to_start();
  while (position_ < position) {
    const std::string piece = read(std::min(position - position_, piece_bytes));
    if (piece.empty()) break;
    hash_.add(piece);
    position_ += static_cast<std::int64_t>(piece.size());
  }
  if (position_ == position && this->hash() == hash) return true;
  go_to_start();
  return false;
}

std::string RecordFile::go_to_end() {
  go_to_start();
  std::string row, last;
  for (std::int64_t at = 0, end = 0;;) {
    const std::string piece = read(piece_bytes);
    for (const char c : piece) {
      ++at;
      if (c != '\n') {
        row += c;
        continue;
      }
      end = at;
      last = std::exchange(row, {});
    }
    if (!piece.empty()) continue;
    if (end < length_ && system_.ftruncate(descriptor_, end) != 0) fail("ftruncate");
    position_ = length_ = end;
    move(end);
    return last;
  }
}

void RecordFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = system_.write(descriptor_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) fail("write");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void RecordFile::append(std::string_view row) {
  if (descriptor_ < 0) {
    errno = EBADF;
    fail("write");
  }
  struct stat status {};
  if (fstat(descriptor_, &status) == 0 && status.st_nlink == 0)
    throw IoError(path_ + ": the file was deleted while the run was writing into it");
  const auto bytes = static_cast<std::int64_t>(row.size());
  if (const std::int64_t there = std::min(left(), bytes); there > 0) {
    std::string recorded = read(there);
    if (recorded != row.substr(0, recorded.size())) {
      if (!is_unwritten(recorded, row)) {
        recorded += read(std::min(length_ - position_ - there, piece_bytes));
        move(position_);
        throw RecordDiffers{recorded.substr(0, recorded.find('\n')), std::string(row.substr(0, bytes - 1))};
      }
      repaired_ += std::ranges::count(recorded, '\0');
      move(position_);
      write(row.substr(0, recorded.size()));
    }
    write(row.substr(recorded.size()));
  } else {
    write(row);
  }
  hash_.add(row);
  position_ += bytes;
  length_ = std::max(length_, position_);
}

void RecordFile::sync() {
  if (system_.fsync(descriptor_) != 0) fail("fsync");
}

void RecordFile::close() {
  sync();
  if (system_.close(std::exchange(descriptor_, -1)) != 0) fail("close");
}

}  // namespace brink
