// SPDX-License-Identifier: MIT
// Reads the members of a zip archive, as NumPy writes them: stored or deflated, also beyond 4 GiB (ZIP64).
// Members are found by the directory at the archive's end and compared by name only, so nothing in it can name a place on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "training/io/stream.h"

namespace brink {

struct ZipMember {
  std::string name;
  bool packed = false;       ///< deflated; otherwise stored
  std::uint64_t header = 0;  ///< where its local header begins
  std::uint64_t end = 0;     ///< where the next member or the directory begins
  std::uint64_t packed_bytes = 0, bytes = 0;
  std::uint32_t checksum = 0;  ///< CRC-32 of the contents
};

/// The members of an archive, in the order of their places. Throws DataError naming the source: no archive, one that is damaged,
/// truncated, encrypted, in several parts or packed by another method; members that overlap; a name that occurs twice.
std::vector<ZipMember> list_zip(ByteSource&);

/// The contents of a member. `finish` compares its checksum. Throws DataError. The source outlives the stream.
std::unique_ptr<ByteStream> open_zip_member(ByteSource&, const ZipMember&);

}  // namespace brink
