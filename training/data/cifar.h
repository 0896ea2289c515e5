// SPDX-License-Identifier: MIT
// What it is: the reader of CIFAR-10's binary files, and the sets made of them. What it is not: a reader of the Python or
// Matlab versions. Decision: which records are taken, and their order, follow from hashes of (seed, the record's bytes), so
// neither the order of the records in the files nor that of the files reaches a bit.
//
// Hash: XXH3-128 with the seed over label byte and pixels as in the file. Of each class the records with the smallest lower
// halves are taken; samples are in the order of the upper halves. Two halves, because the records taken have small lower ones:
// in their order the last groups would hold the classes whose threshold happens to be the largest.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/function_ref.h"
#include "training/data/dataset.h"
#include "training/io/system.h"

namespace brink {

inline constexpr std::int64_t cifar_record_bytes = 1 + 32 * 32 * 3;

/// What is expected in the files; tests have smaller ones.
struct CifarFiles {
  std::int64_t records = 10000;  // of each file
  std::int64_t train_files = 5;
  std::string train_checksum = "a4c1daa23f35ce05c971e707c3157fc6";  // over the training files, in any order
  std::string test_checksum = "82e81f88aa3cfd7bbf8ef22dd00ff237";
};
/// "data_batch_1.bin" …, and "test_batch.bin" for number 0.
std::string cifar_file_name(std::int64_t number);

/// Calls visit(record) for each record of a file, in order: label byte, then the red, green and blue planes. Throws DataError
/// naming file, expected and found: missing, a size that is not that of so many records, a label above 9 and its offset.
void read_cifar(const std::string& path, std::int64_t records, FunctionRef<void(std::span<const std::uint8_t>)> visit,
                System& = posix_system());

struct CifarRequest {
  std::string directory;
  std::int64_t train = 5000, test = 2000;  // multiples of 10, shared equally by the classes
  std::int64_t seed = 0;
  Dtype dtype = Dtype::f32;
  /// Sample i is picture i mod n of all n training records, augmented where i ≥ n, and never stored; `train` up to 10·n.
  bool augmented = false;
};

/// All files are read once; memory is that of the chosen records and of the array. Throws DataError, also where the records
/// are not the expected ones.
DataPair load_cifar10(const CifarRequest&, const CifarFiles& = {}, System& = posix_system());

}  // namespace brink
