// SPDX-License-Identifier: MIT
#include "training/run/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "training/errors.h"
#include "training/io/text.h"
#include "training/run/summary.h"

namespace brink {

namespace {

constexpr const char* lock_name = ".lock";

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "an unnamed host";
}

struct Owner {
  std::string host;
  pid_t pid = 0;
  std::string text() const { return "process " + number_text(pid) + " on " + host; }
};

/// The lock file holds "PID HOST\n", or nothing after a clean end.
Owner read_owner(int file) {
  char buffer[400];
  const ssize_t n = pread(file, buffer, sizeof buffer, 0);
  const std::string_view text(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t space = text.find(' '), end = text.find('\n');
  if (space == std::string_view::npos || end == std::string_view::npos || space > end) return {};
  return {std::string(text.substr(space + 1, end - space - 1)), parse_number<pid_t>(text.substr(0, space)).value_or(0)};
}

/// A process that has just taken the lock may not have signed it yet: waits up to a second for the number of a living process.
Owner wait_for_owner(int file) {
  Owner owner;
  for (int i = 0; i < 100; ++i) {
    owner = read_owner(file);
    const bool dead = owner.host == host_name() && is_dead(owner.pid);
    if (owner.pid > 0 && !dead) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return owner;
}

/// The files of a run that are replaced whole.
const std::string whole_files[] = {"run.json", "config.toml", "report.html", "last_finite.safetensors"};

constexpr const char *new_folder = ".brink-", *new_folder_end = ".tmp";

/// Removes the temporary folders of killed runs: ".brink-PID-N.tmp" with only a lock in it.
void remove_stale_folders(const std::string& parent, System& system) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    const std::string path = entry.path().string(), file_name = entry.path().filename().string();
    std::string_view name = file_name;
    if (!name.starts_with(new_folder) || !name.ends_with(new_folder_end)) continue;
    name.remove_prefix(std::strlen(new_folder));
    const auto maker = parse_number<pid_t>(name.substr(0, name.find('-')));
    if (!maker || *maker <= 0 || !is_dead(*maker) || is_locked(AT_FDCWD, path + "/" + lock_name)) continue;
    system.unlinkat(AT_FDCWD, (path + "/" + lock_name).c_str(), 0);
    system.unlinkat(AT_FDCWD, path.c_str(), AT_REMOVEDIR);
  }
}

bool holds_only_lock(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.path().filename() != lock_name) return false;
  return true;
}

/// Whether there are files of a run, whose lock may be missing because the folder is a copy.
bool holds_records(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path + "/config.toml", ignored) &&
         (std::filesystem::exists(path + "/run.json", ignored) ||
          std::filesystem::exists(path + "/metrics.csv", ignored));
}

[[noreturn]] void refuse_existing(const std::string& path, RunFolder::Opened state) {
  const char* const what = state == RunFolder::Opened::finished   ? "a finished run"
                           : state == RunFolder::Opened::diverged ? "a diverged run"
                                                                  : "a run that did not finish";
  throw InUseError(path + " exists already (" + what + ", not in use); --resume continues it, or choose another --out");
}

[[noreturn]] void fail_to_make(const std::string& path, const char* call) {
  if (errno == ENOTDIR)
    throw UsageError(path + ": expected a path of folders, found a file in it; choose another --out");
  if (errno == ENAMETOOLONG || errno == ELOOP || errno == EINVAL) throw UsageError(system_message(path, call));
  throw IoError(system_message(path, call));
}

void make_parents(const std::string& path, System& system) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (system.mkdirat(AT_FDCWD, parent.c_str(), 0777) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS)
      fail_to_make(parent, "mkdir");
  }
}

}  // namespace

struct RunFolder::Lock {
  System& system;
  int file = -1;

  explicit Lock(System& s) : system(s) {}
  ~Lock() {
    if (file < 0) return;
    if (signed_) system.ftruncate(file, 0);
    system.close(file);
  }

  /// Returns false if another process holds it.
  bool take(const Folder& folder, int flags) {
    file = system.openat(folder.descriptor(), lock_name, O_RDWR | O_CLOEXEC | flags, 0666);
    if (file < 0) throw IoError(system_message(folder.path_of(lock_name), "open"));
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return false;
      if (errno != EINTR) throw IoError(system_message(folder.path_of(lock_name), "flock"));
    }
    return true;
  }
  void sign(const Folder& folder) {
    const std::string text = number_text(getpid()) + " " + host_name() + "\n";
    signed_ = true;
    if (system.ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0 ||
        system.write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw IoError(system_message(folder.path_of(lock_name), "write"));
  }

 private:
  bool signed_ = false;
};

RunFolder::RunFolder(Folder folder, std::unique_ptr<Lock> lock, Opened opened, std::vector<std::string> notes)
    : folder_(std::move(folder)), lock_(std::move(lock)), opened_(opened), notes_(std::move(notes)) {}

RunFolder::RunFolder(RunFolder&&) noexcept = default;
RunFolder& RunFolder::operator=(RunFolder&&) noexcept = default;
RunFolder::~RunFolder() = default;

RunFolder RunFolder::open(const std::string& given, bool resume, System& system) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty() || path.find('\0') != std::string::npos)
    throw UsageError("--out: expected the path of a folder, found an empty one or one with a NUL character");

  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) throw UsageError(path + ": expected a folder, found a file");
    return reopen(path, resume, system);
  }
  if (errno != ENOENT) fail_to_make(path, "stat");
  std::vector<std::string> notes;
  if (resume) notes.push_back(path + " does not exist; starting at step 0");
  try {
    return create(path, std::move(notes), system);
  } catch (const InUseError&) {  // another process was faster
    return reopen(path, resume, system);
  }
}

RunFolder RunFolder::create(const std::string& path, std::vector<std::string> notes, System& system) {
  make_parents(path, system);
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  remove_stale_folders(parent.empty() ? "." : parent, system);
  std::string temporary;
  for (int i = 0;; ++i) {
    temporary = parent + new_folder + number_text(getpid()) + "-" + number_text(i) + new_folder_end;
    if (system.mkdirat(AT_FDCWD, temporary.c_str(), 0777) == 0) break;
    if (errno != EEXIST || i > 1000) fail_to_make(path, "mkdir");
  }
  const auto remove_temporary = [&] {
    const int saved = errno;
    system.unlinkat(AT_FDCWD, (temporary + "/" + lock_name).c_str(), 0);
    system.unlinkat(AT_FDCWD, temporary.c_str(), AT_REMOVEDIR);
    errno = saved;
  };
  try {
    auto lock = std::make_unique<Lock>(system);
    Folder folder(temporary, system);
    if (!lock->take(folder, O_CREAT)) throw IoError(folder.path_of(lock_name) + ": flock: held by another process");
    lock->sign(folder);
    if (system.renameat_new(AT_FDCWD, temporary.c_str(), path.c_str()) == 0) {
      folder.set_path(path);
      return RunFolder(std::move(folder), std::move(lock), Opened::fresh, std::move(notes));
    }
    if (errno == EEXIST || errno == ENOTEMPTY) throw InUseError(path);
    if (errno != EINVAL && errno != ENOSYS) fail_to_make(path, "rename");
    // On a file system without exclusive renames mkdir decides who is first, and the other process may see the folder unsigned.
    if (system.mkdirat(AT_FDCWD, path.c_str(), 0777) != 0) {
      if (errno == EEXIST) throw InUseError(path);
      fail_to_make(path, "mkdir");
    }
    Folder final_folder(path, system);
    auto final_lock = std::make_unique<Lock>(system);
    if (!final_lock->take(final_folder, O_CREAT)) throw InUseError(path);
    final_lock->sign(final_folder);
    remove_temporary();
    return RunFolder(std::move(final_folder), std::move(final_lock), Opened::fresh, std::move(notes));
  } catch (...) {
    remove_temporary();
    throw;
  }
}

RunFolder RunFolder::reopen(const std::string& path, bool resume, System& system) {
  Folder folder(path, system);
  bool found = folder.contains(lock_name);
  if (!found && !std::filesystem::is_empty(path)) {
    found = folder.contains(lock_name);  // another process may have taken the empty folder just now
    const bool copied = !found && holds_records(path);
    if (copied && !resume) refuse_existing(path, state_of(folder));
    if (!found && !copied && !resume)
      throw InUseError(path + " exists already and is neither empty nor a run of brink; choose another --out");
    if (!found && !copied)
      throw UsageError(path + ": --resume: expected the folder of a run, or an empty one, found other files");
  }
  auto lock = std::make_unique<Lock>(system);
  if (!lock->take(folder, found && !resume ? 0 : O_CREAT))
    throw InUseError(path + " is in use by " + wait_for_owner(lock->file).text());
  // A folder with only an unsigned lock: another process may have made it a moment ago, and will then find us here.
  if (!resume && holds_only_lock(path) && read_owner(lock->file).pid == 0) {
    lock->sign(folder);
    return RunFolder(std::move(folder), std::move(lock), Opened::fresh, {});
  }

  const Opened found_state = state_of(folder);
  const Owner before = read_owner(lock->file);
  if (!resume) refuse_existing(path, found_state);
  const bool over = is_over(found_state);
  std::vector<std::string> notes;
  const RunSummary left = read_summary(path);
  if (!over && left.is_over())
    notes.push_back(path + " was " + left.status + ", but is no longer whole: " + lost_rows(left, path) +
                    "; what is missing is computed again");
  if (before.pid > 0) notes.push_back("the lock of " + before.text() + " is stale: that run ended without finishing");
  lock->sign(folder);
  if (over)
    notes.push_back(nothing_left(path, found_state));
  else
    folder.remove_stale_temporaries(whole_files);
  return RunFolder(std::move(folder), std::move(lock), found_state, std::move(notes));
}

RunFolder::Opened RunFolder::state_of(const Folder& folder) {
  const RunSummary left = read_summary(folder.path());
  if (!left.is_over() || !lost_rows(left, folder.path()).empty()) return Opened::unfinished;
  return left.status == "finished" ? Opened::finished : Opened::diverged;
}

RunFolder::Opened RunFolder::look(const std::string& path) {
  struct stat status {};
  if (stat((path + "/" + lock_name).c_str(), &status) != 0 && !holds_records(path)) return Opened::fresh;
  return state_of(Folder(path));
}

std::string RunFolder::nothing_left(const std::string& path, Opened state) {
  return path + (state == Opened::finished ? " is finished" : " is diverged") + "; nothing is left to do";
}

bool RunFolder::is_in_use(const std::string& path) {
  try {
    const Folder folder(path);
    const int file = ::openat(folder.descriptor(), lock_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    const Owner owner = read_owner(file);
    ::close(file);
    // A lock is only tried where the process cannot be asked for: while it is tried, nobody else can take it.
    if (owner.pid <= 0) return false;
    if (owner.host == host_name()) return !is_dead(owner.pid) && is_locked(folder.descriptor(), lock_name);
    return is_locked(folder.descriptor(), lock_name);
  } catch (const Error&) { return false; }
}

void RunFolder::require_in_place() const {
  struct stat named {
  }, open{};
  const bool there = stat(path().c_str(), &named) == 0;
  if (fstat(folder_.descriptor(), &open) != 0 || (there && named.st_ino == open.st_ino && named.st_dev == open.st_dev))
    return;
  throw IoError(path() + (there ? ": another folder has taken its place" : ": the run folder was deleted or moved") +
                " while the run was writing into it; put it back and continue with --resume");
}

void RunFolder::require_same_config(const std::string& path, const Config& config) {
  const std::string file = path + "/config.toml";
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return;
  const Config recorded = load_config({file, {}, {}});
  const std::string expected = path + ": --resume: expected the settings with which the run began, found others: ";
  if (const auto differing = differing_settings(config, recorded); !differing.empty())
    throw UsageError(expected + fmt::format("{}", fmt::join(differing, ", ")) +
                     "; leave them out, or choose another --out");
  if (const std::string edited = other_settings(read_summary(path), recorded); !edited.empty())
    throw UsageError(expected + edited + "; " + file +
                     " was changed: restore it, or begin a run of these settings with `brink train " + file +
                     "` and another --out");
}

}  // namespace brink
