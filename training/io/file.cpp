// SPDX-License-Identifier: MIT
#include "training/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr mode_t file_mode = 0666, no_mode = 0;

/// False with errno on failure. Interrupted and short writes go on; a write of nothing counts as a full disk.
bool write_all(System& system, int file, const std::byte* data, std::size_t bytes) {
  constexpr std::size_t piece_bytes = std::size_t{1} << 30;
  while (bytes > 0) {
    const ssize_t n = system.write(file, data, std::min(bytes, piece_bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return false;
    data += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::string system_message(const std::string& path, const char* call) {
  return path + ": " + call + ": " + std::generic_category().message(errno);
}

Folder::Folder(const std::string& path, System& system) : path_(path), system_(&system) {
  descriptor_ = system.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, no_mode);
  if (descriptor_ < 0 && (errno == ENAMETOOLONG || errno == ENOTDIR)) throw UsageError(system_message(path, "open"));
  if (descriptor_ < 0) throw IoError(system_message(path, "open"));
}

Folder::~Folder() {
  if (descriptor_ >= 0) system_->close(descriptor_);
}

Folder::Folder(Folder&& o) noexcept
    : path_(std::move(o.path_)), system_(o.system_), descriptor_(std::exchange(o.descriptor_, -1)) {}

Folder& Folder::operator=(Folder&& o) noexcept {
  std::swap(path_, o.path_);
  std::swap(system_, o.system_);
  std::swap(descriptor_, o.descriptor_);
  return *this;
}

void Folder::write_file(const std::string& name, std::span<const std::span<const std::byte>> pieces) const {
  const std::string temporary = name + ".tmp." + number_text(getpid());
  int file = system_->openat(descriptor_, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
  if (file < 0 && errno == EEXIST) {  // left by a killed process that had our number
    system_->unlinkat(descriptor_, temporary.c_str(), 0);
    file = system_->openat(descriptor_, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
  }
  if (file < 0) throw IoError(system_message(path_of(name), "open"));

  const auto give_up = [&](const char* call) {
    const IoError error(system_message(path_of(name), call));
    if (file >= 0) system_->close(file);
    system_->unlinkat(descriptor_, temporary.c_str(), 0);
    throw error;
  };
  for (const auto piece : pieces)
    if (!write_all(*system_, file, piece.data(), piece.size())) give_up("write");
  if (system_->fsync(file) != 0) give_up("fsync");
  if (system_->close(std::exchange(file, -1)) != 0) give_up("close");
  if (system_->renameat(descriptor_, temporary.c_str(), name.c_str()) != 0) give_up("rename");
  if (system_->fsync(descriptor_) != 0) throw IoError(system_message(path_, "fsync"));
}

void Folder::write_file(const std::string& name, std::string_view text) const {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  write_file(name, std::span(&piece, 1));
}

bool Folder::contains(const std::string& name) const { return faccessat(descriptor_, name.c_str(), F_OK, 0) == 0; }

void write_file(const std::string& path, std::string_view text, System& system) {
  // A file is replaced by a rename, which would also take the place of a device such as /dev/stdout.
  struct stat there;
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    throw IoError(path + ": expected a file, or nothing yet, found something else");
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Folder(folder, system).write_file(path.substr(slash == std::string::npos ? 0 : slash + 1), text);
}

AppendFile::AppendFile(const Folder& folder, const std::string& name)
    : system_(folder.system()), path_(folder.path_of(name)) {
  descriptor_ = system_.openat(folder.descriptor(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode);
  if (descriptor_ < 0) throw IoError(system_message(path_, "open"));
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) system_.close(descriptor_);
}

void AppendFile::fail(const char* call) {
  const IoError error(system_message(path_, call));
  if (descriptor_ >= 0) {
    system_.ftruncate(descriptor_, length_bytes_);  // what can be done; the error says the rest
    system_.close(std::exchange(descriptor_, -1));
  }
  throw error;
}

void AppendFile::append(std::string_view row) {
  if (descriptor_ < 0) {
    errno = EBADF;
    fail("write");
  }
  if (!write_all(system_, descriptor_, reinterpret_cast<const std::byte*>(row.data()), row.size())) fail("write");
  length_bytes_ += static_cast<off_t>(row.size());
}

void AppendFile::close() {
  if (system_.fsync(descriptor_) != 0) fail("fsync");
  if (system_.close(std::exchange(descriptor_, -1)) != 0) fail("close");
}

InputFile::InputFile(const std::string& path, System& system) : system_(system), path_(path) {
  // Not blocking: a named pipe must be refused, not waited for.
  descriptor_ = system_.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, no_mode);
  if (descriptor_ < 0) throw DataError(system_message(path, "open"));
  const auto refuse = [&](const std::string& message) {
    system_.close(descriptor_);
    throw DataError(message);
  };
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) refuse(system_message(path, "stat"));
  if (!S_ISREG(status.st_mode)) refuse(path + ": expected a file, found something else");
  bytes_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { system_.close(descriptor_); }

void InputFile::read(std::span<std::byte> to) {
  while (!to.empty()) {
    const ssize_t n = system_.read(descriptor_, to.data(), to.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw DataError(system_message(path_, "read"));
    if (n == 0) throw DataError(path_ + ": expected " + number_text(bytes_) + " bytes, found " + number_text(have_));
    have_ += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
}

std::vector<std::byte> read_file(const std::string& path, std::size_t largest_bytes, System& system) {
  InputFile file(path, system);
  if (file.bytes() > largest_bytes)
    throw DataError(path + ": expected at most " + number_text(largest_bytes) + " bytes, found " +
                    number_text(file.bytes()));
  std::vector<std::byte> out(static_cast<std::size_t>(file.bytes()));
  file.read(out);
  return out;
}

}  // namespace brink
