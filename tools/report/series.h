// SPDX-License-Identifier: MIT
// Columns of a run as lines to draw, and the axis of steps that its charts share.
#pragma once

#include <string>

#include "tools/report/figure.h"
#include "tools/report/run.h"

namespace brink::report {

/// Steps, with ticks of time ηt where η is known at every step.
Axis axis_of(const Run& run);

Series column_series(const Run& run, int index, const std::string& column, std::string label, std::string css);
/// λ_lambda with its residuals as error bars.
Series lambda_series(const Run& run, int index, int lambda, std::string label, std::string css);
/// Adds the bounds of that column to the points of a line.
void add_bounds(const Run& run, const std::string& column, Series& line);
/// λ₁ and its residual divided by the threshold: 1 is the edge of stability.
Series relative_series(const Run& run, int index, std::string label, std::string css);
/// The stability threshold as a dashed line.
Series threshold_series(const Run& run, int index, std::string label, std::string css);
/// ‖Hy − θy‖ / max|λ| of λ₁; NaN if max|λ| is 0.
std::optional<double> relative_residual(const Run& run, std::size_t row);

/// Whether anything but reference lines has a point.
bool has_points(const Panel& panel);

}  // namespace brink::report
