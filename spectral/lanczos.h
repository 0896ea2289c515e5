// SPDX-License-Identifier: MIT
// What it is: Lanczos-MPK (method, section 2) for both ends of a symmetric operator's spectrum, with a residual for every value.
// What it is not: a proof that no larger eigenvalue exists (an eigenvalue lies within `residual` of each value; that none is
// further out is only probable), nor a block method: of a cluster it sees one copy at a time.
// Decision: a restart keeps T tridiagonal: the kept Ritz vectors are turned, by one Householder reduction of the arrow matrix,
// into the basis in which they couple to the next vector through the last one only. So the recurrence never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/device.h"
#include "kernels/view.h"
#include "spectral/linear_operator.h"

namespace brink {

struct LanczosLimits {
  int max_basis = 48;  ///< columns of Q, and of AQ; 2·max_pairs + 8 to 128 (fewer dimensions need fewer)
  int max_pairs = 2;   ///< top + bottom of any run
};

struct LanczosOptions {
  int top = 1, bottom = 0;    ///< pairs wanted at each end; more than the dimension means all
  double tolerance = 1e-3;    ///< on ‖Hy − θy‖ / max|θⱼ|
  int budget = 200;           ///< products
  int confirm = 0;            ///< further iterations for which the tolerance must hold before it is believed
  bool orthogonality = true;  ///< compute ‖QᵀQ − I‖: as much work as all sweeps together
  std::uint64_t step = 0;     ///< random vectors are normals(x, RandomUse::start, step, restart), then restart + 1, …
  std::uint32_t restart = 0;
};

struct RitzPair {
  double value = 0;
  double bound = 0;     ///< |β_m s_{m,i}|
  double residual = 0;  ///< ‖Hy − θy‖, absolute, from the stored products
  double relative = 0;  ///< residual / max|θⱼ|; 0 where both are 0
  View vector;          ///< y, unit
};

/// exhausted: rounding keeps a residual above the tolerance: the whole space is spanned, or the operator is so small that its products
/// have lost digits below the smallest number of the type.
enum class LanczosStop : unsigned char { converged, budget, exhausted, not_finite };

/// Spans and views are into the solver's own memory, valid until its next run.
struct LanczosResult {
  std::span<const RitzPair> top;     ///< descending
  std::span<const RitzPair> bottom;  ///< ascending
  LanczosStop stop = LanczosStop::budget;
  bool converged = false;
  int products = 0;
  int sweeps = 0;            ///< of Gram–Schmidt, all vectors together
  int restarts = 0;          ///< thick restarts
  int breakdowns = 0;        ///< times the space was exhausted or a vector counted as dependent
  int basis = 0;             ///< columns of Q at the end
  double scale = 0;          ///< max|θⱼ|
  double orthogonality = 0;  ///< ‖QᵀQ − I‖, Frobenius; 0 where not asked for
  double asymmetry = 0;  ///< |uᵀHv − vᵀHu| for the unit Ritz vectors of the two ends; 0 for one-dimensional spaces
};

/// About the smallest relative residual that vectors of this type can have; a smaller tolerance is met by chance only. Hy and θy are
/// rounded by ε/2 each and their sums are float64, which gives ε in float32. In float64 nothing is wider, so recombining the some
/// 40 vectors of a basis adds its own roundings: 10 ε. Four networks (MLP, AlexNet, VGG, ResNet20) certify at ε in float32, three of them (not tried: AlexNet) at 10 ε in float64, none at 0.3 ε and
/// 4 ε (2026-11).
double least_relative_residual(Dtype);

/// One solver for many runs: all memory, 2·max_basis + 2·max_pairs + 4 vectors, is taken by the constructor.
/// Source: Wang & Roberts 2025, App. B.1; Wu & Simon 2000 (restart); Björck 1994 ("twice is enough").
class Lanczos {
 public:
  /// Throws std::invalid_argument for impossible limits, OutOfMemory.
  Lanczos(Device& device, std::int64_t dim, Dtype dtype, const LanczosLimits& limits, FillNormal normals);
  ~Lanczos();
  Lanczos(Lanczos&&) noexcept;

  /// `start` [dim], not necessarily unit; without data, or zero, the start is random.
  /// Throws std::invalid_argument if operator or options do not fit what was constructed; never for lack of convergence.
  LanczosResult run(const LinearOperator& a, const LanczosOptions& options, View start = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brink
