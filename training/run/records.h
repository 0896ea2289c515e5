// SPDX-License-Identifier: MIT
// The rows of metrics.csv and timing.csv and the contents of run.json; the files themselves are in run/folder.h.
// What is a function of the config goes into metrics.csv, whose bytes are promised; everything else goes elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "training/measurements/row.h"
#include "training/run/config.h"
#include "training/run/early_stopping.h"
#include "training/run/summary.h"

namespace brink {

/// What the columns of metrics.csv are: "step", then those of the row.
std::vector<Column> metrics_columns(const Row&);
/// The names of metrics_columns, comma-separated, with a newline.
std::string metrics_header(const Row&);
/// Numbers as the shortest text that reads back, absent ones empty, truth values 0 and 1.
void append_row(std::string& out, const Row&);

/// Of a run that measures as many eigenvalues as are above a limit: a row for each of them at each measured step.
std::string spectra_header();
void append_spectrum(std::string& out, const Observed&);

/// Milliseconds.
struct TimingRow {
  std::int64_t step = 0;
  double elapsed_ms = 0;     // since the first step began
  double gradient_ms = 0;    // loss and gradient; in a measured step the linearisation too
  double spectrum_ms = 0;    // products and Lanczos
  double products_ms = 0;    // of these, the products
  double evaluation_ms = 0;  // evaluation mode: statistics, test accuracy, its Hessian's linearisation
};
std::string timing_header();
void append_row(std::string& out, const TimingRow&);

/// What a run finds out about itself.
struct RunRecord {
  std::string status = "running";   // running, finished, diverged, interrupted
  std::string interrupted_because;  // what a run that cannot go on under its settings says; empty: a signal ended it
  std::string data_provenance, train_checksum, test_checksum;
  std::string start_digest;  // of the parameters in model.start_file; empty without one
  std::int64_t parameters = 0;
  std::int64_t threads = 0;        // really used
  std::string device;              // "cpu", or the GPU's name
  std::string vendor;              // the vendor's library, "cuBLAS 13.1.0"; empty: exact arithmetic
  std::int64_t chunk_samples = 0;  // really used
  std::int64_t blocks = 0;
  std::optional<std::int64_t> kept_blocks;   // whose residuals fit into run.memory
  std::optional<std::int64_t> steps_done;    // known at the end only, like all that follows
  std::optional<std::int64_t> diverged_at;   // step whose loss was not finite or over the limit
  std::optional<std::int64_t> completed_at;  // step whose evaluation made the run complete before its last step
  std::vector<std::optional<std::int64_t>> changed_at;  // step at which each change of the config applied
  std::optional<EarlyStopping> early_stopping;          // of a run with test losses
  std::optional<std::int64_t> instabilities, long_instabilities, crossings;
  std::optional<std::int64_t> measured_steps, converged_steps, products;
  std::optional<std::int64_t> random_starts;  // on which lambda_1_upper and lambda_min_lower rest
  std::optional<std::int64_t> lambda_1_steps,
      lambda_1_certified_steps;  // steps with λ₁, and those where it is certified
  std::string final_digest;
  std::vector<RecordedFile> files;       // of rows, of a run that came to its end
  std::string started, ended;            // utc_now
  std::vector<std::int64_t> resumed_at;  // steps at which later processes continued the run
  std::vector<Column> columns;  // metrics_columns, with the run's threshold as the line that lambda_1 is compared with
};
/// run.json: the record, the version, compiler, flags, machine and instruction set, and what the columns of metrics.csv are
/// (columns_json.h).
std::string run_json(const Config&, const RunRecord&);

/// "2026-11-22T13:00:00Z", in UTC.
std::string utc_now();

}  // namespace brink
