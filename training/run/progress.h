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
#include "training/run/config.h"

namespace brink {

/// "λ₁", or "λ₁ in evaluation mode".
std::string lambda_1_name(const Config&);

/// Joins fields into lines of at most `columns` columns. Lines are broken between fields only, so a number is never cut; a
/// single field that is longer is cut and ends in "…". Every character counts as one column.
std::vector<std::string> lines_of(std::span<const std::string> fields, int columns);

class Progress {
 public:
  /// On a terminal the line is redrawn at most ten times a second, cut to the terminal's width; a file or pipe gets twenty
  /// lines per run. Between two measurements the last λ₁ is shown with its step; an uncertified one is marked.
  /// last_step: where the run will end; by default at the config's.
  Progress(Console&, const Config&, std::optional<std::int64_t> last_step = {});

  /// threshold: the sharpness above which this step's update is unstable.
  void row(const Row&, double threshold);
  void event(const Instability&);
  void disagreement(std::int64_t step, const Disagreement&);
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
  std::string lambda_, threshold_;  // the names of λ₁ and of the rule's threshold
  bool live_;
  Clock::time_point start_, drawn_;
  struct Shown {
    std::int64_t step = 0;
    std::optional<double> loss, accuracy, lambda_1;
    bool certified = false;
    double threshold = 0;
  };
  Shown last_, measured_;  // the last row, and the last one with λ₁
  std::int64_t rows_ = 0, next_line_ = 0, first_step_ = 0;
  bool shown_ = true;  // whether last_ is on the screen
};

}  // namespace brink
