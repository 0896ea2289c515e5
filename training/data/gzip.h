// SPDX-License-Identifier: MIT
// Unpacks gzip files and tar archives from memory to memory.
// Only regular files of an archive are seen, and only by the last part of their names, so nothing in it can name a place on the
// disk.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace brink {

bool is_gzip(std::span<const std::byte> file);

/// The contents of `file` as gzip(1) unpacks them: all consecutive members, each verified by its own checksum. Anything after
/// the last member, such as padding with zeros, is ignored. Memory grows with the contents, not with what a header claims.
/// Throws DataError naming `name`: damaged, truncated, or larger than largest_bytes when unpacked.
std::vector<std::byte> unpack_gzip(const std::string& name, std::span<const std::byte> file, std::size_t largest_bytes);

/// The regular files of a tar archive (ustar and GNU), by the last part of their names. Throws DataError naming `name`: a
/// damaged header, a file that ends after the archive, a name that occurs twice.
std::map<std::string, std::span<const std::byte>> list_tar(const std::string& name, std::span<const std::byte> archive);

}  // namespace brink
