// SPDX-License-Identifier: MIT
#include "kernels/control_groups.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace brink {

std::string text_of_system_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void for_lines(std::string_view text, const std::function<void(std::string_view)>& each) {
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

void for_control_groups(const std::filesystem::path& root, std::string_view controller,
                        const std::function<void(const std::filesystem::path& folder, int version)>& visit) {
  const std::filesystem::path mount = root / "sys/fs/cgroup";
  const std::string wanted = "," + std::string(controller) + ",";
  for_lines(text_of_system_file(root / "proc/self/cgroup"), [&](std::string_view line) {
    // "0::/group" in version 2, "4:memory,cpu:/group" in version 1.
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const int version = controllers.empty() ? 2 : 1;
    if (version == 1 && ("," + std::string(controllers) + ",").find(wanted) == std::string::npos) return;
    const std::filesystem::path top = version == 2 ? mount : mount / controller;
    for (std::filesystem::path at = std::filesystem::path(line.substr(second + 1)).relative_path();;
         at = at.parent_path()) {
      visit(at.empty() ? top : top / at, version);
      if (at.empty()) return;
    }
  });
}

std::optional<double> quota_cores(std::string_view quota, std::string_view period) {
  const auto time = leading_number(quota), every = leading_number(period);
  if (!time || !every || *every == 0) return {};
  return static_cast<double>(*time) / static_cast<double>(*every);
}

std::optional<double> least_quota_cores(const std::filesystem::path& root) {
  std::optional<double> least;
  for_control_groups(root, "cpu", [&](const std::filesystem::path& folder, int version) {
    std::optional<double> cores;
    if (version == 2) {  // "150000 100000"
      const std::string both = text_of_system_file(folder / "cpu.max");
      const std::size_t space = std::min(both.find(' '), both.size());
      cores = quota_cores(both.substr(0, space), both.substr(space));
    } else {
      cores = quota_cores(text_of_system_file(folder / "cpu.cfs_quota_us"),
                          text_of_system_file(folder / "cpu.cfs_period_us"));
    }
    if (cores) least = std::min(least.value_or(*cores), *cores);
  });
  return least;
}

}  // namespace brink
