// SPDX-License-Identifier: MIT
// The spectrum at one step of a recorded run: θ is computed again exactly, and its curvature is measured in any depth. The run is not changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spectral/dense_spectrum.h"
#include "spectral/lanczos.h"
#include "training/curvature_density.h"
#include "training/io/console.h"

namespace brink {

/// The largest number of parameters for which all eigenvalues are computed.
inline constexpr std::int64_t most_dense = 2000;

struct SpectrumOptions {
  std::string run;                        ///< its folder
  std::optional<std::int64_t> step = {};  ///< absent: the last one that is recorded
  CurvatureOperator of = CurvatureOperator::hessian;
  int top = 0, bottom = 0;  ///< eigenvalues at each end
  bool density = false, dense = false;
  bool per_layer = false;      ///< with the density
  bool check_product = false;  ///< compares the Hessian's float32 product with the float64 one
  QuadratureOptions quadrature = {};
  double width = 0;
  double tolerance = 1e-3;  ///< relative residual
  int budget = 1000;        ///< products for both ends together
  std::vector<std::string> sets = {};
  std::vector<std::pair<std::string, std::string>> flags = {};
};

struct SpectrumFound {
  std::string run;
  std::int64_t step = 0, parameters = 0;
  double learning_rate = 0, threshold = 0;  ///< of the update that follows
  double loss = 0;
  Dtype dtype = Dtype::f32;           ///< of top, bottom and density
  bool evaluation_mode = false;       ///< of the loss in evaluation mode, which is not the function that is minimised
  std::vector<RitzPair> top, bottom;  ///< without vectors
  /// ‖H₃₂y − H₆₄y‖ of each of their vectors, and of a random unit vector; only with check_product.
  std::vector<double> top_errors, bottom_errors;
  std::optional<double> random_error;
  LanczosResult ends;  ///< how they were found, without pairs
  std::vector<DensityFindings> densities, layers;
  std::optional<double> outside_blocks;
  std::optional<DenseSpectrum> dense;  ///< in float64
  std::string file;                    ///< RUN/measured/spectrum/…; empty: nothing was written
};

/// Throws UsageError where what is asked for cannot be (nothing, more eigenvalues than parameters, a dense spectrum of a large network, a step that the
/// run does not have, products in float64 beside those of a run in float64), DeviceError where it does not fit into memory, DataError, Error
/// (check_failed) if θ is not the recorded one, and DataError naming the product if the curvature is not finite there.
SpectrumFound spectrum_of_run(const SpectrumOptions&, Console& out);

}  // namespace brink
