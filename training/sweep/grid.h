// SPDX-License-Identifier: MIT
// The table [sweep] of a file: which keys vary, and the list of what each run sets. It knows no process and no run folder.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "training/run/config.h"
#include "training/sweep/search.h"

namespace brink::sweep {

constexpr const char* table_name = "sweep";
constexpr std::int64_t most_points = 10'000;

/// A search, and the key whose value it looks for. The value of `setting` is the first one.
struct SearchedKey {
  PlacedSetting setting;
  Search search;
};

/// [sweep.fork]: the parents, and where the runs of the sweep are forked from each of them.
struct ForkTable {
  std::vector<PlacedSetting> parents;  ///< values are TOML strings, as in the file
  std::vector<PlacedSetting> steps;    ///< integers
  struct Before {
    std::int64_t steps = 0, instability = 0;
    PlacedSetting at;
  };
  std::optional<Before> before;  ///< in place of steps
};

struct Grid {
  std::vector<std::string> keys;  ///< swept ones, in the order of the text, a searched one last
  std::vector<std::vector<PlacedSetting>>
      points;                       ///< what each run, or each search, sets; the last list varies fastest
  std::vector<std::string> scaled;  ///< keys whose values are factors on what the config has without the sweep
  std::optional<SearchedKey> searched;
  std::optional<ForkTable> fork;
};

/// Throws UsageError with "FILE:LINE:COLUMN: message" for the first error in the order of the text. `path` is for messages.
Grid grid_of(const std::string& path, const toml::table& file);

/// `integer`: without a point if it is a whole number.
std::string number_as_toml(double x, bool integer);
/// The value as TOML on one line.
std::string toml_text(const toml::node&);
/// A value as a cell of a table: a string without its quotes.
std::string cell_of(const PlacedSetting&);

}  // namespace brink::sweep
