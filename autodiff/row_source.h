// SPDX-License-Identifier: MIT
// What it is: samples that are made when a block asks for them, in the place of an array that holds them all.
// What it is not: a queue or a cache. Decision: a row is a function of its index, so blocks, threads and the order of calls
// never reach a bit, and a batch larger than memory needs no more code than an array.
#pragma once

#include <cstdint>

#include "kernels/view.h"

namespace brink {

class RowSource {
 public:
  virtual ~RowSource() = default;
  /// [N, …], samples first.
  virtual Shape shape() const = 0;
  virtual Dtype dtype() const = 0;
  /// Writes rows first … first + count − 1 to `out`, contiguous host memory: the same bytes for a row in every call.
  /// Called from several threads at once; allocates nothing, throws nothing.
  virtual void fill(std::int64_t first, std::int64_t count, void* out) const = 0;
};

}  // namespace brink
