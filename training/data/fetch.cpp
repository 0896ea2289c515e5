// SPDX-License-Identifier: MIT
#include "training/data/fetch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "training/data/gzip.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"

extern char** environ;

namespace brink {

namespace {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
};

struct Outcome {
  int status = 0;  // as waitpid returns it
  std::vector<std::byte> output;
  std::string said;
  bool too_much = false;
};

/// Runs a program without a shell; returns nothing if it does not exist.
std::optional<Outcome> run_program(const std::vector<std::string>& arguments, std::size_t largest_bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw IoError(system_message(arguments[0], "pipe"));
  Descriptor from(ends[0]), to(ends[1]);
  const Descriptor errors(memfd_create("said", MFD_CLOEXEC));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, to.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, errors.get(), 2);
  std::vector<char*> line;
  for (const std::string& a : arguments) line.push_back(const_cast<char*>(a.c_str()));
  line.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0].c_str(), &actions, nullptr, line.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT) return {};
  if (failed != 0) throw IoError(arguments[0] + ": spawn: " + std::generic_category().message(failed));
  to.close();

  Outcome out;
  std::vector<std::byte> piece(std::size_t{1} << 16);
  for (;;) {
    const ssize_t n = ::read(from.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.output.insert(out.output.end(), piece.begin(), piece.begin() + n);
    out.too_much = out.output.size() > largest_bytes;
    if (out.too_much) {
      kill(child, SIGKILL);
      break;
    }
  }
  while (waitpid(child, &out.status, 0) < 0 && errno == EINTR) {}
  std::array<char, 2000> text{};
  const ssize_t said = pread(errors.get(), text.data(), text.size(), 0);
  out.said.assign(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, said)));
  while (!out.said.empty() && out.said.back() == '\n') out.said.pop_back();
  std::ranges::replace(out.said, '\n', ' ');
  return out;
}

bool is_address(const std::string& text) {
  return std::ranges::any_of(std::array{"https://", "http://", "file:///"},
                             [&](const char* begin) { return text.starts_with(begin); });
}

std::string by_hand(const Collection& c, const std::string& directory) {
  std::string out = "; without a network, put these files into " + directory + ":";
  for (const std::string_view file : c.files) out += " " + std::string(file);
  out += " (from ";
  for (const std::string_view address : c.addresses)
    out += (address == c.addresses[0] ? "" : " or ") + std::string(address);
  return out + ")";
}

using Files = std::map<std::string, std::vector<std::byte>>;

/// The missing files of a collection, by name.
Files bring(const Collection& c, const std::string& address, const std::vector<std::string_view>& missing) {
  Files out;
  if (!address.ends_with(".gz")) {
    for (const std::string_view file : missing)
      out.emplace(file, download(address + (address.ends_with('/') ? "" : "/") + std::string(file), c.largest_bytes));
    return out;
  }
  const std::vector<std::byte> archive = unpack_gzip(address, download(address, c.largest_bytes), c.largest_bytes);
  const auto files = list_tar(address, archive);
  for (const std::string_view file : missing) {
    const auto found = files.find(std::string(file));
    if (found == files.end())
      throw DataError(address + ": expected " + std::string(file) + " in the archive, but it is missing");
    out.emplace(file, std::vector<std::byte>(found->second.begin(), found->second.end()));
  }
  return out;
}

/// Throws DataError where what was brought and what is in the folder are not the official records together.
void expect_official(const Collection& c, const std::string& directory, const Files& brought) {
  const FileBytes there = bytes_from(c, directory);
  const std::string remedy = brought.size() == c.files.size()
                                 ? ""
                                 : "; a file that is there is never replaced: remove the damaged one, or all of this "
                                   "set in " +
                                       directory + ", and fetch again";
  for (const Collection::Part& part : c.parts) try {
      const std::string found = checksum_of(part, [&](std::string_view file) {
        const auto it = brought.find(std::string(file));
        return it == brought.end() ? there(file) : NamedBytes{std::string(file) + " (fetched)", it->second};
      });
      if (found != part.checksum)
        throw DataError((brought.empty() ? directory : directory + ", with what was fetched") +
                        ": expected the official " + std::string(part.what) + " records (checksum " +
                        std::string(part.checksum) + "), found others (" + found + "); nothing was written");
    } catch (const DataError& e) { throw DataError(e.what() + remedy); }
}

/// The missing files, found official, from the mirror or else from the first address that has them. Throws what each address said.
Files obtain(const Collection& c, const std::string& directory, const std::string& mirror,
             const std::vector<std::string_view>& missing) {
  std::vector<std::string_view> addresses = c.addresses;
  if (!mirror.empty()) addresses = {mirror};
  std::string said;
  bool arrived = false;  // from the last address, though not official
  for (const std::string_view address : addresses) try {
      Files brought = bring(c, std::string(address), missing);
      expect_official(c, directory, brought);
      return brought;
    } catch (const Error& e) {
      arrived = e.code() == ExitCode::bad_data;
      if (const std::string message = e.what(); said.find(message) == std::string::npos)
        said += (said.empty() ? "" : "; ") + message;
    }
  if (arrived) throw DataError(said);
  throw IoError(said + by_hand(c, directory));
}

}  // namespace

std::vector<std::byte> download(const std::string& address, std::size_t largest_bytes) {
  if (!is_address(address))
    throw UsageError(address + ": expected an address that begins with https://, http:// or file:///");
  const std::string most = number_text(largest_bytes);
  const std::vector<std::string> programs[] = {
      {"curl", "-q", "--fail", "--silent", "--show-error", "--location", "--globoff", "--proto", "=http,https,file",
       "--connect-timeout", "30", "--speed-limit", "1000", "--speed-time", "60", "--url", address},
      {"wget", "--no-config", "--no-verbose", "--tries=1", "--timeout=60", "--output-document=-", "--", address}};
  for (const auto& program : programs) {
    std::optional<Outcome> r = run_program(program, largest_bytes);
    if (!r) continue;
    if (r->too_much) throw IoError(address + ": expected at most " + most + " bytes, found more");
    if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0) return std::move(r->output);
    throw IoError(address + ": " +
                  (r->said.empty() ? program[0] + " ended with status " + number_text(r->status) : r->said));
  }
  throw IoError(address + ": neither curl nor wget is installed");
}

std::vector<std::string> fetch_collection(const Collection& c, const std::string& directory, const std::string& mirror,
                                          System& system) {
  if (!mirror.empty() && !is_address(mirror))
    throw UsageError("--mirror " + mirror + ": expected an address that begins with https://, http:// or file:///");
  if (std::error_code ignored; std::filesystem::is_directory(directory, ignored)) {
    const std::vector<std::string> names(c.files.begin(), c.files.end());
    Folder(directory, system).remove_stale_temporaries(names);
  }
  std::vector<std::string_view> missing;
  for (const std::string_view file : c.files)
    if (!place_of(directory, file)) missing.push_back(file);

  const std::filesystem::path parent =
      (std::filesystem::absolute(directory) / "x").lexically_normal().parent_path().parent_path();
  if (std::error_code ignored; !std::filesystem::is_directory(parent, ignored))
    throw IoError(directory + ": expected a folder, or a new name in an existing folder");

  const Files brought = missing.empty() ? Files{} : obtain(c, directory, mirror, missing);
  if (missing.empty()) expect_official(c, directory, brought);
  std::vector<std::string> written;
  if (brought.empty()) return written;
  if (system.mkdirat(AT_FDCWD, directory.c_str(), 0777) != 0 && errno != EEXIST)
    throw IoError(system_message(directory, "mkdir"));
  const Folder folder(directory, system);
  for (const auto& [name, bytes] : brought) {
    const std::span<const std::byte> piece(bytes);
    folder.write_file(name, std::span(&piece, 1));
    written.push_back(folder.path_of(name));
  }
  return written;
}

}  // namespace brink
