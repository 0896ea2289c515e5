// SPDX-License-Identifier: MIT
// All eigenvalues and eigenvectors of a small symmetric matrix in float64: Householder, then implicit QL. For large matrices
// see spectral/.
// Only + − × ÷ √ are used, in a fixed order, serially, without fma and compiled once: the same bits everywhere, unlike LAPACK.
#pragma once

namespace brink {

/// Eigenvalues of the symmetric tridiagonal matrix with diagonal d[n] and off-diagonal e[0 … n−2] (e[n−1] is scratch),
/// ascending into d; e is destroyed.
/// Shapes: z [n × rows], vector j at z + j·rows: on entry the columns of any rows × n matrix M, on return those of M·S, S the
///   eigenvectors; M = I gives S, M = the last row of I gives the eigenvectors' last entries. rows may be 0 (then z is not read).
/// Arithmetic: float64, implicit QL with Wilkinson's shift, scaled by a power of two; equal values keep QL's order.
/// Errors: returns false, with everything unspecified, if an entry is not finite or QL does not end (60 rounds for one value).
/// Cost: about 15n² + 6·rows·n² operations.  Source: Bowdler, Martin, Reinsch & Wilkinson 1968; Parlett 1998, ch. 8.
[[nodiscard]] bool tridiagonal_eigen(int n, double* d, double* e, double* z, int rows);

/// A = Q T Qᵀ with T tridiagonal (d, e as above) and the last row and column of Q those of the unit matrix.
/// Shapes: a [n × n], in: symmetric (only the lower triangle is read), out: Q, row-major.
/// Arithmetic: float64, Householder reflections from the last row upwards, scaled by a power of two.
/// Errors: returns false if an entry is not finite.  Cost: 8n³/3 operations.  Source: Martin, Reinsch & Wilkinson 1968.
[[nodiscard]] bool tridiagonalise(int n, double* a, double* d, double* e);

/// A = V diag(d) Vᵀ, d ascending.
/// Shapes: a [n × n], in: symmetric (only the lower triangle is read), out: eigenvector j at a + j·n; d [n]; work [n].
/// Errors: as the two above.
[[nodiscard]] bool symmetric_eigen(int n, double* a, double* d, double* work);

}  // namespace brink
