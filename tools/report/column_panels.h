// SPDX-License-Identifier: MIT
// Figures made from the description of the columns alone, so that any measurement's columns appear by themselves.
#pragma once

#include <string>
#include <vector>

#include "tools/report/figure.h"
#include "tools/report/run.h"

namespace brink::report {

/// The panels that the columns name, in the order of the columns, each once.
std::vector<std::string> panels_of(const Run& run);
/// All columns of that panel on one pair of axes; its caption gives their meanings.
Figure column_figure(const Run& run, int index, const std::string& panel);
/// "learning_rate = 0.1" for each column of the panel if none of them changes over at least two rows, else empty.
std::string constant_columns(const Run& run, const std::string& panel);

}  // namespace brink::report
