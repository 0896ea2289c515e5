// SPDX-License-Identifier: MIT
// Reads IDX files of unsigned bytes, plain or gzipped.
// A file is gzipped if its first bytes say so, whatever its name. Memory grows with the contents, not with what a header
// claims.
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

/// Throws DataError naming file, expected and found: a missing file, wrong magic, type or number of dimensions, a length that
/// is not exactly the header's, a damaged gzip stream. Anything after a gzip stream is ignored, as gzip(1) does.
IdxFile read_idx(const std::string& path, int dimensions);
/// The same from memory; `name` is for the messages.
IdxFile parse_idx(const std::string& name, std::vector<std::byte> file, int dimensions);

}  // namespace brink
