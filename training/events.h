// SPDX-License-Identifier: MIT
// Finds instabilities in the surplus, row by row (docs/method.md, "Instabilities").
// A step that was not measured counts as the measured one before it, so lengths are counted in steps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "training/state.h"

namespace brink {

/// Positive steps with at most merge_gap non-positive ones between them.
struct Instability {
  std::int64_t entry = 0;       // its first positive step
  std::int64_t resolution = 0;  // its last positive step + 1
  std::int64_t peak_step = 0;   // first step with the largest surplus
  double peak_surplus = 0;
  bool is_long = false;          // length ≥ minimum_length
  bool open = false;             // not yet resolved when the run ended
  std::int64_t uncertified = 0;  // measured steps, from its entry until it was over, whose λ₁ was not certified
  std::vector<std::int64_t> crossings;  // raw: every positive step that follows a non-positive one or begins the record

  std::int64_t length() const { return resolution - entry; }
  friend bool operator==(const Instability&, const Instability&) = default;
};

class EventFinder final : public Stateful {
 public:
  /// merge_gap ≥ 0 and minimum_length ≥ 1, in steps.
  EventFinder(std::int64_t merge_gap, std::int64_t minimum_length);

  /// Steps ascend. Returns the instability that this row shows to be over: merge_gap + 1 non-positive steps after its end. A NaN
  /// surplus is non-positive. `certified`: whether λ₁ of this row is certified; this is only counted.
  std::optional<Instability> push(std::int64_t step, double surplus, bool certified = true);
  /// At the end of the run: the instability that is still open, if there is one.
  std::optional<Instability> finish();

  /// What this row would show, without taking it: whether an instability begins or is over, and whether there is one then.
  struct Ahead {
    bool event, inside;
  };
  Ahead ahead(std::int64_t step, double surplus) const;

  bool inside() const { return current_.has_value(); }
  std::int64_t crossings() const { return crossings_; }
  void visit(StateVisitor&) override;
  /// Throws DataError unless the restored state can be that of a run before its row `step`.
  void restored(std::int64_t step) const;

 private:
  std::optional<Instability> advance(std::int64_t step, double surplus, bool measured, bool certified);
  std::optional<Instability> take(bool open);

  std::int64_t merge_gap_, minimum_length_;
  std::optional<Instability> current_;
  std::optional<std::int64_t> last_step_;
  double last_surplus_ = 0;
  std::int64_t crossings_ = 0;
};

/// All instabilities of a record whose row i is step i, the last one possibly open.
std::vector<Instability> find_events(std::span<const double> surplus, std::int64_t merge_gap,
                                     std::int64_t minimum_length);

/// The instabilities of the text of an events.csv, without their crossings. Throws DataError, naming the line
/// of `file`.
std::vector<Instability> parse_events(std::string_view csv, const std::string& file = "events.csv");
/// The step that many steps before the resolution of an instability of an events.csv; 1 is its first one. Throws DataError if there is
/// none with that number, or it was not resolved.
std::int64_t step_before_resolution(std::string_view csv, std::int64_t steps, std::int64_t instability);

/// events.csv: the header, and one row. `crossings` lists the raw crossings, separated by spaces. There is a last column
/// `hessian_of` if the eigenvalues are those of the loss in evaluation mode.
std::string events_header(bool evaluation_hessian = false);
std::string events_row(const Instability&, bool evaluation_hessian = false);

}  // namespace brink
