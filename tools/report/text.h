// SPDX-License-Identifier: MIT
// Strings for the page: escaped text, and numbers as a person reads them, independent of the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brink::report {

/// Text made safe for element content and quoted attributes, in HTML and XML. Invalid UTF-8 and control characters that
/// XML forbids become U+FFFD.
std::string escaped(std::string_view text);

/// Shortest decimal that reads back; "nan", "inf", "-inf".
std::string shortest(double x);
/// `decimals` digits after the point.
std::string fixed(double x, int decimals);
/// `digits` significant digits without trailing zeros, plain ASCII ("1.2e-05"): for data that a program reads.
std::string rounded(double x, int digits);
/// `digits` significant digits for a reader: "0.0123", "−4.1", "1.2×10⁻⁵", "not finite".
std::string readable(double x, int digits = 3);
/// At most five significant digits without trailing zeros: "0.1", "1234.5", "6.6667×10⁻⁵".
std::string concise(double x);
/// A share as "97.3 %"; a number outside 0 to 1 as concise() writes it.
std::string share_text(double x);
/// "97.3 %"; 100 % is printed only where part = whole, and 0 % only where part = 0.
std::string percent(double part, double whole);
/// "every step", "every 2nd step", "every 10th step".
std::string every_nth(std::int64_t n, std::string_view of = "step");
/// "1 step", "2 steps".
std::string counted(std::int64_t n, std::string_view singular, std::string_view plural);
/// "−5" and "10⁻⁵" for axes.
std::string power_of_ten(int exponent);

}  // namespace brink::report
