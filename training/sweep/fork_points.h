// SPDX-License-Identifier: MIT
// The parents and steps from which the runs of a sweep are forked, read and checked before anything is made.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "training/replay/fork.h"
#include "training/replay/recorded_run.h"
#include "training/run/config.h"
#include "training/sweep/grid.h"

namespace brink::sweep {

class ForkPoints {
 public:
  /// `path`: of the sweep's file, to whose folder the parents are relative. Throws UsageError or DataError: a parent is missing,
  /// damaged or in use, or has not recorded a step.
  ForkPoints(const std::string& path, const ForkTable&);

  /// What tells the forks' origins apart, a list for each: fork.at_step, and before it fork.parent if the file lists several.
  const std::vector<std::vector<PlacedSetting>>& points() const { return points_; }
  std::vector<std::string> keys() const;
  /// Whether a setting is one of those.
  static bool is_origin(const PlacedSetting&);

  /// The resolved config of a fork, with its table [fork]. `settings` begins with one of `points`. Throws UsageError.
  Config config_of(const std::string& file, const std::vector<std::string>& sets,
                   std::span<const PlacedSetting> settings) const;

 private:
  struct Parent {
    std::string text;  // as the file has it
    std::unique_ptr<RecordedRun> run;
    std::string hash;
  };
  void read(const std::string& path, const PlacedSetting& parent);
  void append_points(const Parent&, const ForkTable&);

  bool several_ = false;
  std::vector<Parent> parents_;
  std::vector<std::vector<PlacedSetting>> points_;
};

}  // namespace brink::sweep
