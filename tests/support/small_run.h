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

namespace support {

class SmallRun {
 public:
  explicit SmallRun(const std::vector<std::string>& sets, std::vector<std::pair<std::string, std::string>> flags = {})
      : config(brink::load_config({{}, sets, std::move(flags)})) {
    const std::string said = temporary_ / "said";
    std::FILE* const file = std::fopen(said.c_str(), "w");
    REQUIRE(file);
    brink::Console console(fileno(file));
    code = brink::train(config, {folder(), false}, console);
    (void)std::fclose(file);
  }
  std::string folder() const { return temporary_ / "run"; }
  std::string read(const std::string& name) const { return brink::test::read_text(folder() + "/" + name); }
  /// XXH3-64, 16 hexadecimal digits.
  std::string digest(const std::string& name) const {
    const std::string text = read(name);
    return brink::hex_text(XXH3_64bits(text.data(), text.size()));
  }

  const brink::Config config;
  brink::ExitCode code{};

 private:
  brink::test::TemporaryFolder temporary_;
};

}  // namespace support
