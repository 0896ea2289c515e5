// SPDX-License-Identifier: MIT
// The whole Hessian of a small network and its spectrum, and the error of a vector over the parameters.
#pragma once

#include <string>
#include <vector>

#include "spectral/linear_operator.h"
#include "tools/verify/on_device.h"

namespace brink::verify {

class DenseHessian {
 public:
  /// n products of a HostHvp that has been linearised in float64; n = layout.count(). Memory 8n² bytes, time n products and
  /// about 9n³ operations. Throws DataError where an entry is not finite.
  DenseHessian(const ParameterLayout&, HostHvp&);

  const std::vector<double>& eigenvalues() const { return eigenvalues_; }  ///< ascending
  Array eigenvector(std::int64_t i) const;                                 ///< of eigenvalue i, a vector of the layout
  double trace() const { return trace_; }
  double trace_of_square() const { return trace_of_square_; }
  double asymmetry() const { return asymmetry_; }  ///< max|H − Hᵀ| / max|H|

 private:
  ParameterLayout layout_;
  std::vector<std::int64_t> place_;  // of entry i in a vector of the layout
  std::vector<double> vectors_;
  std::vector<double> eigenvalues_;
  double trace_ = 0, trace_of_square_ = 0, asymmetry_ = 0;
};

struct VectorError {
  double error = 0;
  std::string tensor;    ///< the worst
  std::string rounding;  ///< those that were compared with the whole vector, each after a space
  /// For a row of the table: the worst tensor, and those that were compared differently.
  std::string note() const { return rounding.empty() ? tensor : tensor + "; rounding alone:" + rounding; }
};
/// The largest of |a − b| / max|b| over the tensors of a vector. If that exceeds the tolerance while no |a − b| exceeds 2⁻⁴⁸ of
/// the whole vector's max|b|, the tensor consists of rounding errors of larger sums: it is then compared with the whole
/// vector's max|b|, and named. (A normalisation after a β removes its effect, so two float64 programs agree there only up to
/// rounding.)
VectorError vector_error(const ParameterLayout&, const Array& found, const Array& reference, double tolerance);

/// Standard normal numbers for Lanczos; the layout's gaps are +0.
FillNormal normals_of(Device, const ParameterLayout&);

}  // namespace brink::verify
