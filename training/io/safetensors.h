// SPDX-License-Identifier: MIT
// Reads and writes the safetensors format.
// The reader accepts only what the format's specification allows (no gap, no overlap, no duplicate key, nothing after the last
// tensor), because a file that is wrong in one place cannot be trusted in another.
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
#include "training/io/npy.h"
#include "training/io/stream.h"
#include "training/named_view.h"

namespace brink {

/// What the header of a file states.
struct SafetensorsHeader {
  struct Tensor {
    std::string name;
    ArrayHeader array;
    std::uint64_t first = 0, bytes = 0;  ///< where its data begin in the file
  };
  std::vector<Tensor> tensors;  ///< in the order of their data
  std::map<std::string, std::string, std::less<>> metadata;
};
/// Reads the header and none of the data; all types of numbers that the format knows. Throws DataError naming source and fault.
SafetensorsHeader read_safetensors_header(ByteSource&);

class Safetensors {
 public:
  struct Tensor {
    Dtype dtype;
    Shape shape;                      // rank ≤ 5
    std::span<const std::byte> data;  // little-endian, row-major, possibly unaligned
  };

  /// Reads the whole file. Throws DataError naming the file and the fault.
  static Safetensors read(const std::string& path);
  /// Reads from memory; `name` is for the messages.
  static Safetensors parse(const std::string& name, std::vector<std::byte> file);

  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
  bool contains(std::string_view tensor) const { return tensors_.find(tensor) != tensors_.end(); }
  /// Throws DataError naming file and tensor if there is no such tensor.
  const Tensor& tensor(std::string_view name) const;
  /// Copies a tensor. Throws DataError.
  Array load(std::string_view name) const;
  /// Copies a tensor and converts it to float64; int32 and uint8 convert exactly. Throws DataError.
  std::vector<double> load_doubles(std::string_view name) const;

 private:
  std::string name_;
  std::vector<std::byte> file_;
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

/// The bytes of a file before the data of its tensors: the header's length and the header, a multiple of 8 bytes. Throws
/// std::invalid_argument for a duplicate name.
std::string safetensors_front(std::span<const NamedView> tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata);
/// Writes the tensors in the given order, with the data aligned to 8 bytes and no padding between tensors (if the alignment of
/// each matters, sort them by element size, largest first). Throws IoError; std::invalid_argument for a duplicate name.
void write_safetensors(const Folder& folder, const std::string& name, std::span<const NamedView> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace brink
