// SPDX-License-Identifier: MIT
// What it is: the reader of IDX files of unsigned bytes, plain or gzipped. What it is not: a reader of other IDX types.
// Decision: a file is gzipped if its first bytes say so, whatever its name; memory follows what is in the file, never
// what its header claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace brink {

struct IdxFile {
  std::vector<std::int64_t> extent;  // of each dimension
  std::vector<std::byte> bytes;      // the whole file, unpacked
  std::size_t header_bytes = 0;

  std::span<const std::byte> elements() const { return std::span(bytes).subspan(header_bytes); }
};

/// Throws DataError naming file, expected and found: missing, wrong magic, type or number of dimensions, a length that
/// is not exactly the header's, a damaged gzip stream. What follows a gzip stream is left out, as gzip(1) does.
IdxFile read_idx(const std::string& path, int dimensions);
/// The same from memory; `name` is for the messages.
IdxFile parse_idx(const std::string& name, std::vector<std::byte> file, int dimensions);

}  // namespace brink
