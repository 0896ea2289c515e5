// SPDX-License-Identifier: MIT
// How much more memory of the machine this process may take, for `--memory auto`. A GPU's memory is not included.
// The page cache counts as available, because the system gives it up. A control group's limit counts as the end of memory,
// because a process that exceeds it is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace brink {

/// The bytes in "NAME: 123 kB" (/proc/meminfo) or "NAME 123" (memory.stat, in bytes); nothing if there is no such line.
std::optional<std::int64_t> memory_entry(std::string_view text, std::string_view name);

/// The bytes that a control group leaves: limit − used + inactive page cache, at least 0. Nothing if there is no limit ("max",
/// or more than 2⁶⁰ bytes) or a text cannot be read.
std::optional<std::int64_t> group_room_bytes(std::string_view limit, std::string_view used,
                                             std::string_view statistics);

/// The smallest of MemAvailable and what each control group of this process leaves, in versions 2 and 1; free pages where the
/// system states none of these. `root` is put before /proc and /sys.
std::int64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace brink
