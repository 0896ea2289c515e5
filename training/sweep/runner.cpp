// SPDX-License-Identifier: MIT
#include "training/sweep/runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "training/errors.h"
#include "training/exit_codes.h"
#include "training/io/file.h"
#include "training/io/readable.h"
#include "training/io/text.h"
#include "training/run/stop_signals.h"

namespace brink::sweep {

namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_taken(const std::string& folder) { return is_locked(AT_FDCWD, folder + "/.lock"); }

std::string last_line(const std::string& text) { return text.substr(text.rfind('\n') + 1); }

/// The settings of a run in short, before what is said of it.
std::string name_of(const PlannedRun& run) {
  const std::string text = text_of(run);
  return text.empty() ? "the run" : text;
}

std::string how_it_ended(int status, const std::string& said) {
  std::string message = last_line(said);
  if (message.starts_with("brink: ")) message.erase(0, std::string_view("brink: ").size());
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("ended by signal {}{}", signal,
                       signal == SIGKILL
                           ? ", as when the system runs out of memory: fewer --jobs, or a smaller run.memory, may help"
                       : message.empty() ? ""
                                         : ": " + message);
  }
  const std::string code = fmt::format("exit code {}", WEXITSTATUS(status));
  return message.empty() ? code : message + " (" + code + ")";
}

}  // namespace

std::string folder_of(const std::string& sweep, const std::string& hash) { return sweep + "/" + hash; }
std::string config_file(const std::string& sweep, const std::string& hash) {
  return sweep + "/configs/" + hash + ".toml";
}
std::string failure_file(const std::string& sweep, const std::string& hash) {
  return sweep + "/failed/" + hash + ".txt";
}

Runner::Runner(const Plan& plan, const RunnerOptions& options, SweepProgress& progress)
    : plan_(plan), options_(options), progress_(progress) {
  for (std::size_t task = 0; task < plan.tasks(); ++task)
    if (options.shard.has(task)) {
      tasks_.push_back({});
      tasks_.back().index = task;
    }
}

/// Passes over the runs of a task that are over; afterwards its step says what to do.
void Runner::advance(Task& task) {
  task.step = Step::ready;
  for (;;) {
    if (!task.run) task.run = plan_.next(task.index, task.ended);
    if (!task.run) return void(task.step = Step::over);
    const std::string folder = folder_of(options_.folder, task.run->hash);
    const State state = state_of(folder, task.run->hash);
    if (state == State::other) return fail(task, other_run_message(folder, task.run->hash));
    if (is_taken(folder)) return void(task.step = Step::elsewhere);
    if (!is_over(state)) return;
    record_end(task, state, "");
  }
}

void Runner::start(Task& task, std::size_t slot) {
  const PlannedRun& run = *task.run;
  const std::string path = config_file(options_.folder, run.hash), folder = folder_of(options_.folder, run.hash);
  std::vector<std::string> line{"train", path, "--out", folder, "--quiet"};
  if (exists(folder)) line.push_back("--resume");
  if (options_.threads > 0 && run.config.run.threads == 0) {
    const int each = options_.threads / options_.jobs,
              more = static_cast<int>(slot) < options_.threads % options_.jobs ? 1 : 0;
    line.insert(line.end(), {"--threads", std::to_string(std::max(1, each + more))});
  }
  if (options_.memory_bytes > 0 && run.config.run.memory_bytes == 0)
    line.insert(line.end(), {"--memory", std::to_string(options_.memory_bytes)});
  // The parent of a fork may have been moved since.
  if (!exists(path) || run.config.fork) write_file(path, to_toml(run.config));
  task.step = Step::running;
  task.ran_here = true;
  jobs_.push_back({Child(line), &task, slot});
}

/// The current run of a task is over, and the next one can begin.
void Runner::record_end(Task& task, State state, const std::string& how) {
  const std::string failure = failure_file(options_.folder, task.run->hash);
  if (exists(failure)) posix_system().unlinkat(AT_FDCWD, failure.c_str(), 0);
  const std::string name = name_of(*task.run);
  task.ended.push_back(state);
  task.run = plan_.next(task.index, task.ended);
  task.step = task.run ? Step::ready : Step::over;
  if (!how.empty()) progress_.line(fmt::format("{}: {}; {}", name, how, SweepProgress::text_of(counts())));
  if (!task.run && plan_.searches() && !how.empty()) {
    const Bracket b = plan_.found(task.index, task.ended);
    PlannedRun others = plan_.first(task.index);
    others.settings.pop_back();  // the searched one
    const std::string combination = text_of(others),
                      key = (combination.empty() ? "" : combination + ": ") + plan_.keys().back();
    progress_.line(!b.diverged ? fmt::format("{}: none of the values up to {} diverges", key, readable(*b.stable))
                   : !b.stable ? fmt::format("{}: the first value, {}, diverges already; choose a smaller `from`", key,
                                             readable(*b.diverged))
                               : fmt::format("{}: runs begin to diverge between {} and {}", key, number_text(*b.stable),
                                             number_text(*b.diverged)));
  }
}

void Runner::fail(Task& task, const std::string& message) {
  task.step = Step::failed;
  write_file(failure_file(options_.folder, task.run->hash), message + "\n");
  progress_.line(fmt::format("{}: failed: {}; {}", name_of(*task.run), message, SweepProgress::text_of(counts())));
}

void Runner::end(Job& job, int status) {
  Task& task = *job.task;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const bool told = signal_ != 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
  std::string said = job.child.said();
  if (told || code == static_cast<int>(ExitCode::interrupted)) {
    task.step = Step::interrupted;
    return progress_.line(name_of(*task.run) + ": interrupted; it will be resumed");
  }
  if (code == static_cast<int>(ExitCode::in_use)) return void(task.step = Step::elsewhere);
  const std::string folder = folder_of(options_.folder, task.run->hash);
  const State state = state_of(folder, task.run->hash);
  const bool as_it_says = (code == static_cast<int>(ExitCode::done) && state == State::finished) ||
                          (code == static_cast<int>(ExitCode::diverged) && state == State::diverged);
  if (!as_it_says) return fail(task, how_it_ended(status, said));
  std::string how = state == State::finished ? "finished" : "diverged";
  // The last line of a run that diverged tells where and why.
  if (const std::string last = last_line(said); state == State::diverged && last.starts_with(how)) {
    said.erase(said.size() - last.size());
    how = last;
  }
  for (std::size_t at = 0; at < said.size();) {  // warnings
    const std::size_t next = std::min(said.find('\n', at), said.size());
    progress_.once(name_of(*task.run), said.substr(at, next - at));
    at = next + 1;
  }
  record_end(task, state, how);
}

/// Runs that another process had taken: whether they are over, or have become free.
void Runner::look_elsewhere() {
  for (Task& task : tasks_) {
    if (task.step != Step::elsewhere) continue;
    const std::string folder = folder_of(options_.folder, task.run->hash);
    if (is_taken(folder)) continue;
    const State state = state_of(folder, task.run->hash);
    if (is_over(state))
      record_end(task, state, std::string(state == State::finished ? "finished" : "diverged") + " in another process");
    else
      task.step = Step::ready;
  }
}

void Runner::stop(int signal) {
  const bool again = std::exchange(signal_, signal) != 0;
  progress_.line(again ? "a second signal: leaving at once"
                       : fmt::format("told to end: waiting for {} to stop; a second signal leaves at once",
                                     counted(std::ssize(jobs_), "run")));
  if (again) return jobs_.clear();  // which tells the children once more
  for (const Job& job : jobs_) job.child.send(SIGTERM);
}

Counts Runner::counts() const {
  Counts out{.tasks = std::ssize(tasks_)};
  for (const Task& task : tasks_) {
    out.done += task.step == Step::over;
    out.failed += task.step == Step::failed;
    out.elsewhere += task.step == Step::elsewhere;
  }
  return out;
}

std::vector<std::string> Runner::running() const {
  std::vector<std::string> out;
  for (const Job& job : jobs_) out.push_back(text_of(*job.task->run));
  return out;
}

Runner::Outcome Runner::run() {
  using Clock = std::chrono::steady_clock;
  const StopSignals signals;  // takes a signal that still waits when `held` ends
  const HeldSignals held;
  for (Task& task : tasks_) advance(task);
  if (const Counts c = counts(); c.done > 0 || c.elsewhere > 0) progress_.line("found: " + SweepProgress::text_of(c));
  Clock::time_point looked = Clock::now();
  bool waiting_said = false;
  for (;;) {
    for (Task& task : tasks_) {
      if (signal_ != 0 || std::ssize(jobs_) >= options_.jobs) break;
      if (task.step != Step::ready) continue;
      advance(task);
      if (task.step != Step::ready) continue;
      std::size_t slot = 0;
      while (std::ranges::any_of(jobs_, [&](const Job& j) { return j.slot == slot; })) ++slot;
      start(task, slot);
    }
    const Counts now = counts();
    if (jobs_.empty() && (signal_ != 0 || now.elsewhere == 0)) break;
    if (jobs_.empty() && !std::exchange(waiting_said, true))
      progress_.line(fmt::format("waiting for {} of another process", counted(now.elsewhere, "run")));
    progress_.show(now, running(), options_.jobs);

    constexpr int wait_ms = 200;
    if (const int signal = HeldSignals::wait(wait_ms); signal != 0 && signal != SIGCHLD) stop(signal);
    for (std::size_t i = 0; i < jobs_.size();) {
      const auto status = jobs_[i].child.ended();
      if (!status) {
        ++i;
        continue;
      }
      end(jobs_[i], *status);
      jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    constexpr auto pause = std::chrono::milliseconds(500);
    if (signal_ == 0 && Clock::now() - looked >= pause) {
      looked = Clock::now();
      look_elsewhere();
    }
  }
  progress_.finish();
  Outcome out{counts(), 0, signal_};
  for (const Task& task : tasks_) out.interrupted += task.step == Step::interrupted;
  return out;
}

}  // namespace brink::sweep
