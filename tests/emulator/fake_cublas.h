// SPDX-License-Identifier: MIT
// The fake cuBLAS as tests see and control it; programs open it as they would open the real one.
// It is a shared library, so that finding, opening and binding are the real code's. Its products are plain loops that run as
// work of the emulated stream, so captures, deferral and the guards around memory apply to them.
#pragma once

#include <cstdint>
#include <functional>

namespace fake_cublas {

struct State {
  /// Puts work on a stream, as a kernel of one thread; returns 0 or the runtime's status. To be set before the first product.
  std::function<int(void* stream, std::function<void()>)> enqueue;
  int create_status = 0;          ///< the status of cublasCreate
  int version = 130100;           ///< 13.1.0
  std::int64_t failing_gemm = 0;  ///< the n-th from now on fails (the next is 1); 0: none

  // What the program did.
  std::int64_t gemms = 0, handles = 0;
  int math = -1, atomics = -1;
  void *stream = nullptr, *workspace = nullptr;
  std::int64_t workspace_bytes = 0;
};
State& state();
/// The library's own file.
const char* path();

}  // namespace fake_cublas
