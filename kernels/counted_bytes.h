// SPDX-License-Identifier: MIT
// What it is: a count of the host's memory that lies in no Buffer, so that allocated_bytes (memory.h) knows of it. What it is not: an
// owner. Decision: only what is large is counted, such as the records of a data set; the rest is train's allowance for a program.
#pragma once

#include <cstdint>

namespace brink {

/// Counts bytes for as long as it lives.
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
