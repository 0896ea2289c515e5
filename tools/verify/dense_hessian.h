// SPDX-License-Identifier: MIT
// The whole Hessian of a small network and its spectrum, and the error of a vector over the parameters.
#pragma once

#include <string>
#include <vector>

#include "spectral/dense_spectrum.h"
#include "spectral/linear_operator.h"
#include "tools/verify/on_device.h"

namespace brink::verify {

class DenseHessian {
 public:
  /// n products of a HostHvp that has been linearised in float64; n = layout.count(). Memory 8n² bytes, time n products and
  /// about 9n³ operations. Throws DataError where an entry is not finite.
  DenseHessian(const ParameterLayout&, HostHvp&);

  const std::vector<double>& eigenvalues() const { return spectrum_.eigenvalues(); }  ///< ascending
  Array eigenvector(std::int64_t i) const;  ///< of eigenvalue i, a vector of the layout
  double trace() const { return spectrum_.trace(); }
  double trace_of_square() const { return spectrum_.trace_of_square(); }
  double asymmetry() const { return spectrum_.asymmetry(); }  ///< max|H − Hᵀ| / max|H|

 private:
  ParameterLayout layout_;
  DenseSpectrum spectrum_;
};

struct VectorError {
  double error = 0;
  std::string tensor;    ///< the tensor with the largest error
  std::string rounding;  ///< those that were compared with the whole vector, each after a space
  /// Text for a row of the table: that tensor, and the tensors that were compared with the whole vector.
  std::string note() const { return rounding.empty() ? tensor : tensor + "; rounding alone:" + rounding; }
};
/// The largest of |a − b| / max|b| over the tensors of a vector. If that exceeds the tolerance while no |a − b| exceeds 2⁻⁴⁸ of
/// the whole vector's max|b|, the tensor consists of rounding errors of larger sums: it is then compared with the whole
/// vector's max|b|, and named. (A normalisation that follows a β removes the effect of β, so two float64 programs agree there only up to
/// rounding.)
VectorError vector_error(const ParameterLayout&, const Array& found, const Array& reference, double tolerance);

/// Standard normal numbers for Lanczos; the layout's gaps are +0.
FillNormal normals_of(Device, const ParameterLayout&);

}  // namespace brink::verify
