// SPDX-License-Identifier: MIT
// What it is: how much more memory this process may take from the machine, as `--memory auto` asks. What it is not: a GPU's memory.
// Decision: the page cache counts as available, because the system gives it up; a control group's limit counts as the machine's end,
// because a process that crosses it is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace brink {

/// Bytes of "NAME: 123 kB" (/proc/meminfo) or "NAME 123" (memory.stat, in bytes); nothing where there is no such line.
std::optional<std::int64_t> memory_entry(std::string_view text, std::string_view name);

/// Bytes that a control group leaves: limit − used + inactive page cache, at least 0. Nothing where there is no limit ("max", or more
/// than 2⁶⁰ bytes) or a text cannot be read.
std::optional<std::int64_t> group_room_bytes(std::string_view limit, std::string_view used,
                                             std::string_view statistics);

/// The least of MemAvailable and what every control group above this process leaves, in versions 2 and 1; free pages where the system
/// says none of that. `root`: where /proc and /sys are.
std::int64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace brink
