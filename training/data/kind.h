// SPDX-License-Identifier: MIT
// The list of data sets that training/data/meson.build names: the name of each, what may be requested of it, and how it is
// loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/options.h"
#include "training/data/dataset.h"

namespace brink {

/// A request for a data set.
struct DataRequest {
  std::string directory;             ///< folder of the files; empty for data made by the program
  std::int64_t train = 0, test = 0;  ///< samples, shared equally by the classes; 0: all, of a user's own files
  std::int64_t seed = 0;
  Dtype dtype = Dtype::f32;
  friend bool operator==(const DataRequest&, const DataRequest&) = default;
};

/// What is known of a data set before its samples are read.
struct DataSizes {
  Shape picture;  ///< [H, W, C], or [D] for vectors
  std::int64_t classes = 0, train = 0, test = 0;
};

struct DataKind {
  std::string_view name;
  Shape picture = {};  ///< [H, W, C]
  std::int64_t classes = 0;
  std::int64_t train = 0, test = 0;  ///< default number of samples; 0: all that the files hold
  std::int64_t most_train = 10'000'000, most_test = 10'000'000;  ///< multiples of `classes`
  std::string_view files = {};  ///< name of the files in data.directory, "CIFAR-10"; empty: the program makes the data
  std::int64_t shared_records =
      0;  ///< number of records from which the rows of more samples are made on demand; 0: rows are not made
  std::vector<Option> options = {};  ///< keys of [data] that only this set has
  std::optional<OptionConflict> (*conflict)(const Options&) = nullptr;
  /// Of a user's own files, from which picture, classes and the default number of samples (all) follow; null: they are declared above.
  /// Throws DataError, UsageError.
  DataSizes (*sizes)(const DataRequest&, const Options&) = nullptr;
  /// Throws DataError; UsageError where the request does not fit a user's own files.
  DataPair (*load)(const DataRequest&, const Options&) = nullptr;
};

/// The first is the default.
std::span<const DataKind> data_kinds();

/// What the set has for a request: as declared, or as a user's own files say. Throws DataError, UsageError.
DataSizes sizes_of(const Chosen<DataKind>&, const DataRequest&);

/// The data in the working precision. Throws DataError.
DataPair load_data(const Chosen<DataKind>&, const DataRequest&);

/// What load_data returns, without reading a sample or computing a number: shapes and types on a device with a count
/// (memory_count.h), which counts the memory. Of a user's own files the headers and labels are read.
DataPair outline_of_data(const Device& counting, const Chosen<DataKind>&, const DataRequest&);

}  // namespace brink
