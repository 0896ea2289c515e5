// SPDX-License-Identifier: MIT
// cuBLAS, opened at run time and called through pointers to ten functions; brink is not linked with it.
// The handle has brink's stream and a fixed workspace of brink's, so products repeat to the bit from run to run on one
// GPU with one library and can be captured into a graph. TF32 and emulated arithmetic are off.

#include <dlfcn.h>

#include <cassert>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/cuda/context.h"
#include "kernels/cuda/cublas_folders.h"
#include "kernels/vendor.h"

namespace brink::cuda {

namespace {

using Handle = void*;
using CublasStatus = int;
enum Transpose : int { as_is = 0, transposed = 1 };
constexpr int no_atomics = 0;
constexpr std::int64_t workspace_bytes = std::int64_t{32} << 20;  // what cuBLAS recommends for compute capability 9

template <class T>
using Gemm = CublasStatus (*)(Handle, int, int, std::int64_t m, std::int64_t n, std::int64_t k, const T* alpha,
                              const T* a, std::int64_t lda, const T* b, std::int64_t ldb, const T* beta, T* c,
                              std::int64_t ldc);

/// The functions in use; all of them are in cuBLAS since 12.0.
struct Functions {
  CublasStatus (*create)(Handle*);
  CublasStatus (*destroy)(Handle);
  CublasStatus (*set_stream)(Handle, void*);
  CublasStatus (*set_workspace)(Handle, void*, std::size_t);
  CublasStatus (*set_math_mode)(Handle, int);
  CublasStatus (*set_atomics_mode)(Handle, int);
  CublasStatus (*get_version)(Handle, int*);
  const char* (*text)(CublasStatus);
  Gemm<float> sgemm;
  Gemm<double> dgemm;
};

constexpr const char* what_to_do =
    "; install it, name its file in the environment variable BRINK_CUBLAS, or give --arithmetic exact";
constexpr const char* versions[] = {"13", "12"};

/// Opens cuBLAS's second library first where it lies in the same folder: an unpacked toolkit may not state where it is.
void* open_in(const std::filesystem::path& folder, const std::string& version) {
  (void)dlopen((folder / ("libcublasLt.so." + version)).c_str(), RTLD_NOW | RTLD_LOCAL);
  return dlopen((folder / ("libcublas.so." + version)).c_str(), RTLD_NOW | RTLD_LOCAL);
}

/// Opens the first cuBLAS found, and collects why the others could not be opened.
class Search {
 public:
  void* named(const std::string& name) {
    void* const found = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (found == nullptr) note(name);
    return found;
  }

  void* anywhere() {
    for (const char* version : versions)
      if (void* found = named(std::string("libcublas.so.") + version)) return found;
    const std::vector<std::filesystem::path> folders = cublas_folders();
    for (const char* version : versions)
      for (const std::filesystem::path& folder : folders) {
        const std::filesystem::path file = folder / (std::string("libcublas.so.") + version);
        std::error_code ignored;
        if (!std::filesystem::exists(file, ignored)) continue;
        if (void* found = open_in(folder, version)) return found;
        note(file.string());
      }
    reasons_ += "; also looked in ";
    for (const std::filesystem::path& folder : folders)
      reasons_ += (&folder == folders.data() ? "" : ", ") + folder.string();
    if (folders.empty()) reasons_ += cublas_folder_patterns();
    return nullptr;
  }

  const std::string& reasons() const { return reasons_; }

 private:
  void note(const std::string& name) {
    const char* reason = dlerror();
    reasons_ += (reasons_.empty() ? "" : "; ") + (reason != nullptr ? std::string(reason) : name);
  }

  std::string reasons_;
};

/// Never closed: cuBLAS keeps state of the process.
void* open_library(const std::string& library) {
  const char* const wish = std::getenv("BRINK_CUBLAS");
  const std::string file = !library.empty() ? library : wish != nullptr ? wish : "";
  Search search;
  void* const found = file.empty() ? search.anywhere() : search.named(file);
  if (found == nullptr) throw NoVendor("cuBLAS cannot be opened (" + search.reasons() + ")" + what_to_do);
  return found;
}

template <class F>
void bind(F& function, void* library, const char* name) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (function == nullptr)
    throw NoVendor(std::string("the library found has no ") + name + ": it is not cuBLAS 12 or later" + what_to_do);
}

Functions functions_of(void* library) {
  Functions f{};
  bind(f.create, library, "cublasCreate_v2");
  bind(f.destroy, library, "cublasDestroy_v2");
  bind(f.set_stream, library, "cublasSetStream_v2");
  bind(f.set_workspace, library, "cublasSetWorkspace_v2");
  bind(f.set_math_mode, library, "cublasSetMathMode");
  bind(f.set_atomics_mode, library, "cublasSetAtomicsMode");
  bind(f.get_version, library, "cublasGetVersion_v2");
  bind(f.text, library, "cublasGetStatusString");
  bind(f.sgemm, library, "cublasSgemm_v2_64");
  bind(f.dgemm, library, "cublasDgemm_v2_64");
  return f;
}

/// cuBLAS stores matrices by columns, so it sees each of brink's as its transpose, and C = AB is requested as Cᵀ = BᵀAᵀ.
class Cublas final : public Vendor {
 public:
  Cublas(Context& context, CublasMath math, const std::string& library)
      : context_(context), f_(functions_of(open_library(library))) {
    try {
      opened(f_.create(&handle_), "cublasCreate");
      opened(f_.get_version(handle_, &version_), "cublasGetVersion");
      workspace_ = context.allocate(workspace_bytes);
      // The stream first: setting it resets the workspace.
      opened(f_.set_stream(handle_, context.stream()), "cublasSetStream");
      opened(f_.set_workspace(handle_, workspace_, static_cast<std::size_t>(workspace_bytes)), "cublasSetWorkspace");
      opened(f_.set_math_mode(handle_, static_cast<int>(math)), "cublasSetMathMode");
      opened(f_.set_atomics_mode(handle_, no_atomics), "cublasSetAtomicsMode");
    } catch (...) {
      close();
      throw;
    }
  }
  ~Cublas() override { close(); }

  std::string name() const override {
    return "cuBLAS " + std::to_string(version_ / 10000) + "." + std::to_string(version_ / 100 % 100) + "." +
           std::to_string(version_ % 100);
  }

  void matmul(const View& c, std::span<const View> factors, bool transpose_b) override {
    with_real(c.dtype, [&]<class T>(T) {
      const std::int64_t m = c.shape[0], n = c.shape[1];
      for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
        const std::int64_t k = factors[i].shape[1];
        gemm<T>(transpose_b ? transposed : as_is, as_is, n, m, k, factors[i + 1], transpose_b ? k : n, factors[i], k, c,
                i == 0);
      }
    });
  }

  void weight_gradient(const View& w, std::span<const View> factors) override {
    with_real(w.dtype, [&]<class T>(T) {
      const std::int64_t k = w.shape[0], n = w.shape[1];
      for (std::size_t i = 0; i + 1 < factors.size(); i += 2)
        gemm<T>(as_is, transposed, n, k, factors[i].shape[0], factors[i + 1], n, factors[i], k, w, i == 0);
    });
  }

 private:
  /// By columns: C [m,n] (+)= op(A) op(B), summed over k.
  template <class T>
  void gemm(Transpose of_a, Transpose of_b, std::int64_t m, std::int64_t n, std::int64_t k, const View& a,
            std::int64_t lda, const View& b, std::int64_t ldb, const View& c, bool first) {
    const T one = 1, beta = first ? T(0) : T(1);
    const auto call = [&](auto function) {
      return function(handle_, of_a, of_b, m, n, k, &one, a.as<T>(), lda, b.as<T>(), ldb, &beta, c.as<T>(), m);
    };
    CublasStatus s = 0;
    if constexpr (sizeof(T) == sizeof(float))
      s = call(f_.sgemm);
    else
      s = call(f_.dgemm);
    if (s != 0) throw GpuError(std::string("[cublas] gemm: ") + f_.text(s) + " (" + std::to_string(s) + ")", s);
  }

  void opened(CublasStatus s, const char* call) const {
    if (s != 0)
      throw NoVendor(std::string("cuBLAS was found, but ") + call + " says " + f_.text(s) + " (" + std::to_string(s) +
                     ")" + what_to_do);
  }

  void close() noexcept {
    if (handle_ != nullptr) (void)f_.destroy(handle_);
    if (workspace_ != nullptr) context_.release(workspace_);
    handle_ = workspace_ = nullptr;
  }

  Context& context_;
  Functions f_;
  Handle handle_ = nullptr;
  void* workspace_ = nullptr;
  int version_ = 0;
};

}  // namespace

}  // namespace brink::cuda

std::unique_ptr<brink::Vendor> brink::open_cublas(Gpu& gpu, CublasMath math, const std::string& library) {
  return std::make_unique<cuda::Cublas>(static_cast<cuda::Context&>(gpu), math, library);
}
