// SPDX-License-Identifier: MIT
// `brink sweep`: options and what is written; the runs themselves are in training/sweep.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernels/device.h"
#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "tools/sweep/slurm.h"
#include "tools/sweep/summary.h"
#include "training/available_memory.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/file.h"
#include "training/io/readable.h"
#include "training/io/text.h"
#include "training/io/utf8.h"
#include "training/sweep/folder.h"
#include "training/sweep/plan.h"
#include "training/sweep/progress.h"
#include "training/sweep/runner.h"

namespace brink {

namespace {

namespace fs = std::filesystem;
using sweep::Plan;
using sweep::Shard;

struct Arguments {
  std::string file, out, shard;
  std::vector<std::string> sets;
  std::int64_t jobs = 0, tasks = 0;
  bool slurm = false, dry_run = false;
};

constexpr std::int64_t most_default_tasks = 100;

Shard shard_of(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t slash = text.find('/');
  const auto index = parse_number<std::int64_t>(text.substr(0, slash)),
             count = slash == std::string::npos ? std::nullopt : parse_number<std::int64_t>(text.substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count)
    throw UsageError("--shard " + text + ": expected i/n with 1 ≤ i ≤ n, such as 2/3");
  return {*index, *count};
}

std::size_t tasks_of(const Plan& plan, const Shard& shard) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < plan.tasks(); ++i) out += shard.has(i);
  return out;
}

bool uses_gpu(const Plan& plan) {
  for (std::size_t i = 0; i < plan.tasks(); ++i)
    if (plan.first(i).config.run.device == Where::cuda) return true;
  return false;
}

/// How many runs at once, and what each may take.
sweep::RunnerOptions runner_options(const Arguments& o, const Plan& plan) {
  sweep::RunnerOptions out{.folder = o.out, .shard = shard_of(o.shard)};
  const bool gpu = uses_gpu(plan);
  const auto most = std::max<std::int64_t>(1, static_cast<std::int64_t>(tasks_of(plan, out.shard)));
  out.jobs = static_cast<int>(std::min(most, o.jobs > 0 ? o.jobs : gpu ? 1 : std::int64_t{available_threads()}));
  out.threads = available_threads();
  if (out.jobs == 1) return out;
  for (std::size_t i = 0; i < plan.tasks(); ++i)
    if (const Config& c = plan.first(i).config; c.run.device == Where::cuda && c.run.memory_bytes == 0)
      throw UsageError(
          "--jobs: with run.device = \"cuda\" and several jobs expected run.memory, the GPU memory of one run, found "
          "none");
  if (!gpu) out.memory_bytes = available_memory_bytes() / 4 * 3 / out.jobs;
  return out;
}

std::string word_of(sweep::State s) {
  switch (s) {
    case sweep::State::finished: return "finished";
    case sweep::State::diverged: return "diverged";
    case sweep::State::unfinished: return "unfinished";
    case sweep::State::other: return "other run";
    default: return "not run";
  }
}

void print_plan(const Plan& plan, const sweep::RunnerOptions& options) {
  std::string text =
      fmt::format("# would run into {}: {}, {} at a time\n", options.folder,
                  plan.searches() ? counted(static_cast<std::int64_t>(plan.tasks()), "search", "searches")
                                  : counted(static_cast<std::int64_t>(plan.tasks()), "run"),
                  options.jobs);
  for (const auto& listed : sweep::list_runs(plan, [&](const std::string& hash) {
         return sweep::state_of(sweep::folder_of(options.folder, hash), hash);
       }))
    if (options.shard.has(listed.task))
      text += fmt::format("{}  {:<10}  {}\n", listed.run.hash, word_of(listed.state), sweep::text_of(listed.run));
  standard_output().exact(text);
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw IoError(path + ": mkdir: " + error.message());
}

/// The list is written once more only if it has changed; runs that are no longer in it keep their folders.
void write_list(const Plan& plan, const std::string& folder) {
  const std::string path = folder + "/" + sweep::list_name, text = plan.json();
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    constexpr std::size_t largest_bytes = std::size_t{1} << 28;
    const auto bytes = read_file(path, largest_bytes);
    if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == text) return;
    standard_output().note(
        folder + ": the list of runs differs from that of the last sweep here; results are those of the new list");
  }
  write_file(path, text);
}

void write_slurm(const Arguments& o, const Plan& plan) {
  const auto tasks = static_cast<std::int64_t>(plan.tasks());
  sweep::SlurmJob job{.program = fs::read_symlink("/proc/self/exe").string(),
                      .file = fs::absolute(o.file).string(),
                      .folder = fs::absolute(o.out).lexically_normal().string()};
  while (job.folder.size() > 1 && job.folder.ends_with('/')) job.folder.pop_back();
  job.tasks = static_cast<std::size_t>(std::min(tasks, o.tasks > 0 ? o.tasks : most_default_tasks));
  if (o.jobs > 0) job.options = {"--jobs", number_text(o.jobs)};
  for (const std::string& set : o.sets) job.options.insert(job.options.end(), {"--set", set});
  const std::int64_t threads = std::max<std::int64_t>(1, plan.first(0).config.run.threads);
  job.processors = static_cast<int>(std::max<std::int64_t>(1, o.jobs) * threads);
  const std::string script = sweep::slurm_script(job), path = job.folder + "/sweep.sbatch";
  make_folder(job.folder + "/slurm");
  write_list(plan, job.folder);
  write_file(path, script);
  // Commands are copied, so no line is broken between words.
  standard_output().exact(
      fmt::format("{}\nsubmit it with: sbatch {}   ({}, each a shard of the {} runs)\n"
                  "afterwards: brink sweep {} --out {}   writes summary.csv and the report\n",
                  path, path, counted(static_cast<std::int64_t>(job.tasks), "task"), tasks, o.file, o.out));
}

ExitCode run_sweep(Arguments o) {
  require_utf8("--out", o.out);
  while (o.out.size() > 1 && o.out.ends_with('/')) o.out.pop_back();
  if (o.slurm && !o.shard.empty())
    throw UsageError("expected --slurm or --shard, got both; the script gives each task its shard");
  sweep::require_sweep_or_new(o.out);
  const Plan plan(o.file, o.sets);
  const sweep::RunnerOptions options = runner_options(o, plan);
  Console& out = standard_output();
  for (const std::string& note : plan.notes()) out.note(note);
  if (o.dry_run) return print_plan(plan, options), ExitCode::done;
  if (o.slurm) return write_slurm(o, plan), ExitCode::done;
  announce_arithmetic();
  for (const char* below : {"/configs", "/failed"}) make_folder(o.out + below);
  write_list(plan, o.out);

  sweep::SweepProgress progress(out);
  const std::size_t mine = tasks_of(plan, options.shard);
  progress.line(fmt::format("{}{}: {} at a time, {} in all",
                            counted(static_cast<std::int64_t>(mine), plan.searches() ? "search" : "run",
                                    plan.searches() ? "searches" : "runs"),
                            o.shard.empty() ? "" : fmt::format(" of {} (shard {})", plan.tasks(), o.shard),
                            options.jobs, counted(options.threads, "thread")));
  const sweep::Runner::Outcome outcome = sweep::Runner(plan, options, progress).run();
  for (const std::string& line : sweep::write_results(plan, o.out)) out.line(line);
  out.line(sweep::SweepProgress::text_of(outcome.counts));
  if (outcome.signal != 0 || outcome.interrupted > 0) return ExitCode::interrupted;
  return outcome.counts.failed > 0 ? ExitCode::check_failed : ExitCode::done;
}

}  // namespace

void add_sweep(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub = app.add_subcommand("sweep", "Train many runs that differ in some settings, several at a time");
  sub->add_option("SWEEP.toml", o->file, "Settings of all runs, and a table [sweep] with the keys that vary")
      ->required()
      ->check(not_empty);
  sub->add_option("--out", o->out, "Folder of the sweep: a folder for each run, summary.csv and report.html")
      ->type_name("DIR")
      ->required()
      ->check(not_empty);
  sub->add_option("--set", o->sets, "key=value for every run, overrides the file; repeatable")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  sub->add_option("--jobs", o->jobs, "Runs at a time (default: one for each thread of the machine; one on a GPU)")
      ->type_name("N")
      ->check(integer("a number of runs", 1, 1024));
  sub->add_option("--shard", o->shard, "Run only the i-th of n shares of the runs; summary.csv is of all of them")
      ->type_name("i/n");
  CLI::Option* slurm = sub->add_flag("--slurm", o->slurm, "Run nothing; write a job-array script for Slurm");
  sub->add_option("--tasks", o->tasks, "Tasks of the job array, each a shard (default: one for each run, at most 100)")
      ->type_name("N")
      ->check(integer("a number of tasks", 1, 100'000))
      ->needs(slurm);
  sub->add_flag("--dry-run", o->dry_run, "List the runs, their folders and how far they are, and stop");
  sub->footer(
      "In [sweep], all combinations of the lists are run, the last list varying fastest:\n"
      "  \"training.learning_rate\" = [0.02, 0.05]            these values\n"
      "  \"training.learning_rate\" = {from = 0.01, to = 1, factor = 2}   0.01, 0.02, 0.04, ...\n"
      "  \"training.learning_rate\" = {from = 0.01, to = 1, count = 5}    5 values with equal ratios\n"
      "  \"training.seed\" = {seeds = 5}                      0, 1, 2, 3, 4\n"
      "  [[sweep.zip]]                                      lists of equal length that vary together\n"
      "  until_divergence = {\"training.learning_rate\" = {from = 0.1, factor = 2, refine = 3}}\n"
      "                                                     multiply until a run diverges, then bisect 3 times\n"
      "  scale = {\"training.learning_rate\" = [0.5, 2]}      factors on the value without the sweep\n"
      "  fork = {parent = \"RUN\", at_step = [40, 80]}        each run is a fork of RUN, a path relative to "
      "SWEEP.toml\n"
      "  fork = {parent = \"RUN\", before_resolution = {steps = 3, instability = 1}}\n"
      "                                                     3 steps before the end of RUN's first instability\n"
      "\n"
      "Each run is a process of its own in DIR/HASH. Threads and memory are shared out between the jobs. Called again, "
      "a\n"
      "sweep passes over runs that are finished or diverged, resumes others, and tries failed ones again. Several "
      "processes\n"
      "may work in one DIR at once. A first Ctrl-C or SIGTERM stops all runs so that they can be resumed.\n"
      "\n"
      "Exit codes: 0 all runs of this share are finished or diverged; 1 a run failed, and its message is in "
      "DIR/failed;\n"
      "2 an error in SWEEP.toml, or 3 a parent that is missing or in use, both found before any run begins; 73 DIR is "
      "the\n"
      "folder of a run or holds other files; 75 interrupted: call it again.");
  sub->callback([o, &code] { code = run_sweep(*o); });
}

}  // namespace brink
