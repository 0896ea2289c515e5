// SPDX-License-Identifier: MIT
// A row for each data set of the list: the number of samples in its test, and their checksums.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kinds {

struct DataRow {
  std::string name;
  std::string folder;  ///< the folder of its files, below the folder of shared data; empty: the program makes the data
  std::int64_t train, test;
  std::string train_checksum, test_checksum;
};

inline const std::vector<DataRow>& data_rows() {
  // The classes of cifar10-500k are equal in size in multiples of the 50,000 pictures alone.
  static const std::vector<DataRow> all{
      {"synthetic", "", 200, 40, "34321776ca385910b69e103471e53562", "59f00df26b8473c618921bae5f1e3a8c"},
      {"synthetic-cifar", "", 200, 40, "fc59512955012a336c1d8b5c6f8202ac", "897da9d34648e07bed2971a8742e860a"},
      {"fmnist4", "fashion-mnist", 200, 40, "fdc28f3127356ab6334e29856f9394a7", "e500f4353c4cfa85eccaecf958172f63"},
      {"cifar10-5k", "cifar-10-batches-bin", 200, 40, "31dd169b9e81a56068e05f26349665b2",
       "17096c521f49bd28153e71e8ad5fd734"},
      {"cifar10-50k", "cifar-10-batches-bin", 200, 40, "31dd169b9e81a56068e05f26349665b2",
       "17096c521f49bd28153e71e8ad5fd734"},
      {"cifar10-500k", "cifar-10-batches-bin", 50000, 40, "d59bf2b7e9f9c5bee18aacaefad1e2ee",
       "17096c521f49bd28153e71e8ad5fd734"},
      {"arrays", "", 0, 0, "", ""},  // a user's own files: tests/training/arrays_test.cpp
  };
  return all;
}

}  // namespace kinds
