// SPDX-License-Identifier: MIT
// The exit codes of the `brink` command, which never change.
#pragma once

namespace brink {

enum class ExitCode : int {
  done = 0,
  check_failed = 1,  // verify, data check
  usage = 2,         // command line or config
  bad_data = 3,      // data set or checkpoint
  io = 4,
  diverged = 5,
  device = 6,       // none, wrong, or out of memory
  internal = 70,    // a defect of brink
  in_use = 73,      // the output folder belongs to another run
  interrupted = 75  // resumable
};

}  // namespace brink
