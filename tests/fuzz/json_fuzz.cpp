// SPDX-License-Identifier: MIT
// Fuzzes JSON: what is read can be copied, written and read again.
#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  const std::string_view text(reinterpret_cast<const char*>(data), bytes);
  try {
    const nlohmann::ordered_json read = brink::parse_ordered_json("fuzz", text);
    const nlohmann::json copy(read);
    if (brink::parse_json("fuzz", copy.dump()) != copy) __builtin_trap();
  } catch (const brink::DataError&) {}
  return 0;
}
