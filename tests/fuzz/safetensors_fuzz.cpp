// SPDX-License-Identifier: MIT
// Fuzzes the safetensors reader: a header of the given bytes, with the correct length before it.
#include <cstring>

#include "training/errors.h"
#include "training/io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> file(begin, begin + bytes);
  // If the last byte is '}', the input is the header; otherwise it is a whole file, length included.
  if (bytes > 0 && data[bytes - 1] == '}') {
    std::vector<std::byte> length(8);
    const std::uint64_t header_bytes = bytes;
    std::memcpy(length.data(), &header_bytes, 8);
    file.insert(file.begin(), length.begin(), length.end());
  }
  try {
    const brink::Safetensors read = brink::Safetensors::parse("fuzz", std::move(file));
    for (const auto& [name, tensor] : read.tensors()) read.load_doubles(name);
  } catch (const brink::DataError&) {}
  return 0;
}
