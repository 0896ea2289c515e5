// SPDX-License-Identifier: MIT
// Times brink's kernels on a GPU in turns with cuBLAS and with a copy of memory, for matmul.cpp and vectors.cpp.
// tools/gpu_check starts it and notes the clocks.
// A contender is a captured graph of enough launches that the wait for it costs little beside them. Operands of a small product
// stay in the second-level cache, for all contenders alike.
#pragma once

#include "bench/perf/harness.h"

namespace brink::bench::gpu {

struct Sizes {
  std::int64_t square = 4096;  ///< extent of the square product
  double most_flop = 1e12;     ///< products of more operations are skipped
  double graph_flop = 4e9;     ///< operations in a captured graph: a small product is launched up to 100 times in it
};

/// Products of all roles and shapes, and a square one, of brink and of cuBLAS: pedantic and standard arithmetic, TF32 in neither.
/// The yardstick of a shape is the faster of the two. Without cuBLAS "cublas" says why, and there are no ratios.
/// Throws brink::Error without a GPU, std::runtime_error where a product is wrong.
nlohmann::json time_products(const Turns&, const Sizes&);

/// sum, dot, add, scale and a plain copy over `elements` float32 numbers: bytes read and written, and their share of the copy's rate.
nlohmann::json time_vectors(const Turns&, std::int64_t elements);

}  // namespace brink::bench::gpu
