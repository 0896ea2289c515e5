// SPDX-License-Identifier: MIT
#include "training/run/train.h"

#include "training/errors.h"
#include "training/io/text.h"
#include "training/run/folder.h"
#include "training/run/run.h"
#include "training/run/stop_signals.h"

namespace brink {

ExitCode train(const Config& config, const TrainOptions& options, Console& out) {
  if (options.resume) {
    // Before any data are read, which a run that is over no longer needs.
    const RunFolder::Opened there = RunFolder::look(options.folder);
    if (there != RunFolder::Opened::fresh) RunFolder::require_same_config(options.folder, config);
    if (RunFolder::is_over(there)) {
      out.line(RunFolder::nothing_left(options.folder, there));
      return there == RunFolder::Opened::finished ? ExitCode::done : ExitCode::diverged;
    }
  }
  if (config.fork && !options.begin && (!options.resume || RunFolder::look(options.folder) == RunFolder::Opened::fresh))
    throw UsageError("[fork]: the state at step " + number_text(config.fork->at_step) +
                     ", with which this run begins, is not there; brink fork makes it: give its parent, " +
                     config.fork->parent + ", and --at " + number_text(config.fork->at_step));
  const StopSignals signals;  // a signal before the first step ends the run before that step
  return Run(config, options, out).go();
}

}  // namespace brink
