// SPDX-License-Identifier: MIT
// Fuzzes the config: any file and any --set arguments are read or refused, and a config that is read is written so that it can
// be read again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "training/errors.h"
#include "training/run/config.h"

namespace {

/// A config file that exists in memory alone.
class TextFile {
 public:
  explicit TextFile(const std::string& text) : descriptor_(memfd_create("config", 0)) {
    if (write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  ~TextFile() { close(descriptor_); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  if (bytes == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, bytes - 1);
  brink::ConfigSources sources;
  const TextFile file(text);
  if (data[0] % 2 == 0) {
    sources.file = file.path();
  } else {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) sources.sets.push_back(line);
  }
  std::string resolved;
  try {
    resolved = brink::to_toml(brink::load_config(sources));
  } catch (const brink::UsageError&) { return 0; }
  const TextFile again(resolved);
  if (brink::to_toml(brink::load_config({again.path(), {}, {}})) != resolved) std::abort();
  return 0;
}
