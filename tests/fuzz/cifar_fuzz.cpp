// SPDX-License-Identifier: MIT
// Fuzzes the reader of CIFAR-10's records.
#include "training/data/cifar.h"
#include "training/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  for (std::int64_t records = 0; records < 4; ++records) try {
      std::int64_t seen = 0;
      brink::parse_cifar("fuzz", {begin, bytes}, records, [&](std::span<const std::uint8_t> record) {
        seen += static_cast<std::int64_t>(record.size()) == brink::cifar_record_bytes && record[0] < 10;
      });
      if (seen != records) __builtin_trap();
    } catch (const brink::DataError&) {}
  return 0;
}
