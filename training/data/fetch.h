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

/// Fetches the missing files. Files that exist are read, checked with the rest, and never changed. `mirror`: an address to use in
/// place of the official ones, either of an archive (.tar.gz) or of the folder that holds the published files; if it is empty, the
/// first official address that has the files is used. Returns the paths of the files that were written. Throws DataError if a file,
/// old or fetched, is not official (a wrong file is never replaced), and IoError with the names of the files to put there by hand
/// if nothing can be fetched.
std::vector<std::string> fetch_collection(const Collection&, const std::string& directory, const std::string& mirror,
                                          System& = posix_system());

/// Downloads an address by curl, or by wget if there is no curl. Throws IoError with that program's message, also if there are
/// more than largest_bytes.
std::vector<std::byte> download(const std::string& address, std::size_t largest_bytes);

}  // namespace brink
