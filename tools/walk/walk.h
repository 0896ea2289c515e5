// SPDX-License-Identifier: MIT
// The random walk X_{t+1} = X_t ± h(X_t), a model of the logarithm of higher-order curvature during an instability.
// Source: Wang & Roberts 2025, eqs. 4 and 5, App. F.11; docs/walk.md.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/device.h"

namespace brink::walk {

/// h(x) = floor + height/(1 + e^(−slope·x)), which is bounded, and non-decreasing for a slope of at least 0.
struct StepSize {
  double floor = 0.05, height = 0.25, slope = 1;
};

/// Whether all three are finite, and floor and height not negative.
bool is_step_size(const StepSize&);

/// X_0 is drawn from one of the parts, chosen with the weights: a normal distribution, or a point if its deviation is 0.
struct Part {
  double mean = 1, deviation = 0, weight = 1;
};

/// The coupled form: the step size is h(s_t) with the surplus s_t = gain·(X_t − boundary) + noise·ζ_t, ζ_t standard normal. A
/// path whose surplus is not positive is absorbed: it keeps its X from then on.
struct Coupling {
  double gain = 1, boundary = 0, noise = 0;
};

struct Options {
  std::int64_t paths = 1'000'000, steps = 200;
  std::int64_t every = 2;  ///< steps between two snapshots; the last step has one too
  std::uint64_t seed = 0;
  StepSize h = {};
  std::vector<Part> start{{}};
  std::optional<Coupling> coupling = {};
  int bins = 1024;
  std::int64_t kept = 64;  ///< the first paths, whose X every snapshot has
  std::vector<double> levels{0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999};
};

/// What all paths are like at a step.
struct Snapshot {
  std::int64_t step = 0;
  double mean = 0, variance = 0, skewness = 0;  ///< of the paths as a population; skewness 0 where the variance is 0
  double lowest = 0, highest = 0;
  std::vector<double> quantiles;  ///< the smallest x with at least the share `level` of the paths at or below it
  std::int64_t below_start = 0;   ///< paths with X_t < X_0
  std::int64_t absorbed = 0;
  std::vector<std::int64_t> counts;  ///< in bins of equal width from lowest to highest
  std::vector<double> kept;
};

/// The memory of simulate(), its result, and a copy of that for writing; 2⁶² if it is more.
std::int64_t memory_bytes(const Options&);

/// The sign of step t of a path, and every other random number, is a function of (seed, path, t) alone, and sums have a fixed
/// order, so the threads of the device change no bit of the result. Throws std::invalid_argument for options that make no sense.
std::vector<Snapshot> simulate(const Options&, Device&);

}  // namespace brink::walk
