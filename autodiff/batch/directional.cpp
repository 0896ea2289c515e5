// SPDX-License-Identifier: MIT
#include "autodiff/batch/directional.h"

#include <fmt/format.h>

#include <stdexcept>
#include <vector>

#include "autodiff/taylor.h"
#include "autodiff/transform.h"

namespace brink {

namespace {

int checked_order(int order) {
  if (order < 1 || order > max_series_order)
    throw std::invalid_argument(
        fmt::format("directional derivatives of order {}: expected 1 to {}", order, max_series_order));
  return order;
}

Graph mixed_third(const Graph& loss) {
  constexpr int second = 2;
  Graph g = jvp(taylor(first_output(loss), second, 0), 1);
  const Output tangent = g.outputs().back();
  g.clear_outputs();
  g.output(tangent.name, tangent.role, 0, tangent.var);
  return prune(g);
}

/// Derivatives from Taylor coefficients.
void times_factorials(std::span<double> coefficients) {
  double factorial = 1;
  for (std::size_t k = 1; k < coefficients.size(); ++k) {
    factorial *= static_cast<double>(k);
    coefficients[k] *= factorial;
  }
}

std::vector<char> means(int count) { return std::vector<char>(static_cast<std::size_t>(count), 1); }

}  // namespace

DirectionalDerivatives::DirectionalDerivatives(Device& device, const Objective& objective, const Batch& batch,
                                               int order, const BatchOptions& options)
    : order_(checked_order(order)),
      sum_(
          device, objective, [&](std::int64_t samples) { return taylor(first_output(objective.loss(samples)), order); },
          batch, options, means(order + 1), "directional derivatives") {}

void DirectionalDerivatives::enqueue(View theta, View v, Scalar totals) { sum_.enqueue(theta, {&v, 1}, {}, totals); }

void DirectionalDerivatives::finish(std::span<double> totals) const {
  sum_.divide(totals);
  times_factorials(totals);
}

void DirectionalDerivatives::run(View theta, View v, std::span<double> derivatives) {
  sum_.run(theta, {&v, 1}, {}, derivatives);
  times_factorials(derivatives);
}

MixedThirdDerivative::MixedThirdDerivative(Device& device, const Objective& objective, const Batch& batch,
                                           const BatchOptions& options)
    : sum_(
          device, objective, [&](std::int64_t samples) { return mixed_third(objective.loss(samples)); }, batch, options,
          means(1), "mixed third derivative") {}

void MixedThirdDerivative::enqueue(View theta, View u, View w, Scalar total) {
  const View directions[] = {u, w};
  sum_.enqueue(theta, directions, {}, total);
}

double MixedThirdDerivative::finish(double total) const {
  sum_.divide({&total, 1});
  return 2 * total;
}

double MixedThirdDerivative::run(View theta, View u, View w) {
  const View directions[] = {u, w};
  double total = 0;
  sum_.run(theta, directions, {}, {&total, 1});
  return 2 * total;
}

}  // namespace brink
