// SPDX-License-Identifier: MIT
#include "tools/sweep/slurm.h"

#include <fmt/format.h>

#include "training/errors.h"

namespace brink::sweep {

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string slurm_script(const SlurmJob& job) {
  // sbatch expands % in the name of the output file, and reads no quotation marks there.
  if (job.folder.find_first_of("%\"'\\ \t\n") != std::string::npos)
    throw UsageError("--out: with --slurm expected a path without spaces, quotation marks, \\ and %, got " +
                     job.folder);
  std::string options;
  for (const std::string& option : job.options) options += " " + shell_word(option);
  return fmt::format(
      R"(#!/bin/bash
#SBATCH --job-name=brink-sweep
#SBATCH --array=1-{tasks}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={processors}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --output={folder}/slurm/%a.txt
# Made by `brink sweep --slurm`. Options given to sbatch, such as --time, --mem and --partition, override the lines above.

{program} sweep {file} --out {out}{options} --shard "$SLURM_ARRAY_TASK_ID/{tasks}" &
sweep=$!
# bash ends a wait when a signal comes, so the end of the sweep is waited for again.
trap 'kill -TERM "$sweep"' TERM
wait "$sweep"
code=$?
while kill -0 "$sweep" 2>/dev/null; do
  wait "$sweep"
  code=$?
done
# 75: interrupted, and to be resumed.
if [ "$code" = 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
)",
      fmt::arg("tasks", job.tasks), fmt::arg("processors", job.processors), fmt::arg("folder", job.folder),
      fmt::arg("program", shell_word(job.program)), fmt::arg("file", shell_word(job.file)),
      fmt::arg("out", shell_word(job.folder)), fmt::arg("options", options));
}

}  // namespace brink::sweep
