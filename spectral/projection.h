// SPDX-License-Identifier: MIT
// What it is: an operator as Lanczos sees it, T = QᵀAQ in numbers: Ritz values, their bounds and coordinates, and whether they will
// do. What it is not: vectors (lanczos.cpp). Decision: T = diag(locked values) ⊕ tridiagonal(alpha, beta): invariant spaces left
// behind by breakdowns keep their values, and the recurrence goes on in the active block.
#pragma once

#include <cstdint>
#include <vector>

namespace brink {

/// Where a Ritz value sits: among the locked columns, or in the active block.
struct Candidate {
  double value = 0, bound = 0;
  int index = 0;
  bool locked = false;
};

/// Columns 0 … locked−1 of the basis are locked, locked … m−1 the active block; beta[m−1] couples it to the next vector.
struct Projection {
  /// Of an operator of dimension `dim`, for a basis of up to `max_basis` columns.
  Projection(std::int64_t dim, int max_basis);

  int active_size() const { return m - locked; }
  /// Ritz values of the active block, ascending, with bounds; `all` = these and the locked ones, ascending. False if T is not finite.
  bool solve();
  /// d = the active block's Ritz values, ascending; arrow[i·a + k] = entry k of its eigenvector i. After solve.
  void vectors_of_active();

  Candidate from_top(int i) const { return all[static_cast<std::size_t>(m - 1 - i)]; }
  Candidate from_bottom(int i) const { return all[static_cast<std::size_t>(i)]; }
  /// Whether all wanted pairs are there, with bounds of at most tolerance · scale.
  bool bounds_hold(int top, int bottom, double tolerance) const;
  /// Whether the active block reaches beyond what the locked columns already hold, at a wanted place.
  bool contributed(int top, int bottom, double tolerance) const;

  std::int64_t dim;
  int m = 0, locked = 0;
  double scale = 0;  ///< max|θⱼ| of the last solve
  std::vector<double> alpha, beta, d, e, last, arrow;
  std::vector<Candidate> active, all;
};

}  // namespace brink
