// SPDX-License-Identifier: MIT
// What it is: how main knows the subcommands. What it is not: what they do; each has a source of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "training/exit_codes.h"

namespace brink {

/// Each adds its subcommand, whose callback sets `code`. Errors leave as exceptions (training/errors.h).
void add_train(CLI::App&, ExitCode& code);
void add_verify(CLI::App&, ExitCode& code);
void add_report(CLI::App&, ExitCode& code);
void add_data(CLI::App&, ExitCode& code);
void add_info(CLI::App&, ExitCode& code);

/// For options that are names of files, folders or addresses: an empty text, such as a shell makes of an unset variable, is not taken
/// for an option that was not given.
inline const CLI::Validator not_empty{[](const std::string& text) {
                                        return text.empty() ? std::string("expected a name, found an empty text")
                                                            : std::string();
                                      },
                                      ""};

/// Puts the floating-point state right and says in one line each what was wrong and which code runs, where that is not the
/// usual one (promise B10). For commands that compute.
void announce_arithmetic();

}  // namespace brink
