// SPDX-License-Identifier: MIT
// A System that records what it does to a folder, and makes the states in which a loss of power may leave that folder.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/training/temporary_folder.h"
#include "training/io/system.h"

namespace brink::test {

/// Files are known by number, folders by their path below the root. What was written to a file and not synced may be there, in
/// part, or not at all; the same holds for names that were made, changed or removed in a folder and not synced.
class TracedSystem final : public System {
 public:
  /// syncs: whether fsync counts; without, nothing is ever safe.
  explicit TracedSystem(std::string root, bool syncs = true) : root_(std::move(root)), syncs_(syncs) {}
  std::size_t operations() const { return log_.size(); }
  /// The names that are safe in a folder before operation `at`.
  std::vector<std::string> safe_names(const std::string& folder, std::size_t at) const {
    std::vector<std::string> out;
    State state = make(at, [] { return 0.0; });
    for (const auto& [name, file] : state.names[folder]) out.push_back(name);
    return out;
  }

  int openat(int folder, const char* name, int flags, mode_t mode) override {
    const std::optional<std::string> path = below(folder, name);
    struct stat before {};
    const bool there = fstatat(folder, name, &before, 0) == 0;
    const int file = System::openat(folder, name, flags, mode);
    if (file < 0 || !path) return file;
    if ((flags & O_DIRECTORY) != 0) {
      folders_[file] = *path;
      return file;
    }
    if (!there) names_now_[*path] = ++files_, log_.push_back({Kind::name, files_, folder_of(*path), name_of(*path)});
    open_[file] = names_now_.at(*path);
    return file;
  }
  ssize_t write(int file, const void* data, std::size_t bytes) override {
    const off_t at = lseek(file, 0, SEEK_CUR);
    const ssize_t n = System::write(file, data, bytes);
    if (n > 0 && open_.contains(file))
      log_.push_back({Kind::write,
                      open_[file],
                      {},
                      {},
                      {static_cast<const char*>(data), static_cast<std::size_t>(n)},
                      static_cast<std::size_t>(at)});
    return n;
  }
  int ftruncate(int file, off_t bytes) override {
    if (open_.contains(file))
      log_.push_back({Kind::truncate, open_[file], {}, {}, {}, static_cast<std::size_t>(bytes)});
    return System::ftruncate(file, bytes);
  }
  int fsync(int file) override {
    if (syncs_ && open_.contains(file)) log_.push_back({Kind::sync, open_[file]});
    if (syncs_ && folders_.contains(file)) log_.push_back({Kind::sync_folder, 0, folders_[file]});
    return 0;
  }
  int close(int file) override {
    open_.erase(file);
    folders_.erase(file);
    return System::close(file);
  }
  int renameat(int folder, const char* from, const char* to) override {
    if (const auto a = below(folder, from), b = below(folder, to); a && b) {
      const int file = names_now_[*b] = names_now_.at(*a);
      names_now_.erase(*a);
      log_.push_back({Kind::rename, file, folder_of(*a), name_of(*a), name_of(*b)});
    }
    return System::renameat(folder, from, to);
  }
  int unlinkat(int folder, const char* name, int flags) override {
    if (const auto path = below(folder, name); path && names_now_.erase(*path) > 0)
      log_.push_back({Kind::remove, 0, folder_of(*path), name_of(*path)});
    return System::unlinkat(folder, name, flags);
  }
  int mkdirat(int folder, const char* name, mode_t mode) override {
    const int result = System::mkdirat(folder, name, mode);
    if (auto path = below(folder, name); path && result == 0) {
      path->pop_back();  // the slash
      log_.push_back({Kind::folder, 0, folder_of(*path), name_of(*path)});
    }
    return result;
  }

  /// Writes a state into `to`, as if the power had failed before operation `at`. chance: numbers from 0 to 1.
  void crash(std::size_t at, const std::function<double()>& chance, const std::string& to) const {
    State state = make(at, chance);
    std::filesystem::create_directories(to);
    for (const auto& [folder, files] : state.names) {
      if (!folder.empty() && !state.folders.contains(folder)) continue;
      std::filesystem::create_directories(to + "/" + folder);
      for (const auto& [name, file] : files) write_text(to + "/" + folder + "/" + name, state.contents[file]);
    }
  }

 private:
  enum class Kind { name, write, truncate, sync, sync_folder, rename, remove, folder };
  struct Operation {
    Kind kind;
    int file = 0;
    std::string folder = {}, name = {}, text = {};  // text: what is written, or the new name
    std::size_t offset = 0;
  };
  struct State {
    std::map<int, std::string> contents;
    std::map<std::string, std::map<std::string, int>> names;
    std::map<std::string, bool> folders;
  };

  static std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/') + 1); }
  static std::string name_of(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }
  /// The path below the root, folders with a slash at their end; nothing if it is elsewhere.
  std::optional<std::string> below(int folder, const std::string& name) const {
    std::string path = name;
    if (folder != AT_FDCWD) {
      const auto it = folders_.find(folder);
      if (it == folders_.end()) return {};
      path = root_ + "/" + it->second + name;
    }
    if (path == root_) return "";
    if (!path.starts_with(root_ + "/")) return {};
    path = path.substr(root_.size() + 1);
    return std::filesystem::is_directory(root_ + "/" + path) ? path + "/" : path;
  }
  static void apply(std::string& content, const Operation& o, std::size_t bytes) {
    if (o.kind == Kind::truncate) return content.resize(o.offset);
    if (content.size() < o.offset + bytes) content.resize(o.offset + bytes, '\0');
    content.replace(o.offset, bytes, o.text, 0, bytes);
  }
  static void apply(State& state, const Operation& o) {
    auto& names = state.names[o.folder];
    if (o.kind == Kind::name) names[o.name] = o.file;
    if (o.kind == Kind::rename) names.erase(o.name), names[o.text] = o.file;
    if (o.kind == Kind::remove) names.erase(o.name);
    if (o.kind == Kind::folder) state.folders[o.folder + o.name + "/"] = true;
  }
  State make(std::size_t at, const std::function<double()>& chance) const {
    State state;
    const auto later_sync = [&](std::size_t i, Kind kind) {
      for (std::size_t k = i + 1; k < at; ++k)
        if (log_[k].kind == kind &&
            (kind == Kind::sync ? log_[k].file == log_[i].file : log_[k].folder == log_[i].folder))
          return true;
      return false;
    };
    for (std::size_t i = 0; i < at; ++i) {
      const Operation& o = log_[i];
      if (o.kind == Kind::sync || o.kind == Kind::sync_folder) continue;
      if (o.kind == Kind::write || o.kind == Kind::truncate) {
        double part = later_sync(i, Kind::sync) ? 1 : 2 * chance();  // half of what is not safe is there as a whole
        if (part > 0.2)
          apply(state.contents[o.file], o,
                static_cast<std::size_t>(std::min(part, 1.0) * static_cast<double>(o.text.size())));
      } else if (later_sync(i, Kind::sync_folder) || chance() > 0.5) {
        apply(state, o);
      }
    }
    return state;
  }

  std::string root_;
  bool syncs_;
  int files_ = 0;
  std::map<int, int> open_;
  std::map<int, std::string> folders_;
  std::map<std::string, int> names_now_;
  std::vector<Operation> log_;
};

}  // namespace brink::test
