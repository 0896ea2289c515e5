// SPDX-License-Identifier: MIT
#include "training/available_memory.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace brink {

namespace {

/// Calls each(line) for every line of the text.
template <class Each>
void for_lines(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<std::int64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::int64_t x = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), x).ec != std::errc{} || x < 0) return {};
  return x;
}

/// Empty where there is none. These files have no length, so that io/file.h does not read them.
std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct GroupFiles {
  const char *limit, *used;
};

/// The least room of the group and those above it. A container may see its own group as the root of the mount.
std::optional<std::int64_t> least_room(const std::filesystem::path& mount, std::string_view group,
                                       const GroupFiles& files) {
  std::optional<std::int64_t> least;
  for (std::filesystem::path at = std::filesystem::path(group).relative_path();; at = at.parent_path()) {
    const std::filesystem::path folder = at.empty() ? mount : mount / at;
    const auto room =
        group_room_bytes(text_of(folder / files.limit), text_of(folder / files.used), text_of(folder / "memory.stat"));
    if (room) least = std::min(least.value_or(*room), *room);
    if (at.empty()) return least;
  }
}

}  // namespace

std::optional<std::int64_t> memory_entry(std::string_view text, std::string_view name) {
  std::optional<std::int64_t> out;
  for_lines(text, [&](std::string_view line) {
    if (!line.starts_with(name)) return;
    line.remove_prefix(name.size());
    const bool kibibytes = line.ends_with(" kB");
    if (line.starts_with(kibibytes ? ':' : ' '))
      if (const auto x = leading_number(line.substr(1))) out = kibibytes ? *x * 1024 : *x;
  });
  return out;
}

std::optional<std::int64_t> group_room_bytes(std::string_view limit, std::string_view used,
                                             std::string_view statistics) {
  const auto most = leading_number(limit), taken = leading_number(used);
  if (!most || !taken || *most > std::int64_t{1} << 60) return {};
  // Version 1 counts a group's children under another name.
  const auto total = memory_entry(statistics, "total_inactive_file");
  const std::int64_t cache = total ? *total : memory_entry(statistics, "inactive_file").value_or(0);
  return std::max<std::int64_t>(0, *most - *taken + std::min(cache, *taken));
}

std::int64_t available_memory_bytes(const std::filesystem::path& root) {
  const auto machine = memory_entry(text_of(root / "proc/meminfo"), "MemAvailable");
  std::int64_t least =
      machine ? *machine
              : static_cast<std::int64_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  const std::filesystem::path mount = root / "sys/fs/cgroup";
  for_lines(text_of(root / "proc/self/cgroup"), [&](std::string_view line) {  // "0::/group", "4:memory,cpu:/group"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return;
    const std::string controllers = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const std::string_view group = line.substr(second + 1);
    std::optional<std::int64_t> room;
    if (controllers == ",,")
      room = least_room(mount, group, {"memory.max", "memory.current"});
    else if (controllers.find(",memory,") != std::string::npos)
      room = least_room(mount / "memory", group, {"memory.limit_in_bytes", "memory.usage_in_bytes"});
    if (room) least = std::min(least, *room);
  });
  return least;
}

}  // namespace brink
