// SPDX-License-Identifier: MIT
// Measurements that are added to a run: the rows of a run that had them from the start, and nothing of the run is changed.
#include "training/replay/measure.h"

#include <nlohmann/json.hpp>
#include <set>

#include "tests/replay/replay_runs.h"
#include "training/run/columns_json.h"

using namespace brink;
using namespace brink::test;

namespace {

std::string measure(const std::string& folder, const char* steps, const Sets& sets) {
  Said said;
  return measure_run({folder, parse_steps(steps), sets, {}}, said.console());
}

}  // namespace

TEST_CASE("measure: rows of a run that had the measurement from the start") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp()) == ExitCode::done);
  REQUIRE(run(folder / "from_start", small_mlp({"measure.update_cosine.every=1"})) == ExitCode::done);
  const auto before = contents(folder / "run");
  const std::string table = measure(folder / "run", "10:30", {"measure.update_cosine.every=1"});
  CHECK(lines(table).size() == 22);
  CHECK(lines(table).at(0) == "step,update_cosine\n");
  for (std::int64_t t = 10; t <= 30; ++t) {
    CHECK(cell(table, t, "update_cosine") == cell(folder / "from_start/metrics.csv", t, "update_cosine"));
    CHECK_FALSE(cell(table, t, "update_cosine").empty());
  }
  auto after = contents(folder / "run");
  CHECK(std::erase_if(after, [](const auto& file) { return file.first.starts_with("measured/"); }) == 2);
  CHECK(after == before);

  const std::string about = table.substr(0, table.size() - 3) + "json";
  const auto json = nlohmann::json::parse(read_text(about));
  CHECK(columns_from_json(json.at("columns")).at(1).name == "update_cosine");
  CHECK(json.at("steps").at("last") == 30);

  // Only every fifth step; and once more, as after a kill, over half of the rows.
  const std::string fifth = measure(folder / "run", "10:30:5", {"measure.update_cosine.every=1"});
  CHECK(fifth != table);
  CHECK(lines(fifth).size() == 6);
  CHECK(cell(fifth, 20, "update_cosine") == cell(table, 20, "update_cosine"));
  const std::string whole = read_text(table);
  write_text(table, whole.substr(0, whole.size() / 2));
  CHECK(measure(folder / "run", "10:30", {"measure.update_cosine.every=1"}) == table);
  CHECK(read_text(table) == whole);
}

TEST_CASE("measure: the last row, which no update follows, beside a column that tells of the update") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp({"measure.critical_sharpness.every=1"})) == ExitCode::done);
  const std::string table = measure(folder / "run", "38:40", {"measure.update_cosine.every=1"});
  CHECK(lines(table).size() == 4);
  CHECK(cell(folder / "run/metrics.csv", 40, "critical_sharpness").empty());
  CHECK_FALSE(cell(folder / "run/metrics.csv", 39, "critical_sharpness").empty());
  REQUIRE(run(folder / "plain", small_mlp()) == ExitCode::done);
  const std::string added = measure(folder / "plain", "38:40", {"measure.critical_sharpness.every=1"});
  for (const std::int64_t t : {38, 39, 40})
    CHECK(cell(added, t, "critical_sharpness") == cell(folder / "run/metrics.csv", t, "critical_sharpness"));
}

TEST_CASE("measure: more eigenvalues, and steps that the run did not measure") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp({"measure.every=4"})) == ExitCode::done);
  const std::string table = measure(folder / "run", "13:21", {"measure.every=1", "measure.top=3"});
  const std::string header = lines(table).at(0);
  CHECK(header.find("lambda_3") != std::string::npos);
  for (const char* exact : {"loss", "digest", "gradient_norm", "train_accuracy"})
    CHECK(header.find(exact) == std::string::npos);
  // The tracker starts elsewhere, so the eigenvalues agree within their residuals and not in their bits.
  const double here = std::stod(cell(table, 16, "lambda_1")),
               there = std::stod(cell(folder / "run/metrics.csv", 16, "lambda_1")),
               allowed = std::stod(cell(table, 16, "residual_1")) +
                         std::stod(cell(folder / "run/metrics.csv", 16, "residual_1"));
  CHECK(std::abs(here - there) <= allowed + 1e-4 * std::abs(there));
  CHECK_FALSE(cell(table, 15, "lambda_1").empty());
}

TEST_CASE("measure: whatever decides how the eigenvalues are found may be another than the run's") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp()) == ExitCode::done);
  for (const char* set : {"measure.accuracy=value", "measure.certify=two-sided", "measure.track_above=0.5",
                          "measure.tolerance=0.01", "measure.cold_check=3", "measure.budget=30", "measure.bottom=0"}) {
    CAPTURE(std::string(set));
    const std::string table = measure(folder / "run", "5:25", {set});
    CHECK_FALSE(cell(table, 20, "lambda_1").empty());
  }
}

TEST_CASE("measure: other steps of a measurement that the run has are written, and all else is compared") {
  const TemporaryFolder folder;
  const Sets rare{"measure.test_loss.every=2", "measure.update_cosine.every=3"};
  REQUIRE(run(folder / "run", small_mlp(rare)) == ExitCode::done);
  REQUIRE(run(folder / "often", small_mlp({"measure.test_loss.every=1", "measure.update_cosine.every=3"})) ==
          ExitCode::done);
  const std::string table = measure(folder / "run", "11:20", {"measure.test_loss.every=1"});
  CHECK(lines(table).at(0) == "step,test_loss\n");
  CHECK(lines(table).size() == 11);
  for (const std::int64_t t : {11, 12, 19})
    CHECK(cell(table, t, "test_loss") == cell(folder / "often/metrics.csv", t, "test_loss"));
  CHECK(lines(measure(folder / "run", "11:20", {"measure.update_cosine.every=1"})).at(0) == "step,update_cosine\n");
  // What is compared still: a changed digit in a column of a measurement with the settings of the run.
  std::string text;
  const std::string there = cell(folder / "run/metrics.csv", 12, "update_cosine");
  for (std::string line : lines(folder / "run/metrics.csv")) {
    if (line.starts_with("12,")) line.replace(line.find(there), there.size(), "0.5");
    text += line;
  }
  write_text(folder / "run/metrics.csv", text);
  std::filesystem::remove_all(folder / "run/measured");
  const Refusal refused = refusal([&] { measure(folder / "run", "12:20", {"measure.test_loss.every=1"}); });
  CHECK(refused.code == ExitCode::check_failed);
  CHECK_MESSAGE(refused.message.find("step 12, column update_cosine") != std::string::npos, refused.message);
  CHECK_FALSE(std::filesystem::exists(folder / "run/measured"));
}

TEST_CASE("measure: rows at steps where a run by minibatches has none") {
  const TemporaryFolder folder;
  const Sets sgd =
      small_mlp({"training.rule=sgd", "training.batch=64", "training.learning_rate=0.05", "measure.test_loss.every=2"});
  REQUIRE(run(folder / "run", sgd) == ExitCode::done);
  REQUIRE(run(folder / "each", with(sgd, {"measure.row_every=1", "measure.test_loss.every=1"})) == ExitCode::done);
  REQUIRE(lines(folder / "run/metrics.csv").size() == 12);  // one row an epoch of 4 updates
  for (const char* steps : {"8:21", "9:21"}) {
    const std::string table = measure(folder / "run", steps, {"measure.row_every=1"});
    CHECK(lines(table).at(0).find("lambda_1") != std::string::npos);
    for (const char* exact : {",loss,", ",digest"}) CHECK(lines(table).at(0).find(exact) == std::string::npos);
    CHECK_FALSE(cell(table, 13, "lambda_1").empty());
  }
  const std::string table = measure(folder / "run", "9:21", {"measure.row_every=1", "measure.test_loss.every=1"});
  CHECK(cell(table, 13, "test_loss") == cell(folder / "each/metrics.csv", 13, "test_loss"));
  // Fewer rows than the run has, and none at all.
  CHECK(lines(measure(folder / "run", "8:24", {"measure.row_every=8"})).size() == 4);
  const Refusal refused = refusal([&] { measure(folder / "run", "9:15", {"measure.row_every=8"}); });
  CHECK(refused.code == ExitCode::usage);
  CHECK_MESSAGE(refused.message.find("no step from 9 to 15 has a row") != std::string::npos, refused.message);
}

TEST_CASE("measure: what adds files and no column") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp()) == ExitCode::done);
  const Refusal refused = refusal([&] { measure(folder / "run", "5:9", {"measure.eigenvectors.every=100"}); });
  CHECK(refused.code == ExitCode::usage);
  CHECK_MESSAGE(refused.message.find("expected a setting that adds a column or a file at one of these steps") !=
                    std::string::npos,
                refused.message);
  CHECK_FALSE(std::filesystem::exists(folder / "run/measured"));
  const std::string table = measure(folder / "run", "5:12", {"measure.eigenvectors.every=5"});
  CHECK_MESSAGE(read_text(table) == "step\n5\n10\n", read_text(table));
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "run/measured"))
    if (entry.path().extension() == ".safetensors") files.insert(entry.path().filename());
  CHECK(files == std::set<std::string>{"step-000005.safetensors", "step-000010.safetensors"});
  REQUIRE(run(folder / "whole", small_mlp({"measure.eigenvectors.every=5"})) == ExitCode::done);
  const auto found = std::filesystem::path(table).replace_extension() / "eigenvectors" / "step-000010.safetensors";
  CHECK(read_text(found) == read_text(folder / "whole/eigenvectors/step-000010.safetensors"));
}

TEST_CASE("measure: what decides the updates of a run stays as it is") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "waiting", small_mlp({"training.change=[{at_accuracy=0.5,set={learning_rate=0.1}}]"})) ==
          ExitCode::done);
  REQUIRE(run(folder / "projected", small_mlp({"training.project=keep", "training.learning_rate=0.05"})) ==
          ExitCode::done);
  struct Case {
    const char *name, *set;
  };
  for (const Case& c : {Case{"waiting", "measure.row_every=2"}, {"projected", "measure.tolerance=0.01"}}) {
    CAPTURE(c.name);
    const Refusal refused = refusal([&] { measure(folder / c.name, "0:5", {c.set}); });
    CHECK(refused.code == ExitCode::usage);
    CHECK_MESSAGE(refused.message.find("of the run") != std::string::npos, refused.message);
    CHECK_FALSE(std::filesystem::exists(folder / (std::string(c.name) + "/measured")));
  }
}

TEST_CASE("measure: a row that cannot be reproduced ends it by step and column; what is wrong is refused") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp()) == ExitCode::done);
  struct Case {
    const char *steps, *set, *said;
  };
  for (const Case& c : std::vector<Case>{{"10:41", "measure.top=3", "expected a step from 0 to 40"},
                                         {"10:20", "training.learning_rate=1", "brink fork"},
                                         {"10:20", "measure.top=2", "not that of the run"},
                                         {"20:10", "measure.top=3", "FIRST:LAST"},
                                         {"10", "measure.top=3", "FIRST:LAST"},
                                         {"10:20:0", "measure.top=3", "FIRST:LAST"}}) {
    const Refusal refused = refusal([&] { measure(folder / "run", c.steps, {c.set}); });
    CHECK(refused.code == ExitCode::usage);
    CHECK_MESSAGE(refused.message.find(c.said) != std::string::npos, refused.message);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "run/measured"));

  std::vector<std::string> all = lines(folder / "run/metrics.csv");
  std::string& digit = all.at(1 + 14);
  digit[4] = digit[4] == '5' ? '6' : '5';
  std::string text;
  for (const std::string& line : all) text += line;
  write_text(folder / "run/metrics.csv", text);
  const Refusal refused = refusal([&] { measure(folder / "run", "10:20", {"measure.update_cosine.every=1"}); });
  CHECK(refused.code == ExitCode::check_failed);
  CHECK_MESSAGE(refused.message.find("step 14, column loss") != std::string::npos, refused.message);
}

TEST_CASE("measure: of an interrupted run, the recorded steps") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "run", small_mlp(), 20) == ExitCode::interrupted);
  CHECK(lines(measure(folder / "run", "15:19", {"measure.update_cosine.every=1"})).size() == 6);
  CHECK(refusal([&] { measure(folder / "run", "15:20", {"measure.update_cosine.every=1"}); }).code == ExitCode::usage);
}
