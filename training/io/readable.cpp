// SPDX-License-Identifier: MIT
#include "training/io/readable.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cmath>

namespace brink {

std::string readable(double x, int digits) {
  assert(digits >= 1 && digits <= 5);
  if (std::isnan(x)) return "nan";  // its sign has no meaning
  return fmt::format("{:.{}g}", x, digits);
}

std::string readable_bytes(std::int64_t bytes) {
  if (bytes < 1024) return counted(bytes, "byte");
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (size >= 1023.5 && unit + 1 < units.size()) {  // four digits would show it as 1024
    size /= 1024;
    ++unit;
  }
  return readable(size, 4) + " " + units[unit];
}

std::string readable_duration(double seconds) {
  constexpr double minute = 60, hour = 60 * minute, day = 24 * hour;
  if (seconds >= 2 * day) return readable(seconds / day, 3) + " days";
  const auto whole = std::llround(seconds);
  if (seconds >= hour) return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
  return seconds >= minute ? fmt::format("{}:{:02} min", whole / 60, whole % 60) : fmt::format("{} s", whole);
}

std::string counted(std::int64_t n, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}{}", n, n == 1 || plural.empty() ? singular : plural, n == 1 || !plural.empty() ? "" : "s");
}

}  // namespace brink
