// SPDX-License-Identifier: MIT
// The type and the shape of an array as a file states them, and the header of NumPy's .npy files.
// The header is a Python literal; only what NumPy writes is read, and nothing is ever evaluated or unpickled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/io/stream.h"

namespace brink {

/// The type of an array's elements.
struct ElementType {
  char kind =
      'f';  ///< as NumPy writes it: u unsigned, i signed, f floating-point, b truth value, O object, U text, B bfloat16, F float8 …
  int bytes = 4;
  bool big_endian = false;
  /// "float32", "object", "big-endian int16".
  std::string name() const;
  friend bool operator==(const ElementType&, const ElementType&) = default;
};

struct ArrayHeader {
  ElementType type;
  std::vector<std::uint64_t> shape;
  bool column_major = false;  ///< Fortran order
  /// The product of the extents; at most 2⁶⁴ − 1.
  std::uint64_t elements() const;
  /// "[1000,28,28]".
  std::string shape_text() const;
};

/// Reads the header of a .npy file, after which the elements follow. name: for the messages. Throws DataError.
ArrayHeader read_npy_header(const std::string& name, ByteStream&);

}  // namespace brink
