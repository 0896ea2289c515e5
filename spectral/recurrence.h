// SPDX-License-Identifier: MIT
// The Lanczos recurrence with the modified Parlett–Kahan rule (docs/method.md, "Lanczos"), one product at a time, and nothing that decides
// when to stop: it is used for extreme eigenvalues (spectral/lanczos.h) and for quadrature.
// After a breakdown the active block's Ritz vectors are locked and a block with a random start follows. A thick restart keeps
// T tridiagonal: one Householder reduction of the arrow matrix rotates the kept Ritz vectors into the basis in which only the last one couples to
// the next vector. So the recurrence never changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "spectral/linear_operator.h"
#include "spectral/orthonormal_basis.h"
#include "spectral/projection.h"
#include "spectral/two_sided.h"

namespace brink {

/// A node and a weight of the Gauss quadrature that T stands for: q₁ᵀ f(A) q₁ ≈ Σ weight · f(node).
struct QuadratureNode {
  double node = 0, weight = 0;
};

/// One basis for many runs; the constructor allocates all memory. Columns 0 … locked−1 of Q span the invariant subspaces found at
/// breakdowns, columns locked … size−1 are the active block, column `size` holds the next vector.
///
///     r.begin(step, restart);
///     if (!r.start(v)) …;                            // not finite
///     while (r.size() < m && r.extend(a)) {          // false: not finite
///       if (r.exhausted()) break;                    // or r.lock(…) and r.restart_at_random()
///       r.accept_next();
///     }
class KrylovRecurrence {
 public:
  /// max_basis: columns of Q, at most max_combined; most_dropped: as that of TwoSidedBound. Throws OutOfMemory.
  KrylovRecurrence(Device& device, std::int64_t dim, Dtype dtype, int max_basis, FillNormal normals,
                   int most_dropped = 0);

  /// Empties the basis. Random vectors are normals(x, RandomUse::start, step, restart), then restart + 1, … parameters: those of the operator; probability: with which a bound may be
  /// wrong, for each random start.
  void begin(std::uint64_t step, std::uint32_t restart, std::int64_t parameters = 0,
             double probability = bound_probability);
  /// Puts a vector, not necessarily a unit one, into column 0; a random one if it has no data or is zero. noise: the size of the
  /// random vector that the given one contains. False if it is not finite.
  bool start(View vector, double noise = 0);
  /// Column `size`, a unit vector, becomes part of the basis, and column size + 1 the next direction, not yet normalised. False if something is not
  /// finite; then the product is counted, but left out of basis and T.
  bool extend(const LinearOperator&);
  /// Whether the last step ended the active block: the next direction is zero or dependent, β = 0.
  bool exhausted() const { return t_.beta[static_cast<std::size_t>(t_.m - 1)] == 0; }
  /// Whether the basis spans the whole space.
  bool complete() const { return t_.m == t_.dim; }
  /// Normalises the next direction. To be called after a step that did not exhaust the block.
  void accept_next();
  /// Puts a new random unit vector, orthogonal to the basis, into column `size`. False if none is found.
  bool accept_random();

  /// Rewrites the active block by `count` of its Ritz vectors; column `size` stays the next vector. chosen: indices of the block's Ritz
  /// values, which ascend.
  void compress(std::span<const int> chosen);
  /// After β = 0: the Ritz vectors of the active block become locked columns.
  void lock();
  /// Drops all locked columns but those at `places`, which ascend. The active block must be empty.
  void keep_locked(std::span<const int> places);

  /// T as numbers. `solve` computes its Ritz values; false if T is not finite.
  bool solve() { return t_.solve(); }
  const Projection& projection() const { return t_; }
  /// The eigenvectors of the active block's T, in `projection().arrow`.
  void solve_vectors() { t_.vectors_of_active(); }
  /// The quadrature of the active block, nodes ascending, in the units of A: its Ritz values and the squares of their eigenvectors' first
  /// components, which add up to 1. Exact if the block is exhausted. Returns an empty span if T is not finite. Valid until the next call.
  std::span<const QuadratureNode> quadrature();

  /// What the run says about the whole spectrum, in the units of T; to be called after `solve`. `none_above`: whether no eigenvalue is above a limit
  /// that is at least the largest Ritz value.
  SpectrumBounds bounds() const { return bound_.bounds(block()); }
  bool none_above(double limit) const { return bound_.none_above(limit, block()); }
  BlockState block() const;

  int size() const { return t_.m; }
  int locked() const { return t_.locked; }
  int max_basis() const { return max_basis_; }
  std::int64_t dim() const { return basis_.dim; }     ///< elements of a vector
  std::int64_t dimensions() const { return t_.dim; }  ///< without those that are always zero
  Dtype dtype() const { return basis_.dtype; }
  /// T of the active block: α, and β before normalisation, of which the last couples to the next vector. In the units of A they are to be
  /// multiplied by 2^−exponent.
  std::span<const double> alpha() const { return active(t_.alpha); }
  std::span<const double> beta() const { return active(t_.beta); }
  /// AQ and T are those of 2^exponent A; 0 for all but tiny operators.
  int exponent() const { return exponent_; }
  ColumnSet basis() const { return basis_.q.columns.range(0, t_.m); }
  ColumnSet products() const { return basis_.aq.columns.range(0, t_.m); }  ///< AQ as it was computed
  /// Products of A, sweeps over all vectors, and blocks that ended before the space did, since `begin`.
  int products_made() const { return products_; }
  int sweeps() const { return basis_.sweeps; }
  int breakdowns() const { return breakdowns_; }
  double largest() const { return largest_; }  ///< max|T|
  /// What the smallest number of the type leaves uncertain of a product of a tiny operator, in the units of T.
  double unit_of_products() const;
  /// ‖QᵀQ − I‖, Frobenius norm; as much work as all sweeps together.
  double orthogonality() { return basis_.orthogonality(t_.m); }

 private:
  std::span<const double> active(const std::vector<double>& numbers) const {
    return std::span(numbers).subspan(static_cast<std::size_t>(t_.locked), static_cast<std::size_t>(t_.active_size()));
  }
  bool fit(View product);

  OrthonormalBasis basis_;
  int max_basis_;
  Projection t_;
  std::vector<double> rotation_, diagonal_;
  std::vector<QuadratureNode> nodes_;
  TwoSidedBound bound_;
  double last_ = 0;  // the last off-diagonal, or an upper bound of it where T has 0
  double largest_ = 0;
  int exponent_ = 0, products_ = 0, breakdowns_ = 0;
};

}  // namespace brink
