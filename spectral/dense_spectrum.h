// SPDX-License-Identifier: MIT
// All eigenvalues of a small symmetric operator, from its products with the unit vectors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "spectral/linear_operator.h"

namespace brink {

class DenseSpectrum {
 public:
  /// places: the coordinates of the operator's vectors that count; the others, such as gaps between parameters, are left out.
  /// n = places.size() products; 8n² bytes; about 3n³ operations, 9n³ with eigenvectors. Throws std::domain_error, with the number of the
  /// product, if one is not finite.
  DenseSpectrum(Device&, const LinearOperator&, std::span<const std::int64_t> places, bool with_vectors);

  const std::vector<double>& eigenvalues() const { return eigenvalues_; }  ///< ascending
  /// Entries of the unit eigenvector of eigenvalue i, in the order of `places`. Only with vectors.
  std::span<const double> eigenvector(std::size_t i) const { return std::span(matrix_).subspan(i * n_, n_); }
  double trace() const { return trace_; }
  double trace_of_square() const { return trace_of_square_; }
  double asymmetry() const { return asymmetry_; }  ///< max|A − Aᵀ| / max|A|; 0 for a zero matrix
  bool symmetric() const {
    return symmetric_;
  }  ///< whether rounding explains max|A − Aᵀ|, beside the largest eigenvalue
  /// What rounding may add to each eigenvalue of the matrix: n·ε·max|λ|, ε that of float64.
  double rounding() const;

 private:
  std::size_t n_;
  std::vector<double> matrix_, eigenvalues_;
  double trace_ = 0, trace_of_square_ = 0, asymmetry_ = 0;
  bool symmetric_ = true;
};

}  // namespace brink
