// SPDX-License-Identifier: MIT
// TOML values as the values of options and back, and what is said of a value that is not accepted.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/options.h"

namespace brink::config {

/// What is wrong with a value, or nothing.
using Problem = std::optional<std::string>;

/// "the string \"fast\"", "the float 0.5", "an array"
std::string describe(const toml::node&);
/// As TOML writes it, quotes and escapes included.
std::string quote(std::string_view);
/// As TOML writes a float: shortest, with a point.
std::string real_text(double);
/// As TOML writes it.
std::string text_of(const OptionValue&);

/// "expected an integer, got the string \"fast\""
std::string expected(std::string_view what, const toml::node& got);
/// "\"a\", \"b\" or \"c\""
std::string one_of(std::span<const std::string_view>);
/// Integers count as real numbers.
std::optional<double> as_real(const toml::node&);

/// Reads a value of the option's type and checks it.
Problem read(const Option&, const toml::node&, OptionValue& out);

}  // namespace brink::config
