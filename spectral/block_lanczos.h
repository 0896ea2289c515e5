// SPDX-License-Identifier: MIT
// Lanczos with a block of vectors in place of one, for operators that can take several vectors in one pass, and for multiple eigenvalues:
// of one as multiple as the block is wide, every copy is found. Elsewhere single vectors need fewer products (docs/experiments.md).
// T = QᵀAQ is computed entry by entry, as the coefficients of the first sweep, so restarts and dependent vectors need no rule of their own. Within
// a block both of T's entries of a pair of columns are computed; where they differ by more than rounding, the operator is not symmetric.
#pragma once

#include <cstdint>
#include <memory>

#include "spectral/lanczos.h"

namespace brink {

struct BlockLanczosLimits {
  int width = 4;       ///< vectors of a block
  int max_basis = 64;  ///< columns of Q; at least 2·max_pairs + 4·width, at most 128 (fewer dimensions need fewer)
  int max_pairs = 4;   ///< the largest top + bottom of any run
};

class BlockLanczos {
 public:
  /// Throws std::invalid_argument for impossible limits, OutOfMemory.
  BlockLanczos(Device& device, std::int64_t dim, Dtype dtype, const BlockLanczosLimits& limits, FillNormal normals);
  ~BlockLanczos();
  BlockLanczos(BlockLanczos&&) noexcept;

  /// starts: up to `width` rows [k, dim], made orthonormal here; random vectors take the place of what is missing or dependent. Of
  /// `options` the bounds of the spectrum are not used, and none are given. Throws as Lanczos::run.
  LanczosResult run(const LinearOperator& a, const LanczosOptions& options, View starts = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brink
