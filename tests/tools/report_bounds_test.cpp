// SPDX-License-Identifier: MIT
// The bounds of λ₁ and of the smallest eigenvalue on the page of a run: a band where they are near, dashes elsewhere, and what is said of them.
#include <doctest/doctest.h>

#include "tests/tools/run_folder.h"

using namespace brink;
using namespace brink::test;

namespace {

/// The whole run with the two columns; four rows of cells each, empty ones where there is no bound.
void write_with_bounds(const FilesOfRun& folder, const std::vector<std::string>& upper,
                       const std::vector<std::string>& lower) {
  write_whole(folder);
  std::string metrics(header), cells(rows);
  metrics.insert(metrics.size() - 1, ",lambda_1_upper,lambda_min_lower");
  for (std::size_t at = cells.find('\n'), row = 0; at != std::string::npos; at = cells.find('\n', at + 1), ++row) {
    const std::string more = "," + upper[row] + "," + lower[row];
    cells.insert(at, more);
    at += more.size();
  }
  folder.write("metrics.csv", metrics + cells);
  auto columns = known_columns();
  columns.push_back({"lambda_1_upper", "", "no eigenvalue is larger", {}});
  columns.push_back({"lambda_min_lower", "", "no eigenvalue is smaller", {}});
  folder.write("run.json", run_json_with(columns));
}

std::string figure(const std::string& page, const std::string& title) {
  const std::string from = page.substr(page.find(">" + title));
  return from.substr(0, from.find("</figure>"));
}

}  // namespace

TEST_CASE(
    "a bound within 10 % of its value is a band, any other one a dash; legend, data, tiles and table say what it is") {
  const FilesOfRun folder("r");
  // λ₁ is 10, 30, 15, 25; the smallest eigenvalue −1, −2, −3, −4.
  write_with_bounds(folder, {"10.5", "32", "29", "26"}, {"-3.5", "-2.1", "", "-4.2"});
  const std::string page = page_of(folder), top = figure(page, "Sharpness: λ₁"), bottom = figure(page, "Most negative");
  // Steps 0 and 1 are one stretch: there and back. Step 3 stands alone.
  CHECK(count(top, "class=\"band\"") == 1);
  const auto at = top.find("class=\"band\" d=\"") + 16;
  const std::string band = top.substr(at, top.find('"', at) - at);
  CHECK(count(band, "M") == 2);
  CHECK(count(band, "l") == 1);
  CHECK(count(band, "v") == 1);
  CHECK(count(top, "class=\"dash\"") == 1);
  CHECK(count(bottom, "class=\"band\"") == 1);
  CHECK(count(bottom, "class=\"dash\"") == 1);
  CHECK(has(top,
            "lambda_1_upper is a bound of λ₁: no eigenvalue lies above it, except with probability 10⁻⁹ for each "
            "random start."));
  CHECK(has(top, "A band from λ₁ to the bound is drawn where the bound is within 10 % of λ₁, at 3 steps."));
  CHECK(has(top, "A short dash marks the bound at 1 other step, as far as the axis reaches."));
  CHECK_FALSE(has(top, "there is no bound"));
  CHECK(has(bottom, "no eigenvalue lies below it"));
  CHECK(has(bottom, "At 1 step there is no bound."));
  CHECK(has(top, "</i>from λ₁ to its bound</li>"));
  CHECK(has(top, "</i>bound more than 10 % away</li>"));
  CHECK(has(top, "data-bound=\"lambda_1_upper\""));
  CHECK(has(top, "<small> ≤ 26.00</small>"));
  CHECK(has(bottom, "<small> ≥ −4.200</small>"));
  CHECK(has(page, "\"lambda_1_upper\":[10.5,32,29,26]"));
  CHECK(has(page, "\"lambda_min_lower\":[-3.5,-2.1,null,-4.2]"));
  CHECK(has(page, "at step 1; no eigenvalue above 32.00"));  // the peak
  CHECK(has(page, "at step 3; no eigenvalue above 26.00"));  // the end
  CHECK(has(page, "<th scope=\"col\">no eigenvalue then above</th>"));
  CHECK(has(page, "<td>32.00</td></tr>"));
}

TEST_CASE("bounds that are far, infinite or absent widen no axis and make no band") {
  const FilesOfRun folder("r");
  write_with_bounds(folder, {"1e6", "inf", "", "40"}, {"", "", "", ""});
  const std::string page = page_of(folder), top = figure(page, "Sharpness: λ₁"), bottom = figure(page, "Most negative");
  CHECK_FALSE(has(top, "class=\"band\""));
  CHECK(count(top, "class=\"dash\"") <= 1);
  CHECK_FALSE(has(top, "1000000"));
  CHECK_FALSE(has(top, "</i>from λ₁ to its bound</li>"));
  CHECK(has(top, "marks the bound at 2 steps"));
  CHECK(has(top, "At 2 steps there is no bound."));
  CHECK(has(page, "\"lambda_1_upper\":[1e+06,null,null,40]"));
  CHECK_FALSE(has(bottom, "data-bound"));
  CHECK_FALSE(has(bottom, "is a bound of"));

  // Control: without the columns nothing of this is there, and the axis is the same.
  write_whole(folder);
  const std::string without = page_of(folder), plain = figure(without, "Sharpness: λ₁");
  for (const char* text : {"class=\"band\"", "class=\"dash\"", "data-bound", "bound of", "no eigenvalue"}) {
    CAPTURE(text);
    CHECK_FALSE(has(plain, text));
  }
  CHECK_FALSE(has(without, "no eigenvalue then above"));
  const auto grid = [](const std::string& f) {
    return f.substr(f.find("class=\"grid\""), f.find("</g>", f.find("class=\"grid\"")) - f.find("class=\"grid\""));
  };
  CHECK(grid(plain) == grid(top));
}

TEST_CASE("a long band is drawn as what covers neighbouring steps") {
  const FilesOfRun folder("long");
  write_whole(folder);
  std::string metrics = "step,loss,lambda_1,residual_1,lambda_1_upper\n";
  for (int t = 0; t < 20000; ++t)
    metrics += std::to_string(t) + ",1," + std::to_string(10 + t % 2) + ",0.001," + std::to_string(10.5 + t % 2) + "\n";
  auto columns = columns_named("loss,lambda_1,residual_1");
  columns.push_back({"lambda_1_upper", "", "no eigenvalue is larger", {}});
  folder.write("metrics.csv", metrics);
  folder.write("run.json", run_json_with(columns));
  const std::string top = figure(page_of(folder), "Sharpness: λ₁");
  const auto at = top.find("class=\"band\" d=\"") + 16;
  CHECK(top.find('"', at) - at < 60'000);
}
