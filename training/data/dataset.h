// SPDX-License-Identifier: MIT
// What it is: labelled pictures as a network reads them, and where they come from. What it is not: batches or
// augmentation. Decision: a data set's identity is the checksum of its raw records, so it depends neither on precision
// nor on their order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/memory.h"
#include "training/config.h"

namespace brink {

struct Dataset {
  Shape picture;  // [H, W, C]
  std::int64_t classes = 0;
  Array x;                              // [N, H·W·C], normalised, working precision
  Array labels;                         // [N], int32
  std::vector<std::int64_t> kept_rows;  // their records in the file, ascending; empty where there is no file
  std::string checksum;                 // records_checksum of the N records

  std::int64_t samples() const { return x.view().shape[0]; }
};

struct DataPair {
  Dataset train, test;
  double mean = 0, deviation = 1;  // of pixel/255 over the training samples, biased
  std::string provenance;          // one line
};

/// What data.* asks for, in the working precision. Throws DataError.
DataPair load_data(const Config&);

/// Pictures made by the program, 28×28×1, four classes. `train` and `test` are multiples of 4.
DataPair make_synthetic(std::int64_t train, std::int64_t test, std::int64_t seed, Dtype);

/// The first train/classes (test/classes) samples of each class below `classes`, in file order, of the official
/// Fashion-MNIST files in `directory` (plain or .gz). Throws DataError naming the file, expected and found; also where
/// the records are not the official ones.
DataPair load_fashion_mnist(const std::string& directory, std::int64_t classes, std::int64_t train, std::int64_t test,
                            Dtype);

/// Raw records: row i is label i, then its pixels.
struct Records {
  Shape picture;
  std::vector<std::uint8_t> pixels;  // [N, H·W·C]
  std::vector<std::uint8_t> labels;  // [N]

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  std::span<const std::uint8_t> picture_of(std::int64_t i) const {
    const auto n = static_cast<std::size_t>(picture.elements());
    return std::span(pixels).subspan(static_cast<std::size_t>(i) * n, n);
  }
};

/// The sum modulo 2^128 of the XXH3-128 hashes of all records (label byte, then pixels), 32 hexadecimal digits: the
/// same in any order, another one if any bit differs or a record is doubled.
std::string records_checksum(const Records&);

/// pixel/255, minus the mean and divided by the deviation of the training pixels: exact sums, float64, rounded once.
DataPair normalise(const Records& train, const Records& test, std::int64_t classes, Dtype);

}  // namespace brink
