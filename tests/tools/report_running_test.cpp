// SPDX-License-Identifier: MIT
// The page of a run that another process has just begun.
#include <doctest/doctest.h>

#include "tests/tools/run_folder.h"
#include "training/run/folder.h"

TEST_CASE("a run that has no record yet is running while a process holds its folder") {
  const brink::test::Folder folder("r");
  const auto says = [&](const char* text) { return folder.render().find(text) != std::string::npos; };
  {
    const auto begun = brink::RunFolder::open(folder.path().string(), false);
    folder.write("config.toml", brink::test::config);
    folder.write("metrics.csv", "step,loss\n");
    CHECK(says("it was running when this was written"));
    CHECK_FALSE(says("it was interrupted"));
  }
  CHECK_FALSE(says("it was running when this was written"));
  CHECK(says("it was interrupted"));  // killed before its first record
}
