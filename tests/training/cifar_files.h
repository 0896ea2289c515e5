// SPDX-License-Identifier: MIT
// Small files in CIFAR-10's format, made by a formula that cifar_golden.py also has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/training/temporary_folder.h"
#include "training/data/cifar.h"

namespace brink::test {

inline std::string small_record(std::uint64_t g) {
  std::string out(1, static_cast<char>((7 * g + g / 10) % 10));
  for (std::uint64_t k = 0; k < 3072; ++k)
    out += static_cast<char>((g * g * 31 + k * (2 * g + 1) + (k >> 3) * k) >> 2 & 255);
  return out;
}

/// 200 training records in five files and 40 for testing.
inline std::vector<std::string> small_records() {
  std::vector<std::string> out;
  for (std::uint64_t g = 0; g < 240; ++g) out.push_back(small_record(g));
  return out;
}

inline void write_cifar(const TemporaryFolder& folder, const std::vector<std::string>& records) {
  for (std::size_t file = 0; file < 6; ++file) {
    std::string text;
    for (std::size_t i = 0; i < 40; ++i) text += records[40 * file + i];
    write_text(folder / cifar_file_name(file == 5 ? 0 : static_cast<std::int64_t>(file) + 1), text);
  }
}

inline CifarFiles small_cifar() {
  return {40, 5, "81938aa14e452e8be39bf54d75cd24fb", "d4d84547618c360ec04bdf2734517289"};
}

}  // namespace brink::test
