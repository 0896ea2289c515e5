// SPDX-License-Identifier: MIT
// A page that is written again while its run goes on.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tests/tools/run_folder.h"
#include "tools/report/report.h"
#include "training/run/folder.h"

using namespace brink;

TEST_CASE("a page that is watched reloads itself while the run goes on, and no longer once it has ended") {
  const test::FilesOfRun folder("r");
  std::optional<RunFolder> owned = RunFolder::open(folder.path().string(), false);
  test::write_whole(folder);
  folder.write("run.json", test::run_json_with(test::known_columns(), R"("status":"running")"));
  const std::vector<std::filesystem::path> runs{folder.path()};
  const std::filesystem::path path = folder.path() / "page.html";
  std::vector<std::string> pages;
  watch_report(runs, path, 1, [&] {
    std::ifstream file(path, std::ios::binary);
    pages.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    folder.write("run.json", test::run_json_with(test::known_columns(), R"("status":"finished")"));
    owned.reset();
  });
  REQUIRE(pages.size() == 2);
  const std::string reload = R"(<meta http-equiv="refresh" content="1"/>)";
  CHECK(pages[0].find(reload) != std::string::npos);
  CHECK(pages[1].find(reload) == std::string::npos);
  CHECK(pages[1] == folder.render());
}
