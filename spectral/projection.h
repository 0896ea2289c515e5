// SPDX-License-Identifier: MIT
// The operator projected onto the Lanczos basis, T = QᵀAQ as numbers: Ritz values, their bounds and coordinates, and whether
// they suffice. The vectors are in lanczos.cpp.
// T = diag(locked values) ⊕ tridiagonal(alpha, beta): the invariant subspaces found at breakdowns keep their values, and the
// recurrence continues in the active block.
#pragma once

#include <cstdint>
#include <vector>

namespace brink {

/// Where a Ritz value is: among the locked columns, or in the active block.
struct Candidate {
  double value = 0, bound = 0;
  int index = 0;
  bool locked = false;
};

/// Columns 0 … locked−1 of the basis are locked, locked … m−1 the active block; beta[m−1] couples it to the next vector.
struct Projection {
  /// For an operator of dimension `dim` and a basis of up to `max_basis` columns.
  Projection(std::int64_t dim, int max_basis);

  int active_size() const { return m - locked; }
  /// Computes the Ritz values of the active block, ascending, with bounds; `all` = these and the locked ones, ascending.
  /// Returns false if T is not finite.
  bool solve();
  /// d = the active block's Ritz values, ascending; arrow[i·a + k] = entry k of its eigenvector i. To be called after solve.
  void vectors_of_active();

  Candidate from_top(int i) const { return all[static_cast<std::size_t>(m - 1 - i)]; }
  Candidate from_bottom(int i) const { return all[static_cast<std::size_t>(i)]; }
  /// Whether all wanted pairs exist and have bounds of at most tolerance · scale.
  bool bounds_hold(int top, int bottom, double tolerance) const;
  /// Whether the active block has, at a wanted place, a value beyond those of the locked columns.
  bool contributed(int top, int bottom, double tolerance) const;

  std::int64_t dim;  ///< dimensions of the operator
  int m = 0, locked = 0;
  double scale = 0;  ///< max|θⱼ| of the last solve
  std::vector<double> alpha, beta, d, e, last, arrow;
  std::vector<Candidate> active, all;
};

}  // namespace brink
