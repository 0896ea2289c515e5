// SPDX-License-Identifier: MIT
#include "tools/report/step_files.h"

#include <algorithm>
#include <map>
#include <system_error>

#include "training/replay/measure.h"

namespace brink::report {

namespace fs = std::filesystem;

std::vector<fs::path> step_files(const fs::path& run_folder, const std::string& kind) {
  std::error_code none;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(run_folder / measured_folder, none))
    if (entry.is_directory(none)) folders.push_back(entry.path() / kind);
  std::ranges::sort(folders);
  folders.insert(folders.begin(), run_folder / kind);
  std::map<std::string, fs::path> by_name;  // names have leading zeros, so their order is that of the steps
  for (const fs::path& folder : folders)
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (entry.path().extension() == ".safetensors") by_name.emplace(entry.path().filename().string(), entry.path());
  std::vector<fs::path> out;
  for (const auto& [name, path] : by_name) out.push_back(path);
  return out;
}

}  // namespace brink::report
