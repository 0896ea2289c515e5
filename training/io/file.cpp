// SPDX-License-Identifier: MIT
#include "training/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr mode_t file_mode = 0666, folder_mode = 0777, no_mode = 0;
constexpr const char* temporary_mark = ".tmp.";

/// Returns false with errno on failure. Continues after interrupted and short writes; a write of zero bytes counts as a full
/// disk.
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

/// A temporary file of this process, in a form that a signal handler can read. If no entry is free, the file is removed later,
/// as a stale one.
struct Unfinished {
  static constexpr int free = -1, claimed = -2;
  std::atomic<int> folder{free};  // an open folder's descriptor, or one of the two
  char name[NAME_MAX + 1] = {};
};
Unfinished unfinished_files[16];
static_assert(std::atomic<int>::is_always_lock_free);

class UnfinishedFile {
 public:
  UnfinishedFile(int folder, const std::string& name) {
    if (name.size() > NAME_MAX) return;
    for (Unfinished& place : unfinished_files) {
      int expected = Unfinished::free;
      if (!place.folder.compare_exchange_strong(expected, Unfinished::claimed)) continue;
      std::memcpy(place.name, name.c_str(), name.size() + 1);
      place.folder = folder;
      place_ = &place;
      return;
    }
  }
  ~UnfinishedFile() {
    if (place_) place_->folder = Unfinished::free;
  }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

 private:
  Unfinished* place_ = nullptr;
};

/// The signal then ends the process as usual.
void remove_unfinished(int signal) {
  remove_unfinished_files();
  raise(signal);
}

}  // namespace

void remove_unfinished_files() {
  for (Unfinished& place : unfinished_files)
    if (const int folder = place.folder; folder >= 0) ::unlinkat(folder, place.name, 0);
}

void remove_unfinished_on_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    // An ignored signal (nohup, a background job) stays ignored.
    if (sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = remove_unfinished;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
}

bool is_dead(pid_t process) { return kill(process, 0) != 0 && errno == ESRCH; }

bool is_locked(int folder, const std::string& name) {
  const int file = ::openat(folder, name.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return false;
  const bool locked = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return locked;
}

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
  remove_stale_temporaries(std::span(&name, 1));
  const std::string temporary = name + temporary_mark + number_text(getpid());
  const auto open = [&] {
    return system_->openat(descriptor_, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
  };
  int file = open();
  // Left by a killed process that had our number. A living process with that number, in another container, would hold the lock.
  if (file < 0 && errno == EEXIST && !is_locked(descriptor_, temporary)) {
    system_->unlinkat(descriptor_, temporary.c_str(), 0);
    file = open();
  }
  if (file < 0) throw IoError(system_message(path_of(name), "open"));
  const UnfinishedFile unfinished(descriptor_, temporary);
  flock(file, LOCK_EX | LOCK_NB);  // without locks, a file system has only the process number to go by

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
  sync();
}

void Folder::sync() const {
  if (system_->fsync(descriptor_) != 0) throw IoError(system_message(path_, "fsync"));
}

Folder Folder::inside(const std::string& name) const {
  const bool made = system_->mkdirat(descriptor_, name.c_str(), folder_mode) == 0;
  if (!made && errno != EEXIST) throw IoError(system_message(path_of(name), "mkdir"));
  const int descriptor = system_->openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, no_mode);
  if (descriptor < 0) throw IoError(system_message(path_of(name), "open"));
  Folder out(path_of(name), *system_, descriptor);
  if (made) sync();
  return out;
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> out;
  const int listed = ::openat(descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(listed < 0 ? nullptr : fdopendir(listed), closedir);
  if (!entries) {
    if (listed >= 0) ::close(listed);
    return out;
  }
  while (const dirent* const entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  std::ranges::sort(out);
  return out;
}

void Folder::remove_stale_temporaries(std::span<const std::string> of) const {
  for (const std::string& name : names()) {
    const std::string_view found = name;
    const std::size_t mark = found.rfind(temporary_mark);
    if (mark == std::string_view::npos || std::ranges::find(of, found.substr(0, mark)) == of.end()) continue;
    const auto writer = parse_number<pid_t>(found.substr(mark + std::strlen(temporary_mark)));
    // A process that had our number is as dead as one that had another. What we are writing ourselves is locked.
    if (!writer || *writer <= 0 || (*writer != getpid() && !is_dead(*writer))) continue;
    if (!is_locked(descriptor_, name)) system_->unlinkat(descriptor_, name.c_str(), 0);
  }
}

void Folder::write_file(const std::string& name, std::string_view text) const {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  write_file(name, std::span(&piece, 1));
}

bool Folder::contains(const std::string& name) const { return faccessat(descriptor_, name.c_str(), F_OK, 0) == 0; }

void write_file(const std::string& path, std::string_view text, System& system) {
  // A file is replaced by a rename, which would also replace a device such as /dev/stdout.
  struct stat there;
  if (stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode))
    throw IoError(path + ": expected the name of a file, found a folder; name a file in it");
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    throw IoError(path + ": expected a regular file or a new name, found something else");
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const bool found = stat(folder.c_str(), &there) == 0;
  if (!found && errno == ENOENT)
    throw IoError(path + ": expected a folder " + folder + ", found none; make it, or choose another name");
  if (found ? !S_ISDIR(there.st_mode) : errno == ENOTDIR)
    throw UsageError(path + ": expected a folder " + folder + ", found a file in its place; choose another name");
  Folder(folder, system).write_file(path.substr(slash == std::string::npos ? 0 : slash + 1), text);
}

InputFile::InputFile(const std::string& path, System& system) : system_(system), path_(path) {
  // Not blocking: a named pipe must be refused at once.
  descriptor_ = system_.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, no_mode);
  if (descriptor_ < 0 && (errno == ENOENT || errno == ENOTDIR))
    throw DataError(path + ": expected this file, found none" +
                    (errno == ENOTDIR ? ": a part of its path is no folder" : "; check the path"));
  if (descriptor_ < 0) throw DataError(system_message(path, "open"));
  const auto refuse = [&](const std::string& message) {
    system_.close(descriptor_);
    throw DataError(message);
  };
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) refuse(system_message(path, "stat"));
  if (!S_ISREG(status.st_mode)) refuse(path + ": expected a regular file, found something else");
  bytes_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { system_.close(descriptor_); }

void InputFile::seek(std::uint64_t first) {
  if (lseek(descriptor_, static_cast<off_t>(first), SEEK_SET) < 0) throw DataError(system_message(path_, "lseek"));
  have_ = first;
}

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
