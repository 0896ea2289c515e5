// SPDX-License-Identifier: MIT
// Slices on the page of a run: lines along u₁, and the plane of u₁ and u₂ as a heat map with a slider; files of the run and those that were added.
#include <cmath>
#include <cstdio>
#include <limits>

#include "tests/tools/run_folder.h"
#include "training/io/file.h"
#include "training/io/safetensors.h"

using namespace brink;
using namespace brink::test;

namespace {

/// L = level + 2a + b at three offsets each.
void write_slice(const fs::path& folder, int step, double level, std::vector<double> plane = {}) {
  fs::create_directories(folder);
  std::vector<double> offset{-0.5, 0, 0.5}, loss{level - 1, level, level + 1}, curvature{1, 2, 3};
  if (plane.empty())
    for (const double a : offset)
      for (const double b : offset) plane.push_back(level + 2 * a + b);
  const auto view = [](std::vector<double>& x) {
    return view_of(x.data(), Shape{static_cast<std::int64_t>(x.size())});
  };
  const NamedView tensors[] = {{"offset", view(offset)},
                               {"loss", view(loss)},
                               {"curvature", view(curvature)},
                               {"plane/offset", view(offset)},
                               {"plane/loss", view(plane)}};
  char name[40];
  (void)std::snprintf(name, sizeof name, "step-%06d.safetensors", step);
  write_safetensors(brink::Folder(folder.string()), name, tensors, {{"step", std::to_string(step)}});
}

std::string planes_of(const std::string& page) {
  const auto at = page.find("id=\"planes0\"");
  if (at == std::string::npos) return {};
  return page.substr(at, page.find("</figure>", at) - at);
}

/// The runs of cells in one colour: "x row length".
std::string path_of(const std::string& text, const std::string& colour) {
  const auto at = text.find("<path class=\"" + colour + "\" d=\"");
  if (at == std::string::npos) return {};
  const auto from = text.find(" d=\"", at) + 4;
  return text.substr(from, text.find('"', from) - from);
}

}  // namespace

TEST_CASE("the plane is a heat map of each step: a to the right, b upwards, colours of the step's own scale") {
  const test::FilesOfRun folder("r");
  write_whole(folder);
  CHECK(planes_of(page_of(folder)).empty());
  write_slice(folder.path() / "slices", 0, 2);
  const std::string one = planes_of(page_of(folder));
  CHECK(has(one, ">Loss in the plane of u₁ and u₂</h2>"));
  CHECK(count(one, "<g data-at=") == 1);
  CHECK(has(one, "<b>Step 0</b>: the loss is 0.5 to 3.50 in the plane and 2.00 at θ"));
  CHECK(has(one, "from 0.5 to 3.5"));
  // The smallest loss stands at a = b = −0.5, on the left of the lowest row of three; the largest one at the other end of the first row.
  CHECK(path_of(one, "q0") == "M0 250h3333");
  CHECK(path_of(one, "q23") == "M6667 50h3333");

  write_slice(folder.path() / "slices", 2, 40, {1, 1, 1, 1, std::nan(""), 1, 1, 1, 100});
  const std::string two = planes_of(page_of(folder));
  CHECK(count(two, "<g data-at=") == 2);
  CHECK(has(two, "max=\"1\" value=\"1\""));
  CHECK(has(two, "loss, logarithmic"));
  CHECK(has(two, "the loss is 1.00 to 100 in the plane and not finite at θ; 1 value is not finite and not drawn"));
}

TEST_CASE(
    "slices that were added to a finished run are drawn; the run's own come first, and what cannot be read is named") {
  const test::FilesOfRun folder("r");
  write_whole(folder);
  write_slice(folder.path() / "slices", 1, 2);
  write_slice(folder.path() / "measured" / "0123" / "slices", 1, 7);
  write_slice(folder.path() / "measured" / "0123" / "slices", 3, 9);
  const std::string page = page_of(folder), planes = planes_of(page);
  CHECK(has(planes, "<b>Step 1</b>: the loss is 0.5 to 3.50"));
  CHECK(has(planes, "<b>Step 3</b>: the loss is 7.50 to 10.5"));
  CHECK(count(planes, "<g data-at=") == 2);
  CHECK(has(page, ">Slices along u₁</h2>"));

  // Control: a plane of another size is refused, and says why.
  write_slice(folder.path() / "slices", 2, 2, {1, 2, 3});
  const std::string refused = page_of(folder);
  CHECK(count(planes_of(refused), "<g data-at=") == 2);
  CHECK(has(refused, "expected as many losses in the plane as there are pairs of offsets"));
}

TEST_CASE("many steps are thinned, for the lines more than for the planes") {
  const test::FilesOfRun folder("many");
  write_whole(folder);
  for (int step = 0; step < 100; ++step) write_slice(folder.path() / "slices", step, 2 + step);
  const std::string page = page_of(folder);
  CHECK(count(planes_of(page), "<g data-at=") == 60);
  CHECK(has(page, "Drawn are 6 steps of 100 in slices/."));
  CHECK(page.size() < 400'000);
}
