// SPDX-License-Identifier: MIT
// Fuzzes .npy, .npz and safetensors files of arrays: the container, its headers, and every array in it.
#include <array>

#include "training/data/array_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  try {
    const brink::ArrayFile file(
        std::make_unique<brink::MemorySource>("fuzz", std::vector<std::byte>(begin, begin + bytes)));
    for (const std::string& name : file.names()) try {
        const brink::StoredArray array = file.open(name);
        if (array.header.shape_text().empty() || array.header.type.name().empty()) __builtin_trap();
        std::array<std::byte, 100> piece{};
        std::uint64_t left = array.elements->left();
        // A member may unpack to a thousand times its size.
        if (left > 1 << 20) continue;
        for (; left > 0; left = array.elements->left())
          array.elements->read(std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(left, 100))));
        array.elements->finish();
      } catch (const brink::DataError&) {}
  } catch (const brink::DataError&) {}
  return 0;
}
