// SPDX-License-Identifier: MIT
// Chooses the colour of each run: separate colours for few runs; for many, one scale over a setting that differs.
// All colours stay apart under the common colour vision deficiencies; a test simulates these.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/report/run.h"
#include "tools/report/ticks.h"

namespace brink::report {

/// "A", "B", … "Z", "AA" …
std::string run_letter(std::size_t index);

constexpr std::size_t most_single_colours = 8;  // runs that can have a colour of their own
constexpr int sequence_steps = 24;              // classes q0 … q23

struct Colours {
  std::vector<std::string> css;  // the class of each run
  std::string key;               // markup that explains them; empty if each run has a colour of its own
};
/// `differing`: differing_keys of the runs.
Colours colours_of(std::span<const Run> runs, std::span<const std::string> differing);

/// Markup of a bar with the colours of q0 … q23 from the scale's low end to its high one.
std::string colour_bar(const std::string& name, const Scale& scale);

/// The palettes as CSS variables --c0 … --c7 and --q0 … --q23, on a light or a dark page.
std::string colour_variables(bool dark);

}  // namespace brink::report
