// SPDX-License-Identifier: MIT
// What it is: one run folder, read: what its config says, its metrics, its events. What it is not: a judge of the run;
// facts.h draws the conclusions.
// Decision: only metrics.csv is indispensable. Everything else may be missing, and then `notes` says so in words: a
// report of half a run is worth more than none, and a silent gap is worth less.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/report/csv.h"

namespace brink::report {

struct Instability {
  double entry = 0;                  // first step with positive surplus
  std::optional<double> resolution;  // last such step + 1; empty if still open at the end
  std::optional<double> length;      // steps
  bool is_long = false, open = false;
};

/// What a run's λ at one step is known to be worth.
struct Eigenvalue {
  double value = 0;
  double residual = 0;  // ‖Hy−θy‖, absolute; NaN if none is recorded
  double largest = 0;   // max |λ| recorded in the same row: what the tolerance is relative to
  bool certified = false;
};

struct Run {
  std::string name;                                        // the folder's name as given
  std::vector<std::pair<std::string, std::string>> facts;  // label, value: the header's list
  std::string title;                                       // "mlp on fmnist4"
  std::string rule = "gd";
  std::string hessian_of;           // a sentence; empty where there is one loss only, or nothing was measured
  bool evaluation_hessian = false;  // the eigenvalues are not those of the function that is descended
  std::optional<double> learning_rate, planned_steps, diverged_at;
  bool unfinished = false;  // run.json still says "running"
  double tolerance = 1e-3;
  int top = 0;  // columns lambda_1 … lambda_top present
  bool has_bottom = false;

  std::vector<double> step;  // [rows], ascending
  std::vector<double> time;  // [rows] Σ η over earlier steps; empty if η is unknown
  std::map<std::string, std::vector<std::optional<double>>> columns;  // [rows] each; by header name
  std::string final_digest;

  bool has_events = false;
  std::vector<Instability> instabilities;
  std::vector<std::string> notes;  // what is missing or unreadable, plain text

  bool measured(const std::string& column) const;  // at least one cell
  std::optional<double> at(const std::string& column, std::size_t row) const;
  /// λ_index (1-based; 0 = λ_min) at a row.
  std::optional<Eigenvalue> eigenvalue(int index, std::size_t row) const;
};

/// Throws ReportError if the folder has no readable metrics.csv with a `step` column.
Run read_run(const std::filesystem::path& folder);

}  // namespace brink::report
