// SPDX-License-Identifier: MIT
// A row for each schedule of the list: settings that are not its defaults, and its closed form.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

namespace kinds {

struct ScheduleRow {
  std::string name;
  std::vector<std::string> settings;  ///< "training.drop_every=7"
  std::string metrics;                ///< XXH3-64 of metrics.csv of the run of schedules_test.cpp
  double (*rate)(double t);           ///< η_t/η with these settings, in a run of 30 steps
};

inline const std::vector<ScheduleRow>& schedule_rows() {
  static const std::vector<ScheduleRow> all{
      {"constant", {}, "7e8859f3c06a34a5", [](double) { return 1.0; }},
      {"step",
       {"training.drop_every=7", "training.drop_factor=0.25"},
       "194a5ee778a41219",
       [](double t) { return std::pow(0.25, std::floor(t / 7)); }},
      {"cosine",
       {"training.cosine_end=0.1"},
       "e60bca71f55b70f9",
       [](double t) { return 0.1 + 0.9 * (1 + std::cos(std::numbers::pi * std::fmin(t / 30, 1))) / 2; }},
  };
  return all;
}

}  // namespace kinds
