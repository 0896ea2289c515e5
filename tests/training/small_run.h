// SPDX-License-Identifier: MIT
// A run of `train` in a temporary folder, and the digests of the two files whose bytes are promised.
#pragma once

#include <doctest/doctest.h>
#include <xxhash.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/training/temporary_folder.h"
#include "training/io/console.h"
#include "training/io/text.h"
#include "training/run/train.h"

namespace brink::test {

class SmallRun {
 public:
  explicit SmallRun(const std::vector<std::string>& sets, std::vector<std::pair<std::string, std::string>> flags = {})
      : config(load_config({{}, sets, std::move(flags)})) {
    const std::string said = temporary_ / "said";
    std::FILE* const file = std::fopen(said.c_str(), "w");
    REQUIRE(file);
    Console console(fileno(file));
    code = train(config, {folder(), false}, console);
    (void)std::fclose(file);
  }
  /// What it printed.
  std::string said() const { return read_text(temporary_ / "said"); }
  std::string folder() const { return temporary_ / "run"; }
  std::string read(const std::string& name) const { return read_text(folder() + "/" + name); }
  /// XXH3-64, 16 hexadecimal digits.
  std::string digest(const std::string& name) const {
    const std::string text = read(name);
    return hex_text(XXH3_64bits(text.data(), text.size()));
  }

  const Config config;
  ExitCode code{};

 private:
  TemporaryFolder temporary_;
};

}  // namespace brink::test
