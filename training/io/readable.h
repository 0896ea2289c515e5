// SPDX-License-Identifier: MIT
// Numbers as people read them on the console; what a program reads back is written by text.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brink {

/// At most `digits` significant digits, without trailing zeros; an exponent where the number is large or small: "0.1", "10.368",
/// "1.9739e+66", "nan", "-inf". digits ≤ 5.
std::string readable(double x, int digits = 5);
/// "812 bytes", "16.07 MiB", "1.5 TiB".
std::string readable_bytes(std::int64_t bytes);
/// "1 step", "2 steps". A plural that is not the singular and an s is given.
std::string counted(std::int64_t n, std::string_view singular, std::string_view plural = {});

}  // namespace brink
