// SPDX-License-Identifier: MIT
// What all benchmark programs share: options, a report that describes the machine, its file, and the handling of errors.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/perf/harness.h"

namespace brink::bench {

/// --rounds and --turn-ms; the values of `turns` are the defaults.
void add_turns(CLI::App&, Turns& turns);

/// Adds --out, reads the options, lets `measure` fill the report and writes it as JSON. → main's status: CLI11's for a wrong
/// option; 1 for an error, with one line "NAME: what" on standard error, also if the file cannot be written.
int run_program(int argc, char** argv, CLI::App& app, const std::string& name,
                const std::function<void(nlohmann::json& report)>& measure);

}  // namespace brink::bench
