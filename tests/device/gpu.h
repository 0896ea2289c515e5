// SPDX-License-Identifier: MIT
// The GPU of this machine for the tests in this folder, and the file into which they write digests. The same tests are linked
// with the emulator too.
#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/cuda/context.h"

namespace device_tests {

/// Null if no GPU can be used: the case is then counted as skipped, by its name and with the reason.
inline std::unique_ptr<brink::cuda::Context> gpu(const char* of) {
  try {
    return std::make_unique<brink::cuda::Context>();
  } catch (const brink::NoDevice& e) {
    MESSAGE("[skip] " << std::string(of) << ": " << std::string(e.what()));
    return nullptr;
  }
}

/// Writes a line "digest,name" to the file that BRINK_DEVICE_DIGESTS names, if it is set. The files of two machines must be
/// equal.
inline void record(const std::string& name, const std::string& digest) {
  const char* const path = std::getenv("BRINK_DEVICE_DIGESTS");
  if (path == nullptr) return;
  std::FILE* const file = std::fopen(path, "a");
  REQUIRE(file != nullptr);
  std::fprintf(file, "%s,%s\n", digest.c_str(), name.c_str());
  REQUIRE(std::fclose(file) == 0);
}

}  // namespace device_tests
