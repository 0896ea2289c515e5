// SPDX-License-Identifier: MIT
// The singular value decomposition of a small or narrow matrix in float64, by one-sided Jacobi rotations. Slow for many
// columns.
// Jacobi rotations keep the relative accuracy of small singular values, from which small angles are computed. Only + − × ÷ √
// are used, serially and without fma.
#pragma once

namespace brink {

/// A = U diag(σ) Vᵀ, σ descending.
/// Shapes: a [columns × rows], column j at a + j·rows, rows ≥ columns; in: A, out: U, orthonormal even where σ = 0.
///   sigma [columns]; v [columns × columns], right vector j at v + j·columns.
/// Errors: returns false, with everything unspecified, if an entry is not finite, rows < columns, or 60 sweeps do not suffice.
/// Cost: about 6·sweeps·rows·columns² operations, 6–10 sweeps.  Source: Hestenes 1958; de Rijk 1989; Demmel & Veselić 1992.
[[nodiscard]] bool svd(int rows, int columns, double* a, double* sigma, double* v);

}  // namespace brink
