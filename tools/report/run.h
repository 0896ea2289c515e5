// SPDX-License-Identifier: MIT
// One run folder, read: its settings, metrics and events, and what run.json records about the run.
// Only metrics.csv is indispensable; whatever else is missing is named in `notes`.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/report/csv.h"
#include "tools/report/error.h"
#include "tools/report/settings.h"
#include "tools/report/spectra.h"
#include "training/measurements/column.h"

namespace brink::report {

struct InstabilityRow {
  double entry = 0;                  // first step with positive surplus
  std::optional<double> resolution;  // last such step + 1; empty if still open at the end
  std::optional<double> length;      // steps
  bool is_long = false, open = false;
};

/// λ at one step, and whether it is certified.
struct EigenvalueCell {
  double value = 0;
  double residual = 0;  // ‖Hy−θy‖, absolute; NaN if none is recorded
  double largest = 0;   // max |λ| recorded in the same row: what the tolerance is relative to
  bool certified = false;
};

/// The loss on a line along u₁ and in the plane of u₁ and u₂ at one step, from a file of slices/.
struct Slice {
  double step = 0;
  std::vector<double> offset, loss, curvature;                // [points]
  std::vector<double> sharpness_offset, sharpness, residual;  // λ₁ on the line; may be empty
  std::vector<double> plane_offset, plane_loss;               // [n], [n, n]: rows of one a each; may be empty
};

/// What run.json says. Everything may be missing.
struct Account {
  std::string version, status, parameters, final_digest;
  std::string interrupted_because;  // what a run says that cannot go on under its settings
  std::string data_provenance, train_checksum, test_checksum;
  std::optional<bool> has_data_set;
  std::optional<double> diverged_at, completed_at;
  std::optional<std::int64_t> instabilities;
  std::optional<double> measured_every;  // steps
  /// Numbers of the step with the least test loss, by column, and "step"; empty if none was found.
  std::map<std::string, double> early_stopping;
};

struct Run {
  std::string name;  // the folder's name as given
  Settings settings;
  Account account;
  std::vector<brink::Column> schema;  // of metrics.csv, as run.json describes it, else by its names alone
  std::string rule = "gd";
  bool preconditioned = false;  // the rule divides its step, so the effective sharpness decides about instabilities
  bool has_data_set = true;
  std::string hessian_of;           // a sentence; empty where there is one loss only, or nothing was measured
  bool evaluation_hessian = false;  // the eigenvalues are not those of the function that is minimised
  std::optional<double> learning_rate, planned_steps, diverged_at;
  std::optional<double> forked_at;                       // the first step of a fork
  std::optional<double> top_asked, bottom_asked, every;  // measure.top, measure.bottom; steps between two measurements
  std::optional<double> row_every;                       // steps between two rows, where that is known
  bool unfinished = false;                               // it is running, or was interrupted
  double tolerance = 1e-3;
  int top = 0;  // columns lambda_1 … lambda_top present

  std::vector<double> step;  // [rows], ascending
  std::vector<double> time;  // [rows] Σ η over earlier steps; empty if η is unknown
  std::map<std::string, std::vector<std::optional<double>>> columns;  // [rows] each; by name; numbers only
  std::string final_digest;

  std::vector<Slice> slices;  // ascending, where the run has such files, evenly chosen if they are many
  std::int64_t slice_files = 0;

  bool has_events = false;
  std::vector<InstabilityRow> instabilities;
  std::vector<SpectrumAt> spectra;  // the densities of its files
  std::vector<std::string> notes;   // what is missing or unreadable, plain text
  std::vector<std::string> damage;  // of its tables, by file, line and column (damage.h)
  std::vector<std::string> added;   // what brink measure has added (measured.h), plain text

  bool measured(const std::string& column) const;  // at least one cell
  std::optional<double> at(const std::string& column, std::size_t row) const;
  /// λ_index (1-based; 0 = λ_min) at a row.
  std::optional<EigenvalueCell> eigenvalue(int index, std::size_t row) const;
  /// The stability threshold at a row: the reference line in the description of lambda_1. Empty if it has none.
  std::optional<double> threshold(std::size_t row) const;
  /// "2/η", or the threshold of the run's rule; "the threshold" if it has no name.
  std::string threshold_name() const;
  /// What decides about instabilities: "λ₁", or "λ_eff" under a rule that preconditions.
  std::string sharpness_name() const { return preconditioned ? "λ_eff" : "λ₁"; }
  /// That at a row: λ₁, or the effective sharpness if it is recorded.
  std::optional<EigenvalueCell> sharpness(std::size_t row) const;
  const brink::Column* described(const std::string& column) const;
};

/// The column of the bound of λ_index: of the largest eigenvalue from above, of the smallest one from below; empty for all others.
std::string bound_column(int index);
/// "min", "1", "2": the end of the names lambda_… and residual_….
std::string column_suffix(int index);

/// Throws ReportError if the folder has no readable metrics.csv with a `step` column.
Run read_run(const std::filesystem::path& folder);

}  // namespace brink::report
