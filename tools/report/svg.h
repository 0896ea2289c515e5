// SPDX-License-Identifier: MIT
// Line charts over steps as SVG: panels that share one x axis, with error bars, shaded intervals and labels.
// Positions are percentages, and the data lie in a stretched inner viewBox with non-scaling strokes, so a chart takes any
// width while text and lines keep their size, without JavaScript.
#pragma once

#include <string>

#include "tools/report/figure.h"

namespace brink::report {

/// <figure> with its caption; the caption ends with sentences on everything that is not drawn as it is in the data.
std::string render_figure(const Figure& figure);

}  // namespace brink::report
