// SPDX-License-Identifier: MIT
// The records of the official Fashion-MNIST files.
#pragma once

#include <cstdint>
#include <string_view>

#include "training/data/pictures.h"
#include "training/io/file.h"

namespace brink {

struct FashionPart {
  std::string_view name;  // the beginning of its files' names
  std::int64_t records;
  std::string_view checksum;  // of all records of the official files
};
inline constexpr FashionPart fashion_train{"train", 60000, "31ae625785ac3f96b4b9cd5e0ad39f12"};
inline constexpr FashionPart fashion_test{"t10k", 10000, "91d2b3c379a764e04447b722e071af64"};

/// Throws DataError if the files do not contain this many pictures of 28×28 and labels.
Records parse_fashion_mnist(NamedBytes images, NamedBytes labels, std::int64_t records);

}  // namespace brink
