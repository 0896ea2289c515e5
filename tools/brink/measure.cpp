// SPDX-License-Identifier: MIT
// `brink measure`: its options. The work is in training/replay/measure.h.
#include "training/replay/measure.h"
#include "tools/brink/command.h"

namespace brink {

namespace {

struct Arguments {
  ReplayArguments replay;
  std::string steps;
};

ExitCode run_measure(const Arguments& o) {
  const MeasureOptions options{o.replay.run, parse_steps(o.steps), o.replay.sets, o.replay.flags};
  Console& out = o.replay.begin();
  out.line(measure_run(options, out));
  return ExitCode::done;
}

}  // namespace

void add_measure(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub = app.add_subcommand("measure", "Add measurements to a run by computing its steps again, exactly");
  add_replay(*sub, o->replay, "The run folder; its own files are not changed",
             "key=value of [measure]: what is measured; repeatable");
  sub->add_option("--steps", o->steps, "The steps to measure, both included; EVERY: only each so many of them")
      ->type_name("FIRST:LAST[:EVERY]")
      ->required();
  sub->footer(
      "Writes RUN/measured/HASH.csv with the new columns, and HASH.json, which says what they are. All other columns "
      "are\n"
      "compared with metrics.csv, and a difference ends the command with exit code 1 and the step and column.");
  sub->callback([o, &code] { code = run_measure(*o); });
}

}  // namespace brink
