// SPDX-License-Identifier: MIT
// `brink measure`: its options. The work is in training/replay/measure.h.
#include "training/replay/measure.h"
#include "tools/brink/command.h"

namespace brink {

namespace {

struct Arguments {
  MeasureOptions measure;
  std::string steps;
  bool quiet = false;
};

ExitCode run_measure(Arguments o) {
  o.measure.steps = parse_steps(o.steps);
  Console& out = o.quiet ? quiet_output() : standard_output();
  announce_arithmetic();
  out.line(measure_run(o.measure, out));
  return ExitCode::done;
}

}  // namespace

void add_measure(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub = app.add_subcommand("measure", "Add measurements to a run by computing its steps again, exactly");
  sub->add_option("RUN", o->measure.run, "The run folder; its own files are not changed")->required()->check(not_empty);
  sub->add_option("--steps", o->steps, "The steps to measure, both included; EVERY: only each so many of them")
      ->type_name("FIRST:LAST[:EVERY]")
      ->required();
  add_set(*sub, o->measure.sets, "key=value of [measure]: what is measured; repeatable");
  sub->add_flag("--quiet", o->quiet, "Print warnings only");
  add_run_flags(*sub, o->measure.flags);
  sub->footer(
      "Writes RUN/measured/HASH.csv with the new columns, and HASH.json, which says what they are. All other columns "
      "are\n"
      "compared with metrics.csv, and a difference ends the command with exit code 1 and the step and column.");
  sub->callback([o, &code] { code = run_measure(*o); });
}

}  // namespace brink
