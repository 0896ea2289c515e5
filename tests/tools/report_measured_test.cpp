// SPDX-License-Identifier: MIT
// The report draws what brink measure has added to a run, in the panels that the columns name.
#include <doctest/doctest.h>

#include "tests/tools/run_folder.h"
#include "tools/report/measured.h"

using namespace brink;
using namespace brink::test;

namespace {

const std::string stem = "measured/0123456789abcdef";

/// The written folder with one table beside it.
void write_measured(const FilesOfRun& folder, const std::vector<Column>& columns, const std::string& table) {
  write_whole(folder);
  fs::create_directory(folder.path() / "measured");
  folder.write(stem + ".json", run_json_with(columns, R"-("settings":["measure.top = 2 (there 1)"])-"));
  folder.write(stem + ".csv", table);
}

Column column(const std::string& name) {
  for (const Column& c : known_columns())
    if (c.name == name) return c;
  FAIL("no column " << name);
  return {};
}
const Column step = column("step");
const Column cosine{"update_cosine", "turns", "the cosine of the angle between two updates", {"update"}};

report::Run measured_run(const FilesOfRun& folder) {
  report::Run run = report::read_run(folder.path());
  report::add_measured(run, folder.path());
  return run;
}

}  // namespace

TEST_CASE("a measured column has the panel that it names, with blanks where it was not measured") {
  const FilesOfRun folder("r");
  write_measured(folder, {step, cosine}, "step,update_cosine\n1,-0.5\n3,0.25\n");
  const std::string page = page_of(folder);
  CHECK(has(page, ">Update</h2>"));
  CHECK(has(page, "update_cosine (turns): the cosine of the angle between two updates."));
  CHECK(has(page, "\"update_cosine\":[null,-0.5,null,0.25]"));
  CHECK(has(page, "measured/0123456789abcdef.csv, 2 rows of steps 1 to 3, with measure.top = 2 (there 1)."));
  // It joins a panel that there is already.
  Column joined = cosine;
  joined.chart.panel = column("train_accuracy").chart.panel;
  write_measured(folder, {step, joined}, "step,update_cosine\n1,-0.5\n3,0.25\n");
  const std::string together = page_of(folder);
  CHECK_FALSE(has(together, ">Update</h2>"));
  CHECK(has(together, "data-key=\"update_cosine\""));
  // Control: without the folder there is nothing of it.
  fs::remove_all(folder.path() / "measured");
  const std::string without = page_of(folder);
  CHECK_FALSE(has(without, "update_cosine"));
  CHECK_FALSE(has(without, "Added by"));
}

TEST_CASE("further eigenvalues are drawn among the largest ones, and at steps between the run's rows") {
  const FilesOfRun folder("r");
  Column third = column("lambda_2"), residual = column("residual_2");
  third.name = "lambda_3", residual.name = "residual_3", third.chart.error = "residual_3";
  write_measured(folder, {step, third, residual}, "step,lambda_3,residual_3\n0,2,0.001\n1.5,3,0.001\n2,4,0.001\n");
  const report::Run run = measured_run(folder);
  CHECK(run.top == 3);
  CHECK(run.step == std::vector<double>{0, 1, 1.5, 2, 3});
  CHECK(run.eigenvalue(3, 2)->value == 3);
  CHECK(run.eigenvalue(3, 2)->certified);
  CHECK_FALSE(run.eigenvalue(1, 2));
  CHECK(run.eigenvalue(1, 3)->value == 15);
  CHECK(run.time.at(2) == doctest::Approx(0.15));
  CHECK(has(page_of(folder), "Sharpness: λ₁ … λ₃ against 2/η"));
  CHECK(report::read_run(folder.path()).top == 2);  // summaries are of the run itself
}

TEST_CASE("empty cells are filled, and other values than the run's are drawn apart") {
  const FilesOfRun folder("r");
  const Column jump = column("jump");
  write_measured(folder, {step, jump}, "step,jump\n0,0.25\n1,0.05\n");
  CHECK(measured_run(folder).columns.at("jump") == std::vector<std::optional<double>>{0.25, 0.05, 0.05, 0.05});
  write_measured(folder, {step, column("lambda_1"), column("residual_1")},
                 "step,lambda_1,residual_1\n1,29.5,0.001\n2,15,0.001\n");
  const report::Run run = measured_run(folder);
  CHECK(run.eigenvalue(1, 1)->value == 30);
  CHECK(run.columns.at("012345:lambda_1") == std::vector<std::optional<double>>{std::nullopt, 29.5, 15, std::nullopt});
  const std::string page = page_of(folder);
  CHECK(has(page, ">Largest eigenvalues, measured again</h2>"));
  CHECK(has(page, "\"012345:lambda_1\":[null,29.5,15,null]"));
  CHECK(has(page, "\"012345:residual_1\":[null,0.001,0.001,null]"));
  CHECK(has(page, "drawn apart, as 012345:NAME."));
}

TEST_CASE("a measured table that cannot be read is named, with what to do") {
  const FilesOfRun folder("r");
  const std::string good = "step,update_cosine\n1,-0.5\n3,0.25\n";
  const auto says = [&](const std::string& reason) {
    const std::string page = page_of(folder);
    CHECK_MESSAGE(has(page, "measured/0123456789abcdef.csv is not drawn: " + reason), reason);
    CHECK_FALSE(has(page, "data-key=\"update_cosine\""));
  };
  write_measured(folder, {step, cosine}, good);
  fs::remove(folder.path() / (stem + ".json"));
  says("its description is not there; the same `brink measure` again completes it.");
  folder.write(stem + ".json", "{");
  says("its description");
  folder.write(stem + ".json", "[]");
  says("its description has no columns.");
  write_measured(folder, {step, cosine}, "step,update_cosine\n3,-0.5\n1,0.25\n");
  says("its steps do not ascend.");
  write_measured(folder, {step, cosine}, "step,update_cosine\n");
  says("it has no rows.");
  write_measured(folder, {step, cosine}, "stop,update_cosine\n1,2\n");
  says("it has no column “step”.");
  write_measured(folder, {step, cosine}, "step,update_cosine\n1,2\n7,2\n");
  says("step 7 is not one of the run.");
}
