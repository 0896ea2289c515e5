// SPDX-License-Identifier: MIT
// What it is: `brink verify`: options only. What it is not: the checks.
#include "tools/brink/command.h"

namespace brink {

void add_verify(CLI::App& app, ExitCode&) {
  CLI::App* sub = app.add_subcommand("verify", "Check this brink against closed forms, and against reference values");
  sub->callback([] { throw std::logic_error("brink::verify(…) goes here"); });
}

}  // namespace brink
