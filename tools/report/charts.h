// SPDX-License-Identifier: MIT
// Which charts a run gets: those with a drawing of their own, and one for every other panel of its columns.
// A chart without a single measured value is left out and named in the run's notes, never drawn empty.
#pragma once

#include <string>
#include <vector>

#include "tools/report/figure.h"
#include "tools/report/run.h"

namespace brink::report {

struct Charts {
  std::vector<Figure> figures;
  std::string constant;            // columns that do not change, in words
  std::vector<std::string> notes;  // what has nothing to show
};
Charts run_charts(const Run& run, int index);

}  // namespace brink::report
