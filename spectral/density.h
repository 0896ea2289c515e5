// SPDX-License-Identifier: MIT
// What a few Gauss quadratures say about all eigenvalues of a symmetric operator: traces of functions, the smoothed density, and its bulk.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/function_ref.h"

namespace brink {

/// Σ weights·f(nodes) = vᵀ f(A) v for a unit vector v and every polynomial f of degree up to 2m − 1, m the number of nodes.
struct Quadrature {
  std::vector<double> nodes, weights;  ///< nodes ascend; the weights are not negative and add up to 1
};

/// A number that is estimated from random vectors, and its standard error.
struct Estimate {
  double value = 0;
  double error = 0;  ///< NaN if there is one vector only, which says nothing about its own error
};

/// The eigenvalues of an operator as random unit vectors see them: the mean over the vectors v of n·vᵀ f(A) v is Σ f(λ) on average.
struct SpectralMeasure {
  std::int64_t dim = 0;  ///< n, the number of eigenvalues: the whole mass
  std::vector<Quadrature> probes;
  bool complete = false;  ///< the vectors are an orthonormal basis, so their choice leaves no error

  double lowest() const;   ///< of all nodes; no eigenvalue range is wider inside
  double highest() const;  ///< of all nodes
  double largest() const;  ///< max|node|
  int depth() const;       ///< the largest number of nodes of a vector
};

/// Σ f(λ) over all eigenvalues.
Estimate trace_of(const SpectralMeasure&, FunctionRef<double(double)> f);
/// Σ λᵏ: order 1 is the trace, order 2 the trace of the square.
Estimate moment_of(const SpectralMeasure&, int order);

/// Σ δ(x − λ) smoothed by a normal density of standard deviation `width`: eigenvalues per unit of x, with the integral n.
struct DensityCurve {
  double width = 0;
  std::vector<double> at, value, error;
};
DensityCurve density_of(const SpectralMeasure&, double width, std::span<const double> at);
/// The same of known eigenvalues.
std::vector<double> smoothed(std::span<const double> eigenvalues, double width, std::span<const double> at);

/// The width at which m nodes resolve what they show: their range over m. With fewer nodes the smoothed quadrature would show the nodes.
double resolved_width(const SpectralMeasure&);
/// `points` equally spaced numbers over all nodes and `margin` beyond them at both ends.
std::vector<double> grid_over(const SpectralMeasure&, double margin, int points);

/// The bulk of a spectrum that has eigenvalues on both sides of zero, taken to be symmetric: [−e, e], with −e the smallest node
/// (docs/method.md, "Density").
struct Bulk {
  double edge = 0;   ///< e
  int outliers = 0;  ///< nodes above e of the vector that has most; the eigenvalues above e are at least as many
  Estimate above;    ///< eigenvalues above e, counted with their multiplicity
  double sigma =
      0;  ///< of the semicircle: the root of the mean square of the eigenvalues in the bulk; its edge would be 2 sigma
  double misfit =
      0;  ///< largest distance between the cumulative distribution of the bulk and that of the semicircle, at most 1
};
/// Nothing if no node is below −rounding: then the spectrum has no lower edge from which the bulk could be told.
std::optional<Bulk> bulk_of(const SpectralMeasure&, double rounding);

/// The share of the eigenvalues below x, of a semicircle around 0 with standard deviation sigma.
double semicircle_share(double x, double sigma);

}  // namespace brink
