// SPDX-License-Identifier: MIT
#include "spectral/density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/functions/elementary.h"
#include "spectral/subspace.h"

namespace brink {

namespace {

constexpr double pi = 3.14159265358979323846;

/// The mean of one number for each vector, times n, and its standard error.
Estimate estimate_of(const SpectralMeasure& m, FunctionRef<double(const Quadrature&)> number) {
  const auto count = static_cast<double>(m.probes.size()), n = static_cast<double>(m.dim);
  std::vector<double> numbers;
  double sum = 0, squares = 0;
  for (const Quadrature& q : m.probes) sum += numbers.emplace_back(number(q));
  for (const double x : numbers) squares += (x - sum / count) * (x - sum / count);
  Estimate out{n * (sum / count), std::numeric_limits<double>::quiet_NaN()};
  if (m.complete)
    out.error = 0;
  else if (m.probes.size() > 1)
    out.error = n * std::sqrt(squares / (count - 1) / count);
  return out;
}

double integral(const Quadrature& q, FunctionRef<double(double)> f) {
  double sum = 0;
  for (std::size_t i = 0; i < q.nodes.size(); ++i) sum += q.weights[i] * f(q.nodes[i]);
  return sum;
}

double power(double x, int order) {
  double out = 1;
  for (int i = 0; i < order; ++i) out *= x;
  return out;
}

/// The largest distance between the distribution of the nodes inside [−e, e] and the semicircle. At a node the former is its middle.
double distance_to_semicircle(const SpectralMeasure& m, double edge, double sigma, double mass) {
  std::vector<std::pair<double, double>> inside;
  for (const Quadrature& q : m.probes)
    for (std::size_t i = 0; i < q.nodes.size(); ++i)
      if (q.nodes[i] <= edge) inside.emplace_back(q.nodes[i], q.weights[i] / mass);
  std::ranges::sort(inside);
  double before = 0, most = 0;
  for (const auto& [x, weight] : inside) {
    most = std::max(most, std::fabs(before + weight / 2 - semicircle_share(x, sigma)));
    before += weight;
  }
  return most;
}

}  // namespace

double SpectralMeasure::lowest() const {
  double least = std::numeric_limits<double>::infinity();
  for (const Quadrature& q : probes) least = std::min(least, q.nodes.front());
  return least;
}

double SpectralMeasure::highest() const {
  double most = -std::numeric_limits<double>::infinity();
  for (const Quadrature& q : probes) most = std::max(most, q.nodes.back());
  return most;
}

double SpectralMeasure::largest() const { return std::max(std::fabs(lowest()), std::fabs(highest())); }

int SpectralMeasure::depth() const {
  std::size_t most = 0;
  for (const Quadrature& q : probes) most = std::max(most, q.nodes.size());
  return static_cast<int>(most);
}

Estimate trace_of(const SpectralMeasure& m, FunctionRef<double(double)> f) {
  return estimate_of(m, [&](const Quadrature& q) { return integral(q, f); });
}

Estimate moment_of(const SpectralMeasure& m, int order) {
  return trace_of(m, [order](double x) { return power(x, order); });
}

DensityCurve density_of(const SpectralMeasure& m, double width, std::span<const double> at) {
  DensityCurve out{width, {at.begin(), at.end()}, {}, {}};
  for (const double x : at) {
    const Estimate e = trace_of(m, [=](double node) { return elementary::normal_density((x - node) / width) / width; });
    out.value.push_back(e.value);
    out.error.push_back(e.error);
  }
  return out;
}

std::vector<double> smoothed(std::span<const double> eigenvalues, double width, std::span<const double> at) {
  std::vector<double> out;
  for (const double x : at) {
    double sum = 0;
    for (const double lambda : eigenvalues) sum += elementary::normal_density((x - lambda) / width) / width;
    out.push_back(sum);
  }
  return out;
}

double resolved_width(const SpectralMeasure& m) {
  constexpr double of_one_value = 1e-3;
  if (const double range = m.highest() - m.lowest(); range > of_one_value * m.largest()) return range / m.depth();
  return m.largest() > 0 ? of_one_value * m.largest() : of_one_value;
}

std::vector<double> grid_over(const SpectralMeasure& m, double margin, int points) {
  const double low = m.lowest() - margin, high = m.highest() + margin;
  std::vector<double> out;
  for (int i = 0; i < points; ++i) out.push_back(low + (high - low) * i / (points - 1));
  return out;
}

double semicircle_share(double x, double sigma) {
  const double radius = 2 * sigma, s = x / radius;
  if (!(s > -1)) return 0;
  if (!(s < 1)) return 1;
  const double c = std::sqrt((1 - s) * (1 + s)), angle = angle_of(std::fabs(s), c);
  return 0.5 + (s * c + (s < 0 ? -angle : angle)) / pi;
}

std::optional<Bulk> bulk_of(const SpectralMeasure& m, double rounding) {
  Bulk out;
  out.edge = -m.lowest();
  if (!(out.edge > rounding)) return {};
  const double edge = out.edge;
  double mass = 0, squares = 0;
  for (const Quadrature& q : m.probes) {
    int above = 0;
    for (std::size_t i = 0; i < q.nodes.size(); ++i) {
      if (q.nodes[i] > edge) {
        ++above;
      } else {
        mass += q.weights[i];
        squares += q.weights[i] * q.nodes[i] * q.nodes[i];
      }
    }
    out.outliers = std::max(out.outliers, above);
  }
  out.above = trace_of(m, [edge](double x) { return x > edge ? 1.0 : 0.0; });
  out.sigma = std::sqrt(squares / mass);
  out.misfit = out.sigma > 0 ? distance_to_semicircle(m, edge, out.sigma, mass) : 1;
  return out;
}

}  // namespace brink
