// SPDX-License-Identifier: MIT
// Stochastic Lanczos quadrature: random unit vectors, the Gauss quadrature of each one's Lanczos recurrence, and with them an estimate of every
// sum Σ f(λ) over the eigenvalues (spectral/density.h).
// The random vectors are made orthogonal to each other: so many of them as there are dimensions leave no statistical error.
#pragma once

#include <cstdint>

#include "spectral/density.h"
#include "spectral/linear_operator.h"
#include "spectral/recurrence.h"

namespace brink {

struct QuadratureOptions {
  int probes = 8;  ///< random vectors; no more than dimensions are used
  int depth = 48;  ///< products for each: nodes of its quadrature, at most max_combined
};

class StochasticQuadrature {
 public:
  /// extent: elements of the operators' vectors. normals: called with (step, number of the vector).
  /// Allocates all memory: `probes` and 2·depth + 3 vectors. Throws OutOfMemory.
  StochasticQuadrature(Device&, std::int64_t extent, Dtype, const QuadratureOptions&, FillNormal normals);

  struct Result {
    SpectralMeasure measure;  ///< with no probe if a product was not finite
    int products = 0;         ///< with the one that was not finite
    bool finite = true;
    /// |uᵀAv − vᵀAu| of the first two vectors; 0 if there is one only. Random vectors see an asymmetry that is spread over the whole matrix,
    /// ‖A − Aᵀ‖_F/n on average, and little of one that is confined to a few eigenvectors, which Lanczos sees.
    double asymmetry = 0;
    bool symmetric = true;  ///< whether rounding explains it, beside the largest node
  };
  /// The spectrum of the operator on the space in which its vectors lie, which has n dimensions. normals: makes the random vectors of that space;
  /// null: those of the constructor. Exact for a vector whose Krylov space ends within the depth.
  Result run(const LinearOperator&, std::int64_t n, std::uint64_t step, const FillNormal& normals = {});

 private:
  bool make_probe(int k, std::uint64_t step, const FillNormal& normals);

  Device device_;
  QuadratureOptions options_;
  FillNormal normals_;
  TallArray probes_, product_;
  Scalars numbers_;
  Buffer scratch_;
  KrylovRecurrence recurrence_;
};

}  // namespace brink
