// SPDX-License-Identifier: MIT
// `brink train` up to the training itself: options, config, data, folder. The run is in training/run/train.h.
// All errors in a config or the data are found before a folder is made.
#include <filesystem>

#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/utf8.h"
#include "training/replay/fork.h"
#include "training/run/config.h"
#include "training/run/folder.h"
#include "training/run/plan_in_words.h"
#include "training/run/train.h"

namespace brink {

namespace {

struct Arguments {
  ConfigSources sources;
  std::string out, trace, nvtx;
  bool resume = false, dry_run = false, quiet = false;
};

ExitCode run_training(Arguments o) {
  require_utf8("--out", o.out);
  // A resumed run without a config on the command line uses its own.
  std::error_code ignored;
  const bool own =
      o.resume && !o.out.empty() && o.sources.file.empty() && std::filesystem::exists(o.out + "/config.toml", ignored);
  if (o.resume && !o.out.empty() && !own && o.sources.file.empty() && o.sources.sets.empty())
    throw UsageError(
        o.out +
        ": --resume: there is no such run: expected a folder with config.toml, or the settings of a new run, "
        "CONFIG.toml or --set; check --out");
  if (own) o.sources.file = o.out + "/config.toml";
  const Config config = load_config(o.sources);
  const std::string folder = o.out.empty() ? default_folder(config) : o.out;
  if (o.dry_run) {
    standard_output().exact("# would train into " + folder + "\n");
    for (const std::string& line : plan_in_words(config)) standard_output().line("# " + line);
    standard_output().exact(to_toml(config));
    return ExitCode::done;
  }
  Console& out = o.quiet ? quiet_output() : standard_output();
  announce_arithmetic();
  const Ranges ranges = o.nvtx.empty() ? Ranges::none : o.nvtx == "nodes" ? Ranges::nodes : Ranges::phases;
  const TrainOptions options{folder, o.resume, o.trace, ranges};
  const bool over = o.resume && RunFolder::is_over(RunFolder::look(folder));
  const ExitCode code = config.fork ? train_fork(config, options, out) : brink::train(config, options, out);
  try {
    report_on(folder, out);
  } catch (const IoError& e) {
    if (!over) throw;
    out.note(std::string(e.what()) + "; the report was not made again");
  }
  return code;
}

}  // namespace

void add_train(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub =
      app.add_subcommand("train", "Train a network and measure the ends of its Hessian's spectrum at every step");
  sub->add_option("CONFIG.toml", o->sources.file,
                  "Settings file; without one, brink runs the main job: an MLP on generated data")
      ->check(not_empty);
  add_set(*sub, o->sources.sets, "key=value, overrides the config; repeatable");
  sub->add_option("--out", o->out,
                  "New or empty folder for the run (default: runs/DATA-MODEL-HASH with a hash of the settings)")
      ->type_name("DIR")
      ->check(not_empty);
  sub->add_flag("--resume", o->resume, "Continue a run; a finished one is not changed");
  sub->add_flag("--dry-run", o->dry_run, "Print the folder, the plan in words and the resolved settings, and stop");
  sub->add_flag("--quiet", o->quiet, "Print warnings only, on standard error");
  sub->add_option("--trace", o->trace, "Write a trace of all threads and of the GPU; open it in ui.perfetto.dev")
      ->type_name("FILE")
      ->check(not_empty)
      ->group("Profiling");
  sub->add_option("--nvtx", o->nvtx,
                  "Ranges for NVIDIA's profilers (tools/profile): phases of a step only, or graph nodes too")
      ->type_name("phases|nodes")
      ->check(one_of({"phases", "nodes"}))
      ->group("Profiling");
  add_run_flags(*sub, o->sources.flags);
  sub->callback([o, &code] { code = run_training(*o); });
}

}  // namespace brink
