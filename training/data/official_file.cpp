// SPDX-License-Identifier: MIT
#include "training/data/official_file.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "training/errors.h"

namespace brink {

namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Lower case, without what mirrors and browsers change: "train-images.idx3-ubyte (1).gz" begins with "trainimagesidx3ubyte".
std::string core_of(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

std::string_view without(std::string_view name, std::string_view ending) {
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
}

/// "; found …": a file or a folder in `directory` that may be meant.
std::string remedy_for_missing(const std::string& directory, std::string_view file) {
  const std::string wanted = core_of(without(without(file, ".gz"), ".bin"));
  std::vector<std::string> entries;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) entries.push_back(entry.path().string());
  std::ranges::sort(entries);
  for (const std::string& path : entries) {
    if (fs::is_directory(path, ignored) || !core_of(fs::path(path).filename().string()).starts_with(wanted)) continue;
    if (file.ends_with(".bin") && fs::path(path).extension().empty())
      return "; found " + path + ", as in the Python version of this set: fetch the binary version";
    return "; found " + path + ": if that is the file, rename it";
  }
  for (const std::string& path : entries)
    if (fs::is_directory(path, ignored) && place_of(path, file))
      return "; it is in " + path + ": name that folder in data.directory";
  for (const std::string& path : entries)
    if (path.ends_with(".tar.gz") || path.ends_with(".tgz") || path.ends_with(".zip"))
      return "; found the archive " + path + ": if the files are in it, unpack it there";
  return {};
}

}  // namespace

std::optional<std::string> place_of(const std::string& directory, std::string_view file) {
  std::string path = directory + "/" + std::string(file);
  if (exists(path)) return path;
  if (!path.ends_with(".gz")) return {};
  path.resize(path.size() - 3);
  if (exists(path)) return path;
  return {};
}

std::string find_file(const std::string& directory, std::string_view file) {
  if (const auto path = place_of(directory, file)) return *path;
  const std::string_view unpacked = without(file, ".gz");
  throw DataError(directory + "/" + std::string(unpacked) + ": expected this file" +
                  (unpacked == file ? ", found none" : ", or the same with .gz, found neither") +
                  remedy_for_missing(directory, file));
}

std::string remedy_for_contents(std::span<const std::byte> bytes) {
  if (bytes.empty()) return "; the file is empty: fetch it again";
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 512));
  for (const auto& [begin, what] : {std::pair<std::string_view, const char*>{"PK\x03\x04", "a zip archive"},
                                    {"\xFD"
                                     "7zXZ",
                                     "an xz archive"},
                                    {"BZh", "a bzip2 archive"},
                                    {"\x28\xB5\x2F\xFD", "a zstd archive"}})
    if (text.starts_with(begin)) return std::string("; this is ") + what + ": unpack it";
  if (text.starts_with("version https://git-lfs"))
    return "; this is a pointer of Git LFS and not the file itself: fetch it again, from its authors' address";
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
  if (text.starts_with('<')) return "; this is a web page saved under the file's name: fetch the file again";
  if (text.starts_with('{') || text.starts_with('['))
    return "; this is a server's answer in JSON saved under the file's name: fetch the file again";
  return {};
}

std::string remedy_for_packed(const std::string& path) {
  const std::string unpacked(without(path, ".gz"));
  if (unpacked == path || !exists(unpacked) || !exists(path)) return {};
  return "; " + unpacked + " is there as well and is read once the file with .gz is removed";
}

}  // namespace brink
