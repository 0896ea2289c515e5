// SPDX-License-Identifier: MIT
// The job-array script of a sweep for Slurm: each task of the array runs one shard.
#pragma once

#include <string>
#include <vector>

namespace brink::sweep {

struct SlurmJob {
  std::string program = {}, file = {}, folder = {};  ///< absolute paths
  std::vector<std::string> options = {};             ///< of brink sweep, passed on
  std::size_t tasks = 1;
  int processors = 1;  ///< of each task
};

/// Before its time is up a task is told to end (SIGTERM, 60 s ahead); it then keeps its runs' states and puts itself back into the
/// queue. Throws UsageError for a path that a line of the script cannot hold.
std::string slurm_script(const SlurmJob&);

/// The text as one word of a shell.
std::string shell_word(const std::string&);

}  // namespace brink::sweep
