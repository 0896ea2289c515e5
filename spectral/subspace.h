// SPDX-License-Identifier: MIT
// Principal angles between two k-dimensional subspaces and the scores made of them (docs/method.md, "Subspaces").
// Each angle is computed from the smaller of its cosine and sine, which is the accurate one. Both come from one-sided Jacobi
// rotations, so angles near 0 keep their digits.
#pragma once

#include <span>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/device.h"

namespace brink {

struct SubspaceComparison {
  std::vector<double> angles;  ///< principal angles, ascending, radians in [0, π/2]
  double distance = 0;         ///< Grassmann (geodesic) distance ‖φ‖₂
  double similarity = 1;       ///< cos(distance/√k), in [0, 1]; |cos φ| for k = 1
  double misalignment = 0;     ///< 1 − similarity
};

/// Compares span U with span V, both n × k of the same type with linearly independent, usually orthonormal, columns. Both are
/// first orthonormalised in float64. Order and signs of columns do not matter beyond rounding.
/// Throws std::invalid_argument if shapes differ, k is 0 or above n, a column is dependent or not finite.
/// Allocates 4 n × k doubles.  Source: Björck & Golub 1973; Knyazev & Argentati 2002.
SubspaceComparison compare_subspaces(Device&, const ColumnSet& u, const ColumnSet& v);

/// The same comparison where only the columns' inner products are known: k × k numbers, row-major, entry (i, j) that of column i of the
/// first factor with column j of the second. An angle below about 1e-8 has an error of that size; so has its sine, and the misalignment one of
/// 1e-16. Allocates in the constructor only.
class ComparisonOfProducts {
 public:
  explicit ComparisonOfProducts(int columns);
  /// UᵀU, UᵀV and VᵀV. Null if a column is dependent or not finite; otherwise valid until the next call.
  const SubspaceComparison* compare(std::span<const double> uu, std::span<const double> uv, std::span<const double> vv);

 private:
  std::size_t k_;
  std::vector<double> left_, right_, cross_, sines_, cosines_, vectors_, work_;
  SubspaceComparison out_;
};

/// The angle in [0, π/2] with the given sine and cosine (both ≥ 0, with squares that add up to about 1). Error below 4e-16.
double angle_of(double sine, double cosine);

}  // namespace brink
