// SPDX-License-Identifier: MIT
// Reads the limits that Linux control groups (versions 1 and 2) and /proc set for this process. Files are read when a function is
// called, and nothing is kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace brink {

/// The whole text; empty where there is no such file. For /proc and /sys, whose files state no length.
std::string text_of_system_file(const std::filesystem::path&);

/// Calls each(line) for every line of the text.
void for_lines(std::string_view text, const std::function<void(std::string_view)>& each);

/// The non-negative integer at the start of the text, after spaces; nothing where there is none or it is too large.
std::optional<std::int64_t> leading_number(std::string_view text);

/// Calls visit(folder, version) for the folder of every control group that holds this process, from its own group up to the root of
/// the mount, for one controller ("memory", "cpu"). A container may see its own group as the root of the mount. A folder may be absent.
/// `root`: where /proc and /sys are.
void for_control_groups(const std::filesystem::path& root, std::string_view controller,
                        const std::function<void(const std::filesystem::path& folder, int version)>& visit);

/// The number of cores that a quota allows: quota/period. Nothing where there is no limit ("max", −1), the period is 0, or a text
/// cannot be read.
std::optional<double> quota_cores(std::string_view quota, std::string_view period);

/// The smallest CPU quota of the control groups that hold this process, in cores; nothing where none has a quota.
std::optional<double> least_quota_cores(const std::filesystem::path& root = "/");

}  // namespace brink
