// SPDX-License-Identifier: MIT
// The densities of the curvature that a run's folder spectra/ holds, and their chart: a curve for each operator, with a slider over the steps.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tools/report/figure.h"

namespace brink::report {

/// One operator's density at one step.
struct DensityAt {
  std::vector<Point> points;                // x: λ, y: eigenvalues per unit of λ, with standard error
  std::map<std::string, std::string> said;  // of the file's metadata: width, trace, outliers …
};

/// What a file holds.
struct SpectrumAt {
  double step = 0;
  std::map<std::string, DensityAt> densities;  // by operator: "hessian"
  double threshold = 0;                        // 0: not recorded
};

/// All files in the order of their steps, at most `most_spectra`, evenly chosen. What cannot be read, and what is left out, is noted.
inline constexpr std::size_t most_spectra = 60;
std::vector<SpectrumAt> read_spectra(const std::filesystem::path& run_folder, std::vector<std::string>& notes);

/// <figure> with a slider; empty if there is nothing to draw. index: of the run on the page.
std::string render_spectra(const std::vector<SpectrumAt>& spectra, int index, int heading);

}  // namespace brink::report
