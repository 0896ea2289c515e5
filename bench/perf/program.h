// SPDX-License-Identifier: MIT
// What it is: what all benchmark programs share: options, a report that says what machine it is of, the file it goes to, the end of an
// error. What it is not: how anything is timed (harness.h).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/perf/harness.h"

namespace brink::bench {

/// --rounds and --turn-ms; the values of `turns` are the defaults.
void add_turns(CLI::App&, Turns& turns);

/// Adds --out, reads the options, lets `measure` fill the report and writes it as JSON. → main's status: of a wrong option
/// CLI11's, of an error 1, with one line "NAME: what" on standard error; a file that cannot be written is one.
int run_program(int argc, char** argv, CLI::App& app, const std::string& name,
                const std::function<void(nlohmann::json& report)>& measure);

}  // namespace brink::bench
