// SPDX-License-Identifier: MIT
// Runs the runs of a sweep, each as a process of its own, a few at a time. A run that fails does not end the others.
// Processes that share a folder need no other agreement than the lock of each run's folder.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/sweep/child.h"
#include "training/sweep/plan.h"
#include "training/sweep/progress.h"

namespace brink::sweep {

struct RunnerOptions {
  std::string folder;
  Shard shard;
  int jobs = 1;
  int threads = 1;                ///< shared out between the jobs, at least one each; 0: as each config says
  std::int64_t memory_bytes = 0;  ///< of each job; 0: as each config says
};

/// The files of a sweep beside the folders of its runs, relative to its folder.
std::string folder_of(const std::string& sweep, const std::string& hash);
std::string config_file(const std::string& sweep, const std::string& hash);
/// The message of a run that failed; absent if its last try did not fail.
std::string failure_file(const std::string& sweep, const std::string& hash);

class Runner {
 public:
  /// The folders of the sweep exist.
  Runner(const Plan&, const RunnerOptions&, SweepProgress&);

  struct Outcome {
    Counts counts;
    std::int64_t interrupted = 0;  ///< runs whose process ended with exit code 75 by itself
    int signal = 0;                ///< which ended the sweep; 0: none
  };
  /// Returns when every run of the shard is over or has failed, or when a signal has ended the sweep. Throws IoError.
  Outcome run();

 private:
  enum class Step : unsigned char { ready, running, elsewhere, over, failed, interrupted };
  struct Task {
    std::size_t index = 0;
    Step step = Step::ready;
    std::vector<State> ended;       // its runs that are over
    std::optional<PlannedRun> run;  // the current one
    bool ran_here = false;
  };
  struct Job {
    Child child;
    Task* task;
    std::size_t slot;
  };

  void advance(Task&);
  void start(Task&, std::size_t slot);
  void end(Job&, int status);
  void record_end(Task&, State, const std::string& how);
  void fail(Task&, const std::string& message);
  void look_elsewhere();
  void stop(int signal);
  Counts counts() const;
  std::vector<std::string> running() const;

  const Plan& plan_;
  RunnerOptions options_;
  SweepProgress& progress_;
  std::vector<Task> tasks_;
  std::deque<Job> jobs_;
  int signal_ = 0;
};

}  // namespace brink::sweep
