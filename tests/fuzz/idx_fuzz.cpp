// SPDX-License-Identifier: MIT
// Fuzzes the IDX reader, packed and unpacked.
#include "training/data/idx.h"
#include "training/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  for (const int dimensions : {1, 3}) try {
      const brink::IdxFile read = brink::parse_idx("fuzz", {begin, begin + bytes}, dimensions);
      if (read.elements().size() + read.header_bytes != read.bytes.size()) __builtin_trap();
    } catch (const brink::DataError&) {}
  return 0;
}
