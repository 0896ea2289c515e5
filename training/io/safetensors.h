// SPDX-License-Identifier: MIT
// What it is: the safetensors format, read and written. What it is not: knowledge of what the tensors mean.
// Decision: the reader accepts only what the format's own text allows (no gap, no overlap, no doubled key, nothing
// after the last tensor), because a file that is wrong in one place is not to be trusted in another.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/memory.h"
#include "training/io/file.h"

namespace brink {

class Safetensors {
 public:
  struct Tensor {
    Dtype dtype;
    Shape shape;                      // rank ≤ 5
    std::span<const std::byte> data;  // little-endian, row-major, perhaps unaligned
  };

  /// Reads the whole file. Throws DataError naming the file and what is wrong with it.
  static Safetensors read(const std::string& path);
  /// From memory; `name` is for the messages.
  static Safetensors parse(const std::string& name, std::vector<std::byte> file);

  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
  bool contains(std::string_view tensor) const { return tensors_.find(tensor) != tensors_.end(); }
  /// Throws DataError naming file and tensor.
  const Tensor& tensor(std::string_view name) const;
  /// A copy in memory of its own. Throws DataError.
  Array load(std::string_view name) const;
  /// A copy converted to float64; int32 and uint8 convert exactly. Throws DataError.
  std::vector<double> load_doubles(std::string_view name) const;

 private:
  std::string name_;
  std::vector<std::byte> file_;
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

struct NamedView {
  std::string name;
  View view;
};
/// Writes the tensors in the order given, data aligned to 8 bytes (no padding between tensors: sort by element size,
/// largest first, where alignment of each matters). Throws IoError; std::invalid_argument for a doubled name.
void write_safetensors(const Folder& folder, const std::string& name, std::span<const NamedView> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace brink
