// SPDX-License-Identifier: MIT
#include "training/run/train.h"

#include "training/run/folder.h"
#include "training/run/run.h"

namespace brink {

ExitCode train(const Config& config, const TrainOptions& options, Console& out) {
  if (options.resume) {
    // Before any data are read, which a run that is over no longer needs.
    const RunFolder::Opened there = RunFolder::look(options.folder);
    if (there != RunFolder::Opened::fresh) RunFolder::require_same_config(options.folder, config);
    if (there == RunFolder::Opened::finished || there == RunFolder::Opened::diverged) {
      const bool finished = there == RunFolder::Opened::finished;
      out.line(RunFolder::nothing_left(options.folder, finished ? "finished" : "diverged"));
      return finished ? ExitCode::done : ExitCode::diverged;
    }
  }
  return Run(config, options, out).go();
}

}  // namespace brink
