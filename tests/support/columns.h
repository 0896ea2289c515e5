// SPDX-License-Identifier: MIT
// The columns that a run with a given number of eigenvalues has, as its measurements describe them.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/networks.h"
#include "training/loop.h"
#include "training/run/records.h"

namespace support {

/// The row of a small trainer with `top` eigenvalues and, if asked for, every optional measurement.
inline brink::Row row_with(int top, bool everything = false) {
  const Network n({.samples = 8});
  brink::Device device;
  brink::TrainerOptions options;
  options.tracker = brink::TrackerOptions{.top = top, .bottom = 1, .budget = 20, .max_basis = 24};
  for (const brink::MeasurementKind& kind : brink::measurement_kinds())
    if (everything && !kind.always) options.measurements.push_back({brink::factory(kind), 1});
  return brink::Trainer(device, n.objective, n.data(), {}, options, n.theta.view()).row();
}

/// What run.json says of the columns of such a run, whose threshold is that of gradient descent.
inline std::vector<brink::Column> described_columns(int top, double learning_rate) {
  std::vector<brink::Column> out = brink::metrics_columns(row_with(top));
  const auto lambda = std::ranges::find(out, "lambda_1", &brink::Column::name);
  if (lambda == out.end()) return out;
  lambda->chart.reference = 2 / learning_rate;
  lambda->chart.reference_name = "2/η";
  return out;
}

}  // namespace support
