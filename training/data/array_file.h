// SPDX-License-Identifier: MIT
// Arrays in files that NumPy or safetensors wrote: .npz, .npy and .safetensors, told apart by their contents.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "training/io/npy.h"
#include "training/io/stream.h"

namespace brink {

/// An array whose elements have not been read yet.
struct StoredArray {
  std::string name;  ///< "train.npz: x", for messages
  ArrayHeader header;
  std::unique_ptr<ByteStream> elements;  ///< exactly those of the header
};

class ArrayFile {
 public:
  /// Reads what names the arrays. Throws DataError naming the file: one of another format, or a damaged one.
  explicit ArrayFile(std::unique_ptr<ByteSource>);
  ~ArrayFile();
  ArrayFile(ArrayFile&&) noexcept;

  const std::string& name() const { return source_->name(); }
  /// Whether the file is a .npy file, which holds one array without a name.
  bool is_single() const { return single_; }
  /// The names of the arrays.
  std::vector<std::string> names() const;
  /// Opens an array; of a .npy file the only one, whatever its name. Throws DataError naming the array: it is not there, its header
  /// is damaged, or its size is not the header's. The file outlives what it returns.
  StoredArray open(std::string_view array) const;

 private:
  struct Place;
  std::unique_ptr<ByteSource> source_;
  bool single_ = false;
  std::vector<Place> places_;
};

}  // namespace brink
