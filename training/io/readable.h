// SPDX-License-Identifier: MIT
// Numbers for people, on the console; text.h writes what a program reads back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brink {

/// At most `digits` ≤ 5 significant digits, without trailing zeros; with an exponent if the number is large or small: "0.1",
/// "10.368", "1.9739e+66", "nan", "-inf".
std::string readable(double x, int digits = 5);
/// A text such as "812 bytes", "16.07 MiB", "1.5 TiB".
std::string readable_bytes(std::int64_t bytes);
/// A text such as "59 s", "1:05 min", "3:20 h", "12.5 days".
std::string readable_duration(double seconds);
/// A text such as "1 step", "2 steps". `plural` is needed if it is not the singular plus an s.
std::string counted(std::int64_t n, std::string_view singular, std::string_view plural = {});

}  // namespace brink
