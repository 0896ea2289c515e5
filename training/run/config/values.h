// SPDX-License-Identifier: MIT
// Converts TOML values to values of options and back, and describes values that are not accepted.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/options.h"

namespace brink::config {

/// What is wrong with a value; empty if nothing is.
using Problem = std::optional<std::string>;

/// A text such as "the string \"fast\"", "the float 0.5", "an array".
std::string describe(const toml::node&);
/// The text as a TOML string, with quotes and escapes.
std::string quote(std::string_view);
/// The number as a TOML float: shortest, with a point.
std::string real_text(double);
/// The value as TOML.
std::string text_of(const OptionValue&);

/// A text such as "expected an integer, got the string \"fast\"".
std::string expected(std::string_view what, const toml::node& got);
/// A text such as "\"a\", \"b\" or \"c\"".
std::string one_of(std::span<const std::string_view>);
/// Integers count as real numbers.
std::optional<double> as_real(const toml::node&);

/// Reads a value of the option's type and checks it.
Problem read(const Option&, const toml::node&, OptionValue& out);

}  // namespace brink::config
