// SPDX-License-Identifier: MIT
#include "training/available_memory.h"

#include <unistd.h>

#include <algorithm>

#include "kernels/control_groups.h"

namespace brink {

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
  // Version 1 has another name for the total that includes a group's children.
  const auto total = memory_entry(statistics, "total_inactive_file");
  const std::int64_t cache = total ? *total : memory_entry(statistics, "inactive_file").value_or(0);
  return std::max<std::int64_t>(0, *most - *taken + std::min(cache, *taken));
}

std::int64_t available_memory_bytes(const std::filesystem::path& root) {
  const auto machine = memory_entry(text_of_system_file(root / "proc/meminfo"), "MemAvailable");
  std::int64_t least =
      machine ? *machine
              : static_cast<std::int64_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  for_control_groups(root, "memory", [&](const std::filesystem::path& folder, int version) {
    const auto text = [&](const char* file) { return text_of_system_file(folder / file); };
    const auto room =
        group_room_bytes(text(version == 2 ? "memory.max" : "memory.limit_in_bytes"),
                         text(version == 2 ? "memory.current" : "memory.usage_in_bytes"), text("memory.stat"));
    if (room) least = std::min(least, *room);
  });
  return least;
}

}  // namespace brink
