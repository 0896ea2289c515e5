// SPDX-License-Identifier: MIT
// Downloads official files from their authors' address, or from a mirror, into a folder, by curl or wget.
// Everything is held in memory and checked against the identity of the records before the first byte is written, so there is
// never a partial or a wrong file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "training/data/catalogue.h"
#include "training/io/system.h"

namespace brink {

/// Brings what is missing; what is there is read, checked with the rest and left alone. `mirror`: empty, or an address to use
/// in place of the official ones, of which the first that has the files is used: an archive (.tar.gz), or the folder that holds the published files. Returns the paths of
/// the files that were written. Throws DataError where a file, there or fetched, is not official (a wrong file is never
/// replaced), IoError where nothing can be fetched, with the names of the files to put there by hand.
std::vector<std::string> fetch_collection(const Collection&, const std::string& directory, const std::string& mirror,
                                          System& = posix_system());

/// Downloads an address by curl, or by wget if there is no curl. Throws IoError with that program's message, also if there are
/// more than largest_bytes.
std::vector<std::byte> download(const std::string& address, std::size_t largest_bytes);

}  // namespace brink
