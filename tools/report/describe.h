// SPDX-License-Identifier: MIT
// What a run is, in words: its title, its settings as a list, and what was measured how often and how surely.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tools/report/run.h"

namespace brink::report {

/// "mlp on fmnist4"
std::string title_of(const Run& run);
/// The title with the step size: "mlp on fmnist4 at η = 0.1".
std::string heading_of(const Run& run);
/// Label and value of each setting that has a meaning for the run.
std::vector<std::pair<std::string, std::string>> settings_in_words(const Run& run);

/// "2/η", or "the threshold" where the runs have different ones.
std::string threshold_name(std::span<const Run> runs);

/// How often λ_index was measured and certified.
struct Certified {
  std::int64_t measured = 0, certified = 0;
  std::int64_t uncertified() const { return measured - certified; }
};
Certified certified_share(const Run& run, int index);

/// "λ₁", "λₙ" for index 0.
std::string lambda_name(int index);
/// Why there is no λ_index: "λ₁ was not measured (measure.top = 0)". Empty if there is at least one value.
std::string why_unmeasured(const Run& run, int index);
/// "at every 10th step"; empty if it is not recorded.
std::string interval_of(const Run& run);
/// One sentence on whether and how often λ₁ was measured, and at how many steps it is certified.
std::string measurement_sentence(const Run& run);

}  // namespace brink::report
