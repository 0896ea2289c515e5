// SPDX-License-Identifier: MIT
// Counts memory of the host that is in no Buffer, so that allocated_bytes (memory.h) includes it. Only large memory is
// counted, such as the records of a data set.
#pragma once

#include <cstdint>

namespace brink {

/// Counts these bytes while it lives.
class CountedBytes {
 public:
  explicit CountedBytes(std::int64_t bytes);
  ~CountedBytes();
  CountedBytes(const CountedBytes&) = delete;
  CountedBytes& operator=(const CountedBytes&) = delete;

 private:
  std::int64_t bytes_;
};

}  // namespace brink
