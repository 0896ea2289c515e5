// SPDX-License-Identifier: MIT
// The largest and smallest eigenvalues of an operator that changes little from step to step, each with its residual, from the
// vectors of an earlier step. A missed eigenvalue is improbable but possible; cold checks look for it.
// The vectors of step t − 2 are better starts than those of t − 1, because gradient descent at the edge of stability has period 2
// (docs/experiments.md).
// The start is one vector, the sum of the tracked ones plus noise, because blocks of retained vectors take more products
// (docs/experiments.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "spectral/lanczos.h"

namespace brink {

struct TrackerOptions {
  int top = 1, bottom = 1;  ///< either may be 0, not both
  int most_top = 0;         ///< to which EigenTracker::track may raise top; not above top: top is fixed
  double tolerance = 1e-3;  ///< relative residual
  bool two_sided = false;   ///< go on until no eigenvalue is above λ₁ + upper_tolerance · scale; needs top
  double upper_tolerance = 1e-3;
  double probability = bound_probability;  ///< with which a bound may be wrong, for each random start
  int cold_check = 25;  ///< measured steps between two cold runs beside the warm ones; 0: at events only
  int budget = 200;     ///< largest number of products per step, in all its runs together
  double noise = 0.1;   ///< size of the noise added to the unit sum of the warm vectors
  int max_basis = 48;   ///< columns of Lanczos's basis
  /// Further iterations for which a cold run must hold its tolerance. A random start lies almost wholly in the near-null space
  /// of a Hessian, and a Ritz value there passes the test long before the lower end is found (docs/experiments.md).
  int cold_confirm = 4;
};

/// A warm and a cold run differ by more than their residuals and rounding allow. This is the eigenvalue for which the excess is
/// largest.
struct Disagreement {
  bool bottom = false;        ///< whether it is one of the smallest
  int index = 0;              ///< position from its end of the spectrum; 0: the outermost
  double warm = 0, cold = 0;  ///< NaN: that run did not find it
  double allowed = 0;         ///< the difference that residuals and rounding allow together
};

/// One measured step. Spans and views are valid until the next call of `measure`.
struct TrackerStep {
  std::span<const RitzPair> top;             ///< descending
  std::span<const RitzPair> bottom;          ///< ascending
  bool converged = false;                    ///< whether all these pairs have converged to the tolerance
  bool finite = true;                        ///< false: the operator gave NaN or infinity
  bool warm = false;                         ///< the reported run started from the last step's vectors
  bool cold_checked = false;                 ///< whether there was a cold run as well
  bool redone = false;                       ///< whether warm and cold run disagreed by more than their residuals
  std::optional<Disagreement> disagreement;  ///< the eigenvalue on which they disagreed, if they did
  bool two_sided = false;                    ///< whether no eigenvalue is above λ₁ + upper_tolerance · scale
  SpectrumBounds bounds;                     ///< of all runs of this step
  double top_gap = 0;                        ///< as that of LanczosResult
  int products = 0;                          ///< of all runs together
  int sweeps = 0;
  double scale = 0;          ///< max|θⱼ|
  double orthogonality = 0;  ///< ‖QᵀQ − I‖ of the step's cold run, otherwise 0; it costs as much as all sweeps
  double asymmetry =
      0;  ///< of the reported run, or the largest of the runs of this step if rounding does not explain that
  bool symmetric = true;  ///< whether rounding explains it in each run; otherwise nothing counts as converged
};

/// Random vectors are a function of the step, so a resumed run repeats them: the noise is (step, 0), the cold start (step, 0),
/// a second cold start (step, 2²⁰). A run that needs further vectors takes the following restart numbers.
class EigenTracker {
 public:
  /// Allocates all memory. Throws std::invalid_argument for impossible options, OutOfMemory.
  EigenTracker(Device& device, std::int64_t dim, Dtype dtype, const TrackerOptions& options, FillNormal normals);
  ~EigenTracker();
  EigenTracker(EigenTracker&&) noexcept;

  /// Measures at `step`. `check` asks for a cold run too (an event). Never throws for lack of convergence; what the operator
  /// throws is passed on, and `abandon` is to be called then.
  TrackerStep measure(const LinearOperator& a, std::int64_t step, bool check = false);

  /// From now on `top` largest pairs are measured, 1 to the larger of options.top and options.most_top. Allocates nothing. Throws
  /// std::invalid_argument.
  void track(int top);

  /// What a checkpoint must contain: vectors [top + bottom, dim] with the largest top, row i = vector i, of the last two measured steps, and
  /// numbers.
  struct Memory {
    View vectors, older;                      ///< all zero before the first and the second measured step
    std::int64_t step = -1, older_step = -1;  ///< of which they are; −1: none
    std::int64_t measured = 0;                ///< steps measured so far
  };
  Memory memory() const;
  void restore(const Memory&);
  /// To be called when the operator has thrown: the memory is again what it was before the step that was being measured.
  void abandon();
  /// Drops the vectors: the next step starts cold.
  void forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brink
