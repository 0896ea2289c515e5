// SPDX-License-Identifier: MIT
// The page of a run that another process has just begun.
#include <doctest/doctest.h>

#include "tests/tools/run_folder.h"
#include "training/run/folder.h"

TEST_CASE("a run that has no record yet is running while a process holds its folder") {
  const brink::test::FilesOfRun folder("r");
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

TEST_CASE("the last row of a run that is going on may be half written, which is no damage") {
  const brink::test::FilesOfRun folder("r");
  const std::filesystem::path runs[] = {folder.path()}, page = folder.path() / "report.html";
  {
    const auto begun = brink::RunFolder::open(folder.path().string(), false);
    brink::test::write_whole(folder);
    folder.write("metrics.csv", std::string(brink::test::header) + std::string(brink::test::rows) + "4,0.5");
    folder.write("run.json", brink::test::run_json_with(brink::test::known_columns(), R"("status":"running")"));
    CHECK(brink::write_report(runs, page).empty());
  }
  CHECK(brink::write_report(runs, page).size() == 1);  // the control: nobody is writing it any more
}
