// SPDX-License-Identifier: MIT
// What the values of options are checked against. A refusal says what was expected and what was found; --help shows no trace of it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace brink {

constexpr std::int64_t any_integer = std::numeric_limits<std::int64_t>::max();

/// `what`: "a step", for messages. The value is written as usual in decimal, since CLI11 takes 010 for eight.
CLI::Validator integer(std::string_view what, std::int64_t lowest, std::int64_t highest = any_integer);

enum class Reals { any, not_negative, positive };
/// A finite number.
CLI::Validator real(Reals);

/// One of some words.
CLI::Validator one_of(std::vector<std::string_view> words);

}  // namespace brink
