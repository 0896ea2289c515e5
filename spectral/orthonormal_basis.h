// SPDX-License-Identifier: MIT
// An orthonormal basis of a Krylov space that grows by a vector at a time, by the modified Parlett–Kahan rule (docs/method.md, "Lanczos"), beside the
// products of its vectors.
#pragma once

#include <cstdint>

#include "kernels/basis/basis.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/scalars.h"
#include "spectral/linear_operator.h"

namespace brink {

/// `count` columns of n elements in memory of their own, each aligned.
struct TallArray {
  Array storage;
  ColumnSet columns;
  TallArray(std::int64_t n, int count, Dtype dtype, const Device& device);
};

/// What a vector has outside a space.
struct Remainder {
  double norm = 0;  ///< before normalisation; 0 if the vector counts as dependent
  double most = 0;  ///< an upper bound of it in any case
};

struct OrthonormalBasis {
  /// columns: of Q; AQ has one less for each `ahead`, the columns of Q that have no product yet. Throws OutOfMemory.
  OrthonormalBasis(Device& device, std::int64_t dim, Dtype dtype, int columns, int ahead, FillNormal normals);

  void begin(std::uint64_t step, std::uint32_t restart);
  /// Sweeps w against columns 0 … count−1; a norm of at most `floor` counts as zero. swept: its norm after a first sweep, if that has been done.
  Remainder orthogonalise(View w, int count, double before, double floor, const double* swept = nullptr);
  /// Puts a new random unit vector, orthogonal to columns 0 … place−1, into column `place`. False if none is found.
  bool put_random(int place);
  /// What counts as zero beside numbers of this size: 10·ε·√n·size.
  double floor_of(double size) const;
  /// The first `count` columns from `first` on become Q·rotation and AQ·rotation, of the columns first … end−1; rotation [(end − first) × count].
  void rotate(int first, int end, const double* rotation, int count);
  /// ‖QᵀQ − I‖ of the first m columns, Frobenius norm; as much work as all sweeps together.
  double orthogonality(int m);

  Device device;
  std::int64_t dim;
  Dtype dtype;
  FillNormal normals;
  TallArray q, aq;
  Scalars found, coefficients, gram;  // on the device: results of a step; of a sweep; QᵀQ
  Buffer scratch;                     // in the host's memory
  int sweeps = 0;
  std::uint64_t step = 0;
  std::uint32_t restart = 0;
};

}  // namespace brink
