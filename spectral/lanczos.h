// SPDX-License-Identifier: MIT
// Lanczos (spectral/recurrence.h) for both ends of a symmetric operator's spectrum, with a residual for every value. An eigenvalue lies within
// `residual` of each value; that none lies further out is only probable, and of a multiple eigenvalue only one copy is found at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/device.h"
#include "kernels/view.h"
#include "spectral/float_range.h"
#include "spectral/linear_operator.h"
#include "spectral/two_sided.h"

namespace brink {

struct LanczosLimits {
  int max_basis = 48;       ///< columns of Q, and of AQ; 2·max_pairs + 8 to 128 (fewer dimensions need fewer)
  int max_pairs = 2;        ///< the largest top + bottom of any run
  int most_dropped = 1024;  ///< Ritz values that the restarts of a run may drop before its bounds become infinite
};

struct LanczosOptions {
  int top = 1, bottom = 0;  ///< pairs wanted at each end; more than the dimension means all
  double tolerance = 1e-3;  ///< of ‖Hy − θy‖ / max|θⱼ|
  int budget = 200;         ///< largest number of products
  int confirm = 0;          ///< further iterations for which the tolerance must hold before the run stops
  /// Go on until no eigenvalue is above the largest Ritz value + upper_tolerance · max|θⱼ|; needs top.
  bool two_sided = false;
  double upper_tolerance = 1e-3;
  double probability = bound_probability;  ///< with which a bound may be wrong, for each random start
  double noise = 0;                        ///< size of the random vector that the given start contains
  bool orthogonality = true;               ///< compute ‖QᵀQ − I‖: as much work as all sweeps together
  std::uint64_t step = 0;  ///< random vectors are normals(x, RandomUse::start, step, restart), then restart + 1, …
  std::uint32_t restart = 0;
};

struct RitzPair {
  double value = 0;
  double bound = 0;     ///< |β_m s_{m,i}|
  double residual = 0;  ///< ‖Hy − θy‖, absolute, from the stored products
  double relative = 0;  ///< residual / max|θⱼ|; 0 if both are 0
  View vector;          ///< y, unit
};

/// exhausted: rounding keeps a residual above the tolerance: the whole space is spanned, or the operator is so small that its products
/// have lost digits below the smallest number of the type.
enum class LanczosStop : unsigned char { converged, budget, exhausted, not_finite };

/// Spans and views point into the solver's memory and are valid until its next run.
struct LanczosResult {
  std::span<const RitzPair> top;     ///< descending
  std::span<const RitzPair> bottom;  ///< ascending
  LanczosStop stop = LanczosStop::budget;
  bool converged = false;
  int products = 0;
  int sweeps = 0;          ///< Gram–Schmidt sweeps over all vectors
  int restarts = 0;        ///< thick restarts
  int breakdowns = 0;      ///< times the space was exhausted or a vector counted as dependent
  int basis = 0;           ///< columns of Q at the end
  double scale = 0;        ///< max|θⱼ|
  bool two_sided = false;  ///< whether `bounds.upper` is within the tolerance of the largest Ritz value
  SpectrumBounds bounds;
  double top_gap = 0;        ///< the largest Ritz value minus the next one, which need not have converged
  double orthogonality = 0;  ///< ‖QᵀQ − I‖, Frobenius norm; 0 if not requested
  bool symmetric = true;     ///< whether rounding explains the asymmetry; otherwise nothing counts as converged
  /// |uᵀHv − vᵀHu| for the unit Ritz vectors of the two ends, or the largest of that and of the vectors of each block; 0 for
  /// one-dimensional spaces.
  double asymmetry = 0;
};

/// One solver for many runs; the constructor allocates all memory, 2·max_basis + 2·max_pairs + 4 vectors.
/// Source: Wang & Roberts 2025, App. B.1; Wu & Simon 2000 (restart); Björck 1994 ("twice is enough").
class Lanczos {
 public:
  /// Throws std::invalid_argument for impossible limits, OutOfMemory.
  Lanczos(Device& device, std::int64_t dim, Dtype dtype, const LanczosLimits& limits, FillNormal normals);
  ~Lanczos();
  Lanczos(Lanczos&&) noexcept;

  /// `start` [dim] need not be a unit vector; if it has no data or is zero, the start is random.
  /// Throws std::invalid_argument if operator or options do not fit the solver; never for lack of convergence.
  LanczosResult run(const LinearOperator& a, const LanczosOptions& options, View start = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brink
