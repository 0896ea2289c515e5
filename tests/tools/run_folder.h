// SPDX-License-Identifier: MIT
// Run folders written by hand, so that every number a page must state is known, and the checks that every page must pass.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/columns.h"
#include "tests/tools/xml_check.h"
#include "tools/report/report.h"
#include "training/run/columns_json.h"

namespace brink::test {

namespace fs = std::filesystem;

/// A temporary folder for one test, removed at the end of the test.
class FilesOfRun {
 public:
  explicit FilesOfRun(const std::string& name) : root_(unused()), path_(root_ / name) { fs::create_directories(path_); }
  ~FilesOfRun() { fs::remove_all(root_); }
  FilesOfRun(const FilesOfRun&) = delete;
  FilesOfRun& operator=(const FilesOfRun&) = delete;
  const fs::path& path() const { return path_; }
  void write(const std::string& file, std::string_view text) const {
    std::ofstream(path_ / file, std::ios::binary) << text;
  }
  std::string render() const { return render_report(std::vector<fs::path>{path_}); }

 private:
  static fs::path unused() {
    static int count = 0;
    fs::path path;
    do {
      std::string name = "brink-report-test-";
      path = fs::temp_directory_path() / name.append(std::to_string(++count));
    } while (!fs::create_directory(path));
    return path;
  }
  fs::path root_, path_;
};

constexpr std::string_view config = R"([data]
name = "synthetic"
train = 100
[model]
name = "mlp"
hidden = [8, 8]
[training]
rule = "gd"
learning_rate = 0.1
steps = 3
[measure]
tolerance = 1e-3
)";
constexpr std::string_view header =
    "step,loss,train_accuracy,test_accuracy,learning_rate,gradient_norm,lambda_1,lambda_2,residual_1,residual_2,"
    "lambda_min,residual_min,products,surplus,jump,period2_distance,digest\n";
// λ₁ at step 1 has residual 0.5 > 1e-3·30; λ₂ at step 2 has none; λ_min is always fine.
constexpr std::string_view rows =
    "0,1.5,0.25,0.24,0.1,1,10,5,0.001,0.001,-1,0.0001,9,-1,,,aa\n"
    "1,1.25,0.5,0.45,0.1,1,30,6,0.5,0.001,-2,0.0001,7,1,0.05,,bb\n"
    "2,1.0,0.75,0.7,0.1,1,15,7,0.001,,-3,0.0001,8,-0.5,0.05,,cc\n"
    "3,0.5,1,0.9,0.1,1,25,8,0.001,0.001,-4,0.0001,8,0.5,0.05,0.01,00112233445566778899aabbccddeeff\n";
constexpr std::string_view events = "entry,resolution,length,long,open,peak_step\n1,2,1,0,0,1\n3,4,1,0,1,3\n";

/// The members of a JSON object and the description of columns.
inline std::string run_json_with(const std::vector<Column>& columns,
                                 std::string_view members = R"("version":"9.8.7")") {
  return "{" + std::string(members) + ",\"columns\":" + columns_to_json(columns).dump() + "}";
}

/// The columns of the metrics that write_whole writes.
inline std::vector<Column> known_columns() {
  static const std::vector<Column> known = [] {
    auto columns = support::described_columns(2, 0.1);
    while (columns.back().name != "digest") columns.pop_back();
    return columns;
  }();
  return known;
}

/// The known columns that a header names; `threshold` is needed if it is not that of write_whole.
inline std::vector<Column> columns_named(std::string_view names, double threshold = 20) {
  std::vector<Column> out;
  for (Column column : known_columns()) {
    if (column.name == "lambda_1") column.chart.reference = threshold;
    if (("," + std::string(names) + ",").find("," + column.name + ",") != std::string::npos) out.push_back(column);
  }
  return out;
}

inline void write_whole(const FilesOfRun& folder) {
  folder.write("config.toml", config);
  folder.write("run.json", run_json_with(known_columns()));
  folder.write("metrics.csv", std::string(header) + std::string(rows));
  folder.write("events.csv", events);
}

/// The mark beside a number that depends on an eigenvalue that is not certified.
inline const std::string mark = "<span class=\"mark\" title=\"not certified\" aria-label=\"not certified\">○</span>";

inline bool has(const std::string& page, std::string_view text) { return page.find(text) != std::string::npos; }

inline std::size_t count(const std::string& page, std::string_view text) {
  std::size_t n = 0;
  for (auto at = page.find(text); at != std::string::npos; at = page.find(text, at + text.size())) ++n;
  return n;
}

/// Checks what must hold for every page.
inline void check_page(const std::string& page) {
  CHECK(test::xml_defect(page) == "");
  for (std::string_view forbidden :
       {"http:", "https:", "//cdn", "url(", "@import", "src=", "<link", "NaN", ">nan", "\"nan", "inf%", "nan%"}) {
    CAPTURE(forbidden);
    CHECK_FALSE(has(page, forbidden));
  }
  for (auto at = page.find("href=\""); at != std::string::npos; at = page.find("href=\"", at + 1))
    CHECK(page[at + 6] == '#');
  for (auto at = page.find("<path "); at != std::string::npos; at = page.find("<path ", at + 1)) {
    const auto d = page.find(" d=\"", at) + 4;
    const std::string path = page.substr(d, page.find('"', d) - d);
    CHECK(path.find_first_not_of("Mlhv0123456789- ") == std::string::npos);
    for (auto i = path.find_first_of("0123456789"); i != std::string::npos; i = path.find_first_of("0123456789", i)) {
      const auto end = std::min(path.find_first_not_of("0123456789", i), path.size());
      CHECK(end - i <= 5);  // the box is 10000 × 2000: what lies beyond it stays near
      i = end;
    }
  }
  const auto data = page.find("id=\"data\">") + 10;
  CHECK_FALSE(
      nlohmann::json::parse(page.substr(data, page.find("</script>", data) - data), nullptr, false).is_discarded());
}

/// The folder's page, checked.
inline std::string page_of(const FilesOfRun& folder) {
  std::string page = folder.render();
  check_page(page);
  return page;
}

}  // namespace brink::test
