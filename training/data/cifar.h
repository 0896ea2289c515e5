// SPDX-License-Identifier: MIT
// The reader of CIFAR-10's binary files, and the data sets made from them.
// The choice and the order of records follow from hashes of (seed, the record's bytes), so neither the order of the records in
// the files nor the order of the files affects a bit.
// The hash is XXH3-128 with the seed, over label byte and pixels as in the file. Of each class the records with the smallest
// lower halves are taken, and samples are ordered by the upper halves. The lower halves cannot serve for both: they are small
// for the records taken, and the last groups would then consist of the classes with the largest threshold.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/function_ref.h"
#include "training/data/dataset.h"
#include "training/io/system.h"

namespace brink {

inline constexpr std::int64_t cifar_record_bytes = 1 + 32 * 32 * 3;

/// What is expected in the files; tests use smaller ones.
struct CifarFiles {
  std::int64_t records = 10000;  // of each file
  std::int64_t train_files = 5;
  std::string train_checksum = "a4c1daa23f35ce05c971e707c3157fc6";  // over the training files, in any order
  std::string test_checksum = "82e81f88aa3cfd7bbf8ef22dd00ff237";
};
/// "data_batch_1.bin" …, and "test_batch.bin" for number 0.
std::string cifar_file_name(std::int64_t number);

/// Calls visit(record) for each record of a file, in order: label byte, then the red, green and blue planes. Throws DataError
/// naming file, expected and found: a missing file, a size that does not fit `records`, or a label above 9 with its offset.
void read_cifar(const std::string& path, std::int64_t records, FunctionRef<void(std::span<const std::uint8_t>)> visit,
                System& = posix_system());

/// The same from memory; `name` is for the messages.
void parse_cifar(const std::string& name, std::span<const std::byte> file, std::int64_t records,
                 FunctionRef<void(std::span<const std::uint8_t>)> visit);

struct CifarRequest {
  std::string directory;
  std::int64_t train = 5000, test = 2000;  // multiples of 10, shared equally by the classes
  std::int64_t seed = 0;
  Dtype dtype = Dtype::f32;
  /// Sample i is picture i mod n of all n training records, augmented for i ≥ n, and never stored; `train` is at most 10·n.
  bool augmented = false;
};

/// Reads all files once; memory is that of the chosen records and of the array. Throws DataError, also if the records are not
/// the expected ones.
DataPair load_cifar10(const CifarRequest&, const CifarFiles& = {}, System& = posix_system());

}  // namespace brink
