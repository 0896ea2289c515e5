// SPDX-License-Identifier: MIT
// OpenBLAS as a yardstick, opened at run time, several of its processor kernels side by side in one process. Without the
// library the benchmark runs without a yardstick.
// OpenBLAS chooses its kernels once, when it is loaded. To the loader a copy of the library's file is another library, so each
// core type has its own copy and they can take turns within one run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace brink::bench {

class OpenBlas {
 public:
  /// `path`: a file or a name for the loader ("libopenblas.so.0"). `core_type`: OPENBLAS_CORETYPE, "" for the library's own
  /// choice. Throws std::runtime_error if it cannot be loaded.
  OpenBlas(const std::string& path, const std::string& core_type);
  ~OpenBlas();
  OpenBlas(OpenBlas&&) noexcept;
  OpenBlas& operator=(OpenBlas&&) = delete;

  std::string config() const;     // "OpenBLAS 0.3.21 … DYNAMIC_ARCH …"
  std::string core_name() const;  // the kernels in use: "Haswell", "SkylakeX", …
  void set_threads(int) const;
  /// C [m,n] = A·B, or Aᵀ·B with A stored [k,m]; row-major, no gaps.
  void sgemm(bool transpose_a, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
             float* c) const;
  /// C [m,n] = A·Bᵀ with B stored [n,k].
  void sgemm_bt(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b, float* c) const;

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace brink::bench
