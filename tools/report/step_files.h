// SPDX-License-Identifier: MIT
// The files that a run's measurements have written at chosen steps, also those that brink measure has added.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace brink::report {

/// All files KIND/step-….safetensors of the folder, and MEASURED/KIND/step-….safetensors of each table that was added, in the order of their steps.
/// Of two files of one step the run's own is taken.
std::vector<std::filesystem::path> step_files(const std::filesystem::path& run_folder, const std::string& kind);

}  // namespace brink::report
