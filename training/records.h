// SPDX-License-Identifier: MIT
// What it is: the rows of metrics.csv and timing.csv and the contents of run.json. What it is not: the files
// (run_folder.h). Decision: what is a function of the config goes into metrics.csv, whose bytes are promised;
// everything else elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "training/config.h"

namespace brink {

/// Taken at θ_t, before update t. What was not measured is absent.
struct MetricsRow {
  std::int64_t step = 0;
  std::optional<double> loss, train_accuracy, test_accuracy, learning_rate, gradient_norm;
  std::vector<double> lambda, residual;  // the largest first; at most measure.top, may be shorter
  std::optional<double> lambda_min, residual_min;
  std::optional<std::int64_t> products;  // Hessian–vector products of this step
  std::optional<double> surplus, jump, period2_distance;
  // After the digest: what certifies the eigenvalues, and what else is known.
  std::optional<double> scale;      // max|θⱼ|: a value is certified when its residual ≤ measure.tolerance · scale
  std::optional<bool> converged;    // all values certified
  std::optional<bool> redone;       // a cold check disagreed; the values that reach further out are given
  std::optional<double> asymmetry;  // |uᵀHv − vᵀHu|
  std::optional<double> jump_u1;    // |⟨u₁, θ_t − θ̄_t⟩|
  std::string digest;               // of the parameters, digest.h
};

/// The names of fixed_columns (columns.h) for `top` eigenvalues, comma-separated, with a newline. Where eigenvalues are those
/// of the loss in evaluation mode a last column `hessian_of` says so in each row, in events.csv too.
std::string metrics_header(std::int64_t top, bool evaluation_hessian = false);
/// Numbers as the shortest text that reads back, absent ones empty.
void append_row(std::string& out, const MetricsRow&, std::int64_t top, bool evaluation_hessian = false);

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
  std::string status = "running";  // running, finished, diverged
  std::string data_provenance, train_checksum, test_checksum;
  std::int64_t parameters = 0;
  std::int64_t threads = 0;        // really used
  std::string device;              // "cpu", or the GPU's name
  std::string vendor;              // the vendor's library, "cuBLAS 13.1.0"; empty: exact arithmetic
  std::int64_t chunk_samples = 0;  // really used
  std::int64_t blocks = 0;
  std::optional<std::int64_t> kept_blocks;  // whose residuals fit into run.memory
  std::int64_t steps_done = 0;
  std::optional<std::int64_t> diverged_at;  // step whose loss was not finite or over the limit
  std::optional<std::int64_t> instabilities, long_instabilities, crossings;
  std::optional<std::int64_t> measured_steps, converged_steps, products;
  std::string final_digest;
  std::string started, ended;  // utc_now
};
/// run.json: the record, the version, compiler, flags, machine and instruction set, and what the columns of metrics.csv are
/// (columns_json.h).
std::string run_json(const Config&, const RunRecord&);

/// "2026-11-22T13:00:00Z", whatever the time zone.
std::string utc_now();

}  // namespace brink
