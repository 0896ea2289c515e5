// SPDX-License-Identifier: MIT
// The collections of official files from which data sets are made: their names, where their authors publish them, and the
// identity of their records.
// The identity is that of the records, not of the files, so it holds for packed and unpacked files and for any order of the
// records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "training/io/file.h"

namespace brink {

struct Collection {
  std::string_view name, title, licence;
  std::vector<std::string_view> sets;   // names of the data sets made from it
  std::vector<std::string_view> files;  // as published
  /// Each is the archive, or the folder of the files where it ends in '/'. Tried in this order.
  std::vector<std::string_view> addresses;
  std::size_t largest_bytes;  // of what is published there, each file of it unpacked

  struct Part {
    std::string_view what;  // "training"
    std::vector<std::string_view> files;
    std::int64_t records;
    std::string_view checksum;  // RecordSum of the records
  };
  std::vector<Part> parts;
};

const std::vector<Collection>& collections();
/// The collection of this name, or from which the data set of this name is made; null if there is none.
const Collection* find_collection(std::string_view name);

using FileBytes = std::function<NamedBytes(std::string_view file)>;
/// Reads from a folder. Throws DataError.
FileBytes bytes_from(const Collection&, const std::string& directory);

/// RecordSum of the records of a part, as found. Throws DataError naming file, expected and found if the files do not contain
/// records.
std::string checksum_of(const Collection::Part&, const FileBytes&);

}  // namespace brink
