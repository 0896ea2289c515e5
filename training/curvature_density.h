// SPDX-License-Identifier: MIT
// The spectral densities of the loss's curvature at one θ: of the Hessian, of its Gauss–Newton part, of the rest, and of each layer's block.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spectral/stochastic_quadrature.h"
#include "training/curvature_operators.h"
#include "training/layers.h"
#include "training/named_view.h"

namespace brink {

struct DensityOptions {
  QuadratureOptions quadrature = {};
  double width = 0;  ///< standard deviation of the smoothing; 0: resolved_width
  std::vector<CurvatureOperator> operators{CurvatureOperator::hessian};
  bool per_layer = false;  ///< also the diagonal block of each layer, of the first of the operators
};

/// One operator's density, or that of one layer's block.
struct DensityFindings {
  std::string name;         ///< "hessian", "hessian/dense0"
  SpectralMeasure measure;  ///< without probes if a product was not finite
  DensityCurve curve;
  Estimate trace, trace_of_square;
  std::optional<Bulk> bulk;
  int products = 0;
  double asymmetry = 0;   ///< |uᵀAv − vᵀAu| of two random unit vectors
  bool symmetric = true;  ///< whether rounding explains it; not judged for a difference of operators
  bool finite() const { return !measure.probes.empty(); }
};

class CurvatureDensity {
 public:
  /// Allocates all vectors. Throws OutOfMemory.
  CurvatureDensity(Device&, const ParameterLayout&, Dtype, const DensityOptions&, std::uint64_t seed);

  /// The operators and the Hessian are at θ of this step. The random vectors are a function of seed and step. Waits for the device.
  void measure(CurvatureOperators&, const LinearOperator& hessian, std::uint64_t step);
  std::span<const DensityFindings> operators() const { return operators_; }  ///< in the order of the options
  std::span<const DensityFindings> layers() const { return blocks_; }        ///< in the order of the network
  int products() const;
  /// 1 − Σ tr(B²)/tr(A²) over the layers' blocks B of A: the share of the squared entries that lies outside the blocks, which their spectra
  /// do not show. Empty without layers, or if A is zero.
  std::optional<double> outside_blocks() const;

  /// The curves, nodes and weights of the last `measure` in the device's memory, valid until the next call; and what they were made with.
  std::vector<NamedView> tensors();
  std::vector<std::pair<std::string, std::string>> metadata() const;

 private:
  DensityFindings findings_of(std::string name, const LinearOperator&, std::int64_t n, std::uint64_t step,
                              const FillNormal& probes);
  void hold(std::vector<NamedView>& out, std::string name, const Array& host);

  Device device_;
  DensityOptions options_;
  ParameterLayout layout_;
  std::vector<Layer> layers_;
  std::uint64_t seed_;
  StochasticQuadrature quadrature_;
  std::vector<DensityFindings> operators_, blocks_;
  std::vector<Array> held_;
};

}  // namespace brink
