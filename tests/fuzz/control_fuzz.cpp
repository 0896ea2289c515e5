// SPDX-License-Identifier: MIT
// The control of the fuzzers: a reader that reads one byte beyond its input, which must be found.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  return bytes > 0 && data[0] == '[' && data[bytes] == ']' ? 1 : 0;
}
