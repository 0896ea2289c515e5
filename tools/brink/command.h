// SPDX-License-Identifier: MIT
// The subcommands of brink, as main knows them; each has a source of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "training/exit_codes.h"
#include "training/io/console.h"

namespace brink {

/// Each adds its subcommand, whose callback sets `code`. Errors leave as exceptions (training/errors.h).
void add_train(CLI::App&, ExitCode& code);
void add_sweep(CLI::App&, ExitCode& code);
void add_verify(CLI::App&, ExitCode& code);
void add_fork(CLI::App&, ExitCode& code);
void add_measure(CLI::App&, ExitCode& code);
void add_spectrum(CLI::App&, ExitCode& code);
void add_report(CLI::App&, ExitCode& code);
void add_walk(CLI::App&, ExitCode& code);
void add_data(CLI::App&, ExitCode& code);
void add_info(CLI::App&, ExitCode& code);

/// For options that are names of files, folders or addresses. Refuses an empty text: a shell passes one for an unset variable,
/// and that is not the same as a missing option.
inline const CLI::Validator not_empty{[](const std::string& text) {
                                        return text.empty() ? std::string("expected a name, found an empty text")
                                                            : std::string();
                                      },
                                      ""};

/// What `brink fork`, `brink measure` and `brink spectrum` have in common: RUN, whose steps are computed again, --set, --quiet and the options of [run].
struct ReplayArguments {
  std::string run;
  std::vector<std::string> sets;
  std::vector<std::pair<std::string, std::string>> flags;
  bool quiet = false;

  /// Announces the arithmetic, and returns where to print.
  Console& begin() const;
};
/// run, set: the help of RUN and of --set.
void add_replay(CLI::App& sub, ReplayArguments&, const std::string& run, const std::string& set);

/// The option --set.
void add_set(CLI::App& sub, std::vector<std::string>& sets, const std::string& help);
/// An option for each key of [run] that has one, such as --threads.
void add_run_flags(CLI::App& sub, std::vector<std::pair<std::string, std::string>>& flags);
/// Draws the report of a run that has just ended, and says where it is.
void report_on(const std::string& folder, Console& out);

/// Corrects the floating-point state and says in one line each what was wrong and, if it is not the usual one, which code runs
/// (docs/promises.md, B10). For commands that compute.
void announce_arithmetic();

}  // namespace brink
