// SPDX-License-Identifier: MIT
// What it is: gzip files and tar archives, unpacked from memory to memory. What it is not: a reader of other packings, or a
// writer. Decision: of an archive only regular files are seen, and only by the last part of their names, so nothing in it can
// name a place on the disk.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace brink {

bool is_gzip(std::span<const std::byte> file);

/// The contents of `file` as gzip(1) unpacks them: of all members that follow one another, each against its own checksum. What
/// follows the last member (padding with zeros, anything else that is no member) is left out. Memory follows what is in the
/// file. Throws DataError naming `name`: damaged, cut short, larger than largest_bytes when unpacked.
std::vector<std::byte> unpack_gzip(const std::string& name, std::span<const std::byte> file, std::size_t largest_bytes);

/// Regular files of a tar archive (ustar and GNU) by the last part of their names. Throws DataError naming `name`: a damaged
/// header, a file that ends after the archive does, a name that occurs twice.
std::map<std::string, std::span<const std::byte>> list_tar(const std::string& name, std::span<const std::byte> archive);

}  // namespace brink
