// SPDX-License-Identifier: MIT
// The three things that `brink verify` can do: check closed forms, compare with reference values, recompute a run folder.
#pragma once

#include <string>
#include <vector>

#include "tools/verify/table.h"
#include "training/run/config.h"

namespace brink {
class Console;
struct Device;
}  // namespace brink

namespace brink::verify {

/// Functions, derivatives, spectra and angles whose values are known in closed form or by finite differences, computed on the device,
/// and one bitwise comparison across threads, chunks and devices. Needs no file.
Table check_closed_forms(Device&);

/// Every case of a folder of the reference format, in float64. `data_directory` is the folder of the official Fashion-MNIST
/// files; if it is empty, the kind `fmnist` is skipped by name. Throws DataError for a folder that lacks what its own kinds
/// require.
/// Tolerances: 1e-9; eigenvalues of the lower end found iteratively 1e-7; third derivatives 1e-8, fourth 1e-6, finite
/// differences 1e-5; trajectories 1e-8 over the first 60 steps and 1e-6 after, their spectra on Fashion-MNIST 1e-7 and 1e-6.
Table check_reference(Device&, const std::string& folder, const std::string& data_directory);

/// Recomputes a run folder from its own config and its checkpoints, in memory, and compares metrics.csv, events.csv and the
/// checkpoints byte by byte. `device`: as given to --device; empty: the config's. `sets` as given to --set; they may contain only
/// keys that change no number (data.directory, run.threads …). Steps that cannot be computed are skipped. Throws DataError, UsageError,
/// Error (interrupted, by a signal).
Table check_run(const std::string& folder, const std::vector<std::string>& sets, const std::string& device,
                Console& out);

}  // namespace brink::verify
