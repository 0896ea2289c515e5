// SPDX-License-Identifier: MIT
// Builders of matrix products, sums over samples and broadcasts.
#pragma once

#include "autodiff/graph.h"
#include "autodiff/primitives/pairs.h"

namespace brink {

extern const Primitive matmul_p, weight_gradient_p, sum_samples_p, add_row_p, broadcast_row_p, broadcast_column_p,
    sum_columns_p, pad_columns_p, slice_columns_p;

/// `group` is that of the weight gradient in the derivative.
struct MatmulAttributes {
  std::int64_t group = 0;
  bool transpose_b = false;
  auto fields() const { return std::tie(group, transpose_b); }
  std::string describe() const;
};
/// `rows` samples, each of height × width pixels; 0 × 0: without pixels, a matrix.
struct BroadcastAttributes {
  std::int64_t rows = 0, group = 0, height = 0, width = 0;
  auto fields() const { return std::tie(rows, group, height, width); }
  std::string describe() const;
};
/// An extent that the inputs do not determine: the columns of a broadcast.
struct Extent {
  std::int64_t value = 0;
  auto fields() const { return std::tie(value); }
  std::string describe() const;
};
/// Consecutive columns: the `first` one, and the `width` of the result.
struct Columns {
  std::int64_t first = 0, width = 0;
  auto fields() const { return std::tie(first, width); }
  std::string describe() const;
};

/// Σᵢ AᵢBᵢ (or AᵢBᵢᵀ) in one chain per element; pairs with a symbolic zero are left out.  A [S,K], B [K,N], result [S,N].
/// Rows are samples; `group` is that of the sum over samples in B's derivative.
Var matmul(Graph&, const std::vector<Factors>&, bool transpose_b, std::int64_t group);
/// Σᵢ XᵢᵀDᵢ summed over samples in groups.  X [S,K], D [S,N], result [K,N]
Var weight_gradient(Graph&, const std::vector<Factors>&, std::int64_t group);
/// Σ_s d[s,:].  d [S,N] or [S,P,Q,N], result [N]
Var sum_samples(Graph&, Var d, std::int64_t group);
/// x[s,:] + b.  x [S,N] or [S,P,Q,N], b [N]. The bias gradient is summed in groups of `group` samples.
Var add_row(Graph&, Var x, Var b, std::int64_t group);
/// b in every row.  b [N], result [rows,N]
Var broadcast_row(Graph&, Var b, std::int64_t rows, std::int64_t group);
/// b in every row, or in every pixel.  b [N], result of shape `to`: [S,N] or [S,P,Q,N]
Var broadcast_row(Graph&, Var b, const Shape& to, std::int64_t group);
/// r in every column.  r [S,1], result [S,columns]
Var broadcast_column(Graph&, Var r, std::int64_t columns);
/// Σ_c x[:,c].  x [S,C], result [S,1]
Var sum_columns(Graph&, Var x);
/// x with zero columns before and after.  x [S,C], result [S,width]
Var pad_columns(Graph&, Var x, std::int64_t before, std::int64_t width);
/// Columns first … first+width−1.  x [S,C], result [S,width]
Var slice_columns(Graph&, Var x, std::int64_t first, std::int64_t width);

}  // namespace brink
