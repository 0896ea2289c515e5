// SPDX-License-Identifier: MIT
#include "tests/emulator/fake_cublas.h"

#include <dlfcn.h>

namespace {

using fake_cublas::state;

constexpr int not_initialized = 1, invalid_value = 7, execution_failed = 13;
int handle;

/// By columns: C [m,n] = alpha op(A) op(B) + beta C; C is not read where beta is 0. Sums in an order that is not brink's.
template <class T>
int gemm(void* h, int of_a, int of_b, std::int64_t m, std::int64_t n, std::int64_t k, const T* alpha, const T* a,
         std::int64_t lda, const T* b, std::int64_t ldb, const T* beta, T* c, std::int64_t ldc) {
  fake_cublas::State& s = state();
  ++s.gemms;
  if (s.failing_gemm > 0 && --s.failing_gemm == 0) return execution_failed;
  const bool good = h == &handle && s.stream && s.workspace && m >= 1 && n >= 1 && k >= 1 && (of_a == 0 || of_a == 1) &&
                    (of_b == 0 || of_b == 1) && lda >= (of_a == 0 ? m : k) && ldb >= (of_b == 0 ? k : n) && ldc >= m;
  if (!good) return invalid_value;
  return s.enqueue(s.stream, [=, by = *alpha, keep = *beta] {
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t i = 0; i < m; ++i) {
        T sum = 0;
        for (std::int64_t l = k - 1; l >= 0; --l)
          sum += (of_a == 0 ? a[l * lda + i] : a[i * lda + l]) * (of_b == 0 ? b[j * ldb + l] : b[l * ldb + j]);
        T& out = c[j * ldc + i];
        out = keep == T(0) ? by * sum : by * sum + keep * out;
      }
  });
}

}  // namespace

namespace fake_cublas {

State& state() {
  static State one;
  return one;
}
const char* path() {
  Dl_info found{};
  return dladdr(&handle, &found) != 0 ? found.dli_fname : "";
}

}  // namespace fake_cublas

extern "C" {

int cublasCreate_v2(void** h) {
  if (state().create_status != 0) return state().create_status;
  ++state().handles;
  *h = &handle;
  return 0;
}
int cublasDestroy_v2(void* h) { return h == &handle && --state().handles >= 0 ? 0 : not_initialized; }
int cublasSetStream_v2(void*, void* stream) {
  state().stream = stream;
  state().workspace = nullptr;
  return 0;
}
int cublasSetWorkspace_v2(void*, void* workspace, std::size_t bytes) {
  state().workspace = workspace;
  state().workspace_bytes = static_cast<std::int64_t>(bytes);
  return reinterpret_cast<std::uintptr_t>(workspace) % 256 == 0 ? 0 : invalid_value;
}
int cublasSetMathMode(void*, int math) {
  state().math = math;
  return 0;
}
int cublasSetAtomicsMode(void*, int atomics) {
  state().atomics = atomics;
  return 0;
}
int cublasGetVersion_v2(void*, int* version) {
  *version = state().version;
  return 0;
}
const char* cublasGetStatusString(int status) {
  return status == not_initialized ? "the library was not initialized" : "the function failed to launch on the GPU";
}
int cublasSgemm_v2_64(void* h, int of_a, int of_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* alpha,
                      const float* a, std::int64_t lda, const float* b, std::int64_t ldb, const float* beta, float* c,
                      std::int64_t ldc) {
  return gemm(h, of_a, of_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
int cublasDgemm_v2_64(void* h, int of_a, int of_b, std::int64_t m, std::int64_t n, std::int64_t k, const double* alpha,
                      const double* a, std::int64_t lda, const double* b, std::int64_t ldb, const double* beta,
                      double* c, std::int64_t ldc) {
  return gemm(h, of_a, of_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
}
