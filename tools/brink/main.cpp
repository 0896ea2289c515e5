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
#include "training/run/stop_signals.h"

namespace brink {

namespace {

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
  } catch (const CLI::ParseError& e) {
    std::string command = "brink";
    for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
    throw UsageError(std::string(e.what()) + " (`" + command + " --help` lists the options)");
  }
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
