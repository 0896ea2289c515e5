// SPDX-License-Identifier: MIT
// What it is: the largest and smallest eigenvalues of an operator that changes a little from step to step, each with its
// residual, from the last measured step's vectors. What it is not: a guarantee that no eigenvalue is missed; cold checks
// make that improbable, and say so when it happened.
// Decision: the start is one vector, the sum of what was tracked plus noise. Blocks of retained vectors cost more: 150 steps of an
// MLP at the edge of stability took 15.0 products a step from the sum for both ends, 18.0–19.5 from blocks of 2 to 6 (2026).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "spectral/lanczos.h"

namespace brink {

struct TrackerOptions {
  int top = 1, bottom = 1;  ///< either may be 0, not both
  double tolerance = 1e-3;  ///< relative residual
  int cold_check = 25;      ///< every so many measured steps a cold run beside the warm one; 0 = at events only
  int budget = 200;         ///< products a step, all its runs together
  double noise = 0.1;       ///< size of the noise added to the unit sum of the warm vectors
  int max_basis = 48;       ///< columns of Lanczos's basis
  /// Further iterations for which a cold run must hold its tolerance. A random start lies almost wholly in the near-null space
  /// of a Hessian, and a Ritz value there passes the test long before the lower end is found: without, 20 of 150 cold runs on an
  /// MLP were wrong by more than 3e-3·λ₁, with 4 none was (2026).
  int cold_confirm = 4;
};

/// Where a warm and a cold run differ by more than their residuals and rounding allow: at the eigenvalue where the excess is largest.
struct Disagreement {
  bool bottom = false;        ///< it is one of the smallest
  int index = 0;              ///< 0: the outermost of its end
  double warm = 0, cold = 0;  ///< NaN: that run did not find it
  double allowed = 0;         ///< residuals and rounding together
};

/// One measured step. Spans and views are valid until the next call of `measure`.
struct TrackerStep {
  std::span<const RitzPair> top;             ///< descending
  std::span<const RitzPair> bottom;          ///< ascending
  bool converged = false;                    ///< all of them, to the tolerance
  bool finite = true;                        ///< false: the operator gave NaN or infinity
  bool warm = false;                         ///< the reported run started from the last step's vectors
  bool cold_checked = false;                 ///< a cold run was made beside it
  bool redone = false;                       ///< warm and cold disagreed beyond their residuals
  std::optional<Disagreement> disagreement;  ///< about what, where they did
  int products = 0;                          ///< all runs
  int sweeps = 0;
  double scale = 0;          ///< max|θⱼ|
  double orthogonality = 0;  ///< ‖QᵀQ − I‖ of the step's cold run, else 0: it costs as much as all sweeps
  double asymmetry = 0;
};

/// Random vectors are a function of the step, so a resumed run repeats them: the noise is (step, 0), the cold start
/// (step, 0), a second cold start (step, 2²⁰); a run that needs further vectors takes the restarts after its own.
class EigenTracker {
 public:
  /// Takes all memory. Throws std::invalid_argument for impossible options, OutOfMemory.
  EigenTracker(Device& device, std::int64_t dim, Dtype dtype, const TrackerOptions& options, FillNormal normals);
  ~EigenTracker();
  EigenTracker(EigenTracker&&) noexcept;

  /// Measures at `step`. `check` asks for a cold run too (an event). Never throws for lack of convergence.
  TrackerStep measure(const LinearOperator& a, std::int64_t step, bool check = false);

  /// What a checkpoint must hold: the vectors [top + bottom, dim], row i = vector i, and the counter.
  struct Memory {
    View vectors;               ///< of the last measured step; all zero where there was none
    std::int64_t measured = 0;  ///< steps measured so far
  };
  Memory memory() const;
  void restore(const Memory&);
  /// Forgets the vectors: the next step starts cold.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brink
