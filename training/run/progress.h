// SPDX-License-Identifier: MIT
// What a person sees of a running training: one redrawn line on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spectral/tracker.h"
#include "training/events.h"
#include "training/io/console.h"
#include "training/measurements/row.h"
#include "training/observed.h"
#include "training/run/config.h"

namespace brink {

/// What decides about stability: "λ₁", or "λ_eff" under a rule that preconditions, and "in evaluation mode" if the Hessian is of that.
std::string sharpness_name(const Config&);

/// Joins fields into lines of at most `columns` columns. Lines are broken between fields only, so a number is never cut; a
/// single field that is longer is cut and ends in "…". Every character counts as one column.
std::vector<std::string> lines_of(std::span<const std::string> fields, int columns);

class Progress {
 public:
  /// On a terminal the line is redrawn at most ten times a second, cut to the terminal's width; a file or pipe gets twenty
  /// lines per run. Between two measurements the last sharpness is shown with its step; an uncertified one is marked.
  /// last_step: where the run will end; by default at the config's.
  Progress(Console&, const Config&, std::optional<std::int64_t> last_step = {});

  /// threshold: the sharpness above which this step's update is unstable. `effective` is shown under a rule that preconditions, in place
  /// of the row's λ₁.
  void row(const Row&, double threshold, const std::optional<EffectiveSharpness>& effective = {});
  void event(const Instability&);
  /// The threshold has this name from that step on, and belongs to the effective sharpness if `preconditions`.
  void name_threshold(std::string_view name, bool preconditions, std::int64_t from);
  /// `effective`: about the effective sharpness.
  void disagreement(std::int64_t step, const Disagreement&, bool effective = false);
  /// Prints a line that stays.
  void note(std::string_view);
  /// Ends the live line; the last row stays visible, complete.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<std::string> fields() const;
  int columns() const;
  void erase();

  Console& out_;
  std::int64_t steps_, every_;
  double tolerance_;
  bool preconditions_, evaluation_;
  std::string sharpness_, threshold_;  // their names
  bool live_;
  Clock::time_point start_, drawn_;
  struct Shown {
    std::int64_t step = 0;
    std::optional<double> loss, accuracy, sharpness;
    bool certified = false;
    double threshold = 0;
  };
  Shown last_, measured_;        // the last row, and the last one with a sharpness
  std::int64_t named_from_ = 0;  // the step from which on the threshold has its name
  std::int64_t rows_ = 0, next_line_ = 0, first_step_ = 0;
  bool shown_ = true;  // whether last_ is on the screen
};

}  // namespace brink
