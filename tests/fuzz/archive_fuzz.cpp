// SPDX-License-Identifier: MIT
// Fuzzes gzip and tar: the input as a packed archive, and as an archive.
#include <algorithm>

#include "training/data/gzip.h"
#include "training/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  constexpr std::size_t largest_bytes = 1 << 20;
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), bytes);
  const auto list = [](std::span<const std::byte> archive) {
    for (const auto& [name, contents] : brink::list_tar("fuzz", archive))
      if (!contents.empty() &&
          (contents.data() < archive.data() || contents.data() + contents.size() > archive.data() + archive.size()))
        __builtin_trap();
  };
  try {
    list(file);
  } catch (const brink::DataError&) {}
  try {
    const std::vector<std::byte> unpacked = brink::unpack_gzip("fuzz", file, largest_bytes);
    if (unpacked.size() > largest_bytes) __builtin_trap();
    list(unpacked);
  } catch (const brink::DataError&) {}
  return 0;
}
