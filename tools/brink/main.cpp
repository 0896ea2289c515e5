// SPDX-License-Identifier: MIT
// The `brink` command; the work is in the subcommands' sources.
// The locale is never set, so numbers are written and read in one way. All ways out of the program pass through here.
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "tools/brink/command.h"
#include "training/build_info.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/file.h"
#include "training/run/config/hints.h"
#include "training/run/stop_signals.h"

namespace brink {

namespace {

/// What is wrong with a command line: where a command is missing, which word stands in its place and which commands there are.
std::string message_of(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  std::string command = "brink";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  const std::string help = command + " --help";
  if (at->get_require_subcommand_min() == 0) {
    std::string said = error.what();
    if (error.get_name() == "ArgumentMismatch" && said.ends_with("missing"))
      said = said.substr(0, said.find(':')) + ": expected a value, found none";
    return said + " (`" + help + "` lists the options)";
  }
  std::vector<std::string> names;
  for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  const std::vector<std::string> found = at->remaining();
  std::string out = "expected a command after `" + command + "`";
  if (!found.empty() && !found[0].starts_with('-'))
    out = "there is no command `" + command + " " + found[0] + "`" + config::nearest_name(names, found[0]);
  else if (!found.empty())
    out += ", found " + found[0];
  out += "; the commands are ";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return out + " (`" + help + "` explains them)";
}

ExitCode run(int argc, char** argv) {
  ExitCode code = ExitCode::done;
  CLI::App app(
      "Full-batch gradient descent at the edge of stability, the same bits on every machine, with certified\n"
      "eigenvalues of the Hessian.",
      "brink");
  app.set_version_flag("--version", "brink " + std::string(build_info().version));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 a check did not hold, 2 usage or config, 3 bad data, 4 input or output, 5 diverged,\n"
      "6 device, 70 internal error, 73 folder in use, 75 interrupted and resumable.\n"
      "`brink COMMAND --help` explains each command.");
  add_train(app, code);
  add_sweep(app, code);
  add_verify(app, code);
  add_fork(app, code);
  add_measure(app, code);
  add_spectrum(app, code);
  add_report(app, code);
  add_walk(app, code);
  add_data(app, code);
  add_info(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    std::ostringstream out, error;
    app.exit(e, out, error);
    standard_output().print(out.str());
  } catch (const CLI::ParseError& e) { throw UsageError(message_of(app, e)); }
  if (const int error = standard_output().failed(); error != 0 && code == ExitCode::done)
    throw IoError("standard output: write: " + std::generic_category().message(error));
  return code;
}

}  // namespace

}  // namespace brink

int main(int argc, char** argv) {
  brink::prepare_process();
  brink::remove_unfinished_on_signals();
  brink::StopSignals::keep_until_exit();
  try {
    return static_cast<int>(brink::run(argc, argv));
  } catch (...) {
    const brink::Failure failure = brink::current_failure();
    brink::standard_error().line("brink: " + failure.message);
    return static_cast<int>(failure.code);
  }
}
