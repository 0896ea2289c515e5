// SPDX-License-Identifier: MIT
// The densities on the page of a run: a curve for each step, a slider, what is said of each, and files that cannot be read.
#include "tools/report/spectra.h"

#include <cstdio>

#include "tests/tools/run_folder.h"
#include "training/io/file.h"
#include "training/io/safetensors.h"

using namespace brink;
using namespace brink::test;

namespace {

void write_spectrum(const test::FilesOfRun& folder, int step, double peak, const char* op = "hessian") {
  fs::create_directories(folder.path() / "spectra");
  double grid[] = {-1, 0, 1, 2, 30}, density[] = {0.5, peak, 20, 1e-30, 1}, error[] = {0.1, 2, 4, 0, 1};
  const auto view = [](double* x) { return view_of(x, Shape{5}); };
  const std::string prefix = op;
  const NamedView tensors[] = {
      {prefix + "/grid", view(grid)}, {prefix + "/density", view(density)}, {prefix + "/density_error", view(error)}};
  char name[40];
  (void)std::snprintf(name, sizeof name, "step-%06d.safetensors", step);
  write_safetensors(brink::Folder((folder.path() / "spectra").string()), name, tensors,
                    {{"step", std::to_string(step)},
                     {"threshold", "20"},
                     {prefix + "/trace", "312"},
                     {prefix + "/trace_error", "4.5"},
                     {prefix + "/outliers", "9"},
                     {prefix + "/width", "0.5"}});
}

}  // namespace

TEST_CASE("a curve for each step on one axis, with the threshold, and what was estimated there") {
  const test::FilesOfRun folder("dense");
  write_whole(folder);
  CHECK_FALSE(has(page_of(folder), "Density of all eigenvalues"));
  write_spectrum(folder, 0, 100);
  write_spectrum(folder, 2, 300);
  const std::string page = page_of(folder);
  check_page(page);
  CHECK(has(page, ">Density of all eigenvalues</h2>"));
  CHECK(count(page, "<g data-at=") == 2);
  CHECK(has(page, "max=\"1\" value=\"1\""));
  CHECK(
      has(page, "<b>Step 2</b><br/>Hessian: trace 312 ± 4.5, at least 9 eigenvalues above the bulk, smoothed by 0.5<"));
  CHECK(count(page, "threshold 20") == 2);
  CHECK(has(page, ">Hessian</text>"));
  CHECK_FALSE(has(page, ">Gauss–Newton matrix</text>"));
  write_spectrum(folder, 3, 50, "gauss_newton");
  const std::string both = page_of(folder);
  check_page(both);
  CHECK(count(both, "<g data-at=") == 6);
  const std::string two = render_report(std::vector<fs::path>{folder.path(), folder.path()});
  check_page(two);
  CHECK(count(two, "<figure class=\"stepped\"") == 2);
}

TEST_CASE("a file that cannot be read is named, and more steps than fit are thinned, which is said") {
  const test::FilesOfRun folder("many");
  write_whole(folder);
  for (int step = 0; step < 130; ++step) write_spectrum(folder, step, 100 + step);
  folder.write("spectra/step-000129.safetensors", "damaged");
  const std::string page = page_of(folder);
  check_page(page);
  CHECK(has(page, "spectra: 60 of 130 files are drawn, evenly chosen."));
  CHECK(has(page, "spectra/step-000129.safetensors"));
  CHECK(count(page, "<g data-at=") == 59);
  CHECK(page.size() < 400'000);
}
