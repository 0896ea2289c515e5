// SPDX-License-Identifier: MIT
// `brink fork`: its options. The fork itself is in training/replay/fork.h.
#include "training/replay/fork.h"
#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "training/errors.h"
#include "training/io/utf8.h"

namespace brink {

namespace {

struct Arguments {
  ReplayArguments replay;
  ForkOptions fork;
};

ExitCode run_fork(Arguments o, const CLI::App& given) {
  require_utf8("--out", o.fork.folder);
  o.fork.parent = o.replay.run;
  o.fork.sets = o.replay.sets;
  o.fork.flags = o.replay.flags;
  Console& out = o.replay.begin();
  if (given.count("--at") + given.count("--before-resolution") != 1 ||
      given.count("--before-resolution") != given.count("--instability"))
    throw UsageError("fork: expected --at STEP, or --before-resolution STEPS with --instability NUMBER");
  const Forked forked = fork_run(o.fork, out);
  report_on(forked.folder, out);
  return forked.code;
}

}  // namespace

void add_fork(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub = app.add_subcommand("fork", "Begin a new run from a step of another one, with other settings");
  add_replay(*sub, o->replay, "The run folder that is forked; nothing in it is changed",
             "key=value of [training], [measure], [events] or [run]: what the fork changes; repeatable");
  sub->add_option("--at", o->fork.at, "The first step of the fork, under its own settings")
      ->type_name("STEP")
      ->check(integer("a step", 0));
  sub->add_option("--before-resolution", o->fork.before_resolution,
                  "In place of --at: so many steps before an instability of RUN ends; give --instability too")
      ->type_name("STEPS")
      ->check(integer("a number of steps", 1));
  sub->add_option("--instability", o->fork.instability, "Which one: 1 is the first row of RUN's events.csv")
      ->type_name("NUMBER")
      ->check(integer("the number of an instability", 1));
  sub->add_option("--out", o->fork.folder,
                  "New or empty folder for the fork (default: runs/DATA-MODEL-HASH with a hash of the settings)")
      ->type_name("DIR")
      ->check(not_empty);
  sub->footer(
      "The steps of RUN from its newest good checkpoint up to STEP are computed again, exactly, and compared with its\n"
      "rows. What is not set stays as in RUN, and so does training.steps, the step at which the fork ends. Without\n"
      "--set the rows of the fork are those of RUN, byte for byte.");
  sub->callback([o, sub, &code] { code = run_fork(*o, *sub); });
}

}  // namespace brink
