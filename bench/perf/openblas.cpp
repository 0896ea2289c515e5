// SPDX-License-Identifier: MIT
// The loader of openblas.h; it binds only the five functions that are used.

#include "bench/perf/openblas.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>

namespace brink::bench {
namespace {

enum CblasOrder { row_major = 101 };
enum CblasTranspose { no_trans = 111, trans = 112 };
using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);

[[noreturn]] void fail(const std::string& what) {
  const char* reason = dlerror();
  throw std::runtime_error("OpenBLAS: " + what + (reason ? std::string(": ") + reason : ""));
}

/// The file behind a loader's name, found by opening it once before any copy is open, because a copy has the same name inside.
std::string file_of(const std::string& path) {
  if (path.find('/') != std::string::npos) return path;
  static std::map<std::string, std::string> known;
  if (const auto it = known.find(path); it != known.end()) return it->second;
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  link_map* map = nullptr;
  if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&map)) != 0) fail("cannot open " + path);
  known[path] = map->l_name;
  dlclose(handle);
  return known[path];
}

/// Sets an environment variable ("" unsets it) and restores the former value at the end of the scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) had_ = true, before_ = before;
    if (value.empty())
      unsetenv(name);
    else
      setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (had_)
      setenv(name_, before_.c_str(), 1);
    else
      unsetenv(name_);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  bool had_ = false;
  std::string before_;
};

template <class F>
F bind(void* handle, const std::string& name) {
  // Python wheels with OpenBLAS add a prefix to its names.
  for (const std::string& full : {name, "scipy_" + name})
    if (void* symbol = dlsym(handle, full.c_str())) return reinterpret_cast<F>(symbol);
  fail("no " + name);
}

}  // namespace

struct OpenBlas::Library {
  void* handle = nullptr;
  Sgemm sgemm = nullptr;
  void (*set_threads)(int) = nullptr;
  const char* (*config)() = nullptr;
  const char* (*core_name)() = nullptr;

  ~Library() {
    if (handle) dlclose(handle);
  }
};

OpenBlas::OpenBlas(const std::string& path, const std::string& core_type) : library_(std::make_unique<Library>()) {
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "brink-openblas-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("OpenBLAS: cannot make a folder like " + name);
  const fs::path folder = name, copy = folder / "libopenblas.so";
  const ScopedVariable core("OPENBLAS_CORETYPE", core_type), l2("OPENBLAS_L2_SIZE", "");
  fs::copy_file(file_of(path), copy);
  library_->handle = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  fs::remove_all(folder);
  if (!library_->handle) fail("cannot open a copy of " + path);
  library_->sgemm = bind<Sgemm>(library_->handle, "cblas_sgemm");
  library_->set_threads = bind<void (*)(int)>(library_->handle, "openblas_set_num_threads");
  library_->config = bind<const char* (*)()>(library_->handle, "openblas_get_config");
  library_->core_name = bind<const char* (*)()>(library_->handle, "openblas_get_corename");
}

OpenBlas::~OpenBlas() = default;
OpenBlas::OpenBlas(OpenBlas&&) noexcept = default;

std::string OpenBlas::config() const { return library_->config(); }
std::string OpenBlas::core_name() const { return library_->core_name(); }
void OpenBlas::set_threads(int n) const { library_->set_threads(n); }

void OpenBlas::sgemm(bool transpose_a, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
                     float* c) const {
  const int lda = static_cast<int>(transpose_a ? m : k), ldb = static_cast<int>(n);
  library_->sgemm(row_major, transpose_a ? trans : no_trans, no_trans, static_cast<int>(m), static_cast<int>(n),
                  static_cast<int>(k), 1.0f, a, lda, b, ldb, 0.0f, c, ldb);
}

void OpenBlas::sgemm_bt(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
                        float* c) const {
  library_->sgemm(row_major, no_trans, trans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1.0f, a,
                  static_cast<int>(k), b, static_cast<int>(k), 0.0f, c, static_cast<int>(n));
}

}  // namespace brink::bench
