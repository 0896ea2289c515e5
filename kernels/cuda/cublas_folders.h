// SPDX-License-Identifier: MIT
// Folders in which cuBLAS may be although the loader does not search them: CUDA toolkits and Python packages.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace brink::cuda {

/// Existing folders only, the most specific first: the toolkits of CUDA_HOME and CUDA_PATH; Python's packages
/// (nvidia/cu13 and nvidia/cublas in the site-packages of PYTHONPATH, VIRTUAL_ENV, CONDA_PREFIX, the python3 on the
/// PATH and the user's); then /usr/local/cuda and /usr/local/cuda-*, the newest first. `root` is put before absolute
/// paths that no environment variable names.
std::vector<std::filesystem::path> cublas_folders(const std::filesystem::path& root = "/");

/// The same as text, for a message that says none of them exists.
const char* cublas_folder_patterns();

}  // namespace brink::cuda
