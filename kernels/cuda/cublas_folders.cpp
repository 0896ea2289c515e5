// SPDX-License-Identifier: MIT
#include "kernels/cuda/cublas_folders.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace brink::cuda {

namespace fs = std::filesystem;

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The non-empty pieces of a list such as PATH.
std::vector<fs::path> paths_in(const std::string& list) {
  std::vector<fs::path> out;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) out.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// Entries of a folder whose names begin with `prefix`, in descending order of name; none where the folder cannot be
/// read.
std::vector<fs::path> entries(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename().string().starts_with(prefix)) out.push_back(at->path());
  std::ranges::sort(out, std::greater<>{});
  return out;
}

struct Folders {
  std::vector<fs::path> found;

  void add(const fs::path& folder) {
    std::error_code ignored;
    const bool is_new =
        std::ranges::none_of(found, [&](const fs::path& other) { return fs::equivalent(folder, other, ignored); });
    if (fs::is_directory(folder, ignored) && is_new) found.push_back(folder);
  }

  void add_toolkit(const fs::path& toolkit) {
    add(toolkit / "lib64");
    for (const char* target : {"x86_64-linux", "sbsa-linux"}) add(toolkit / "targets" / target / "lib");
    add(toolkit / "lib");
  }

  void add_packages(const fs::path& packages) {
    add(packages / "nvidia" / "cu13" / "lib");
    add(packages / "nvidia" / "cublas" / "lib");
  }

  /// A Python installation or environment: PREFIX/lib/python3.N/site-packages.
  void add_prefix(const fs::path& prefix) {
    for (const fs::path& python : entries(prefix / "lib", "python3"))
      for (const char* packages : {"site-packages", "dist-packages"}) add_packages(python / packages);
  }
};

}  // namespace

std::vector<fs::path> cublas_folders(const fs::path& root) {
  Folders folders;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const std::string toolkit = variable(name); !toolkit.empty()) folders.add_toolkit(toolkit);
  for (const fs::path& packages : paths_in(variable("PYTHONPATH"))) folders.add_packages(packages);
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string prefix = variable(name); !prefix.empty()) folders.add_prefix(prefix);
  for (const fs::path& programs : paths_in(variable("PATH"))) {
    const fs::path python = programs / "python3";
    std::error_code ignored;
    if (fs::exists(python, ignored)) folders.add_prefix(python.parent_path().parent_path());
  }
  if (const std::string home = variable("HOME"); !home.empty()) folders.add_prefix(fs::path(home) / ".local");
  for (const char* prefix : {"usr/local", "usr"}) folders.add_prefix(root / prefix);
  folders.add_toolkit(root / "usr/local/cuda");
  for (const fs::path& toolkit : entries(root / "usr/local", "cuda-")) folders.add_toolkit(toolkit);
  return folders.found;
}

const char* cublas_folder_patterns() {
  return "CUDA_HOME, CUDA_PATH, /usr/local/cuda*, and nvidia/cu13/lib and nvidia/cublas/lib of Python's site-packages, "
         "none of which "
         "exists";
}

}  // namespace brink::cuda
