// SPDX-License-Identifier: MIT
// Labelled pictures as a network reads them, and where they come from.
// A data set's identity is the checksum of its raw records, so it depends neither on precision nor on their order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/memory.h"
#include "training/data/pictures.h"

namespace brink {

struct Dataset {
  Shape picture;  // [H, W, C]; [D] of vectors
  std::int64_t classes = 0;
  Array x;  // [N, H·W·C], normalised, working precision; empty where rows are made on demand
  /// Makes the rows of x from records, whose bytes it keeps; may be released once x exists.
  std::shared_ptr<const RowMaker> rows;
  Array labels;                         // [N], int32
  std::vector<std::int64_t> kept_rows;  // their records in the file, in the order of the samples; empty without a file
  std::string checksum;                 // of the N records

  std::int64_t samples() const { return labels.view().shape.rank == 0 ? 0 : labels.view().shape[0]; }
  /// Whether rows are made on demand.
  bool is_made() const { return x.view().shape.rank == 0; }
};

struct DataPair {
  Dataset train, test;  // test may be without samples
  Normalisation normalisation;
  std::string provenance;  // one line
};

/// Pictures made by the program, 28×28×1, four classes. `train` and `test` are multiples of 4.
DataPair make_synthetic(std::int64_t train, std::int64_t test, std::int64_t seed, Dtype);

/// Pictures made by the program, 32×32×3, ten classes. `train` and `test` are multiples of 10.
DataPair make_synthetic_cifar(std::int64_t train, std::int64_t test, std::int64_t seed, Dtype);

/// The first train/classes (test/classes) samples of each class below `classes`, in file order, of the official
/// Fashion-MNIST files in `directory` (plain or .gz). Throws DataError naming the file, expected and found; also where
/// the records are not the official ones.
DataPair load_fashion_mnist(const std::string& directory, std::int64_t classes, std::int64_t train, std::int64_t test,
                            Dtype);

/// Whether the array of normalised numbers is made, or only the records are kept.
enum class Keep { array, records_only };
Dataset make_dataset(std::shared_ptr<const PictureRows>, Shape picture, std::int64_t classes, Keep);

/// Normalises by the moments of the training pixels.
DataPair normalise(Records train, Records test, std::int64_t classes, Dtype);

/// The classes in the ghost groups (consecutive samples) of a data set.
struct GroupMix {
  std::int64_t groups = 0;
  std::int64_t fewest_classes = 0;  // smallest number of distinct classes in a whole group
  double mean_classes = 0;          // over the whole groups
  std::int64_t largest_share = 0;   // largest number of samples of one class in a group
};
/// A last group that is not whole is not counted. `labels` are int32.
GroupMix mix_of_groups(const Dataset&, std::int64_t group);

}  // namespace brink
