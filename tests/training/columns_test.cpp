// SPDX-License-Identifier: MIT
// The description of the columns of metrics.csv is complete, and run.json carries it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/support/columns.h"
#include "tests/training/temporary_folder.h"
#include "training/io/json.h"
#include "training/run/columns_json.h"
#include "training/run/train.h"

using namespace brink;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string refusal_of(std::vector<Column> columns) {
  try {
    const Row row(std::move(columns));
  } catch (const std::invalid_argument& e) { return e.what(); }
  return {};
}

/// Says nothing of its column.
class Unsaid final : public Measurement {
 public:
  std::vector<Column> columns() const override { return {{"unsaid", "", "", {}}}; }
  void deliver(const Observed&, std::span<const double>, std::span<Cell>) override {}
};

}  // namespace

TEST_CASE("every cell of a row has a column that says what it is") {
  for (const int top : {0, 1, 3})
    for (const bool everything : {false, true}) {
      CAPTURE(top);
      CAPTURE(everything);
      const Row row = support::row_with(top, everything);
      const auto columns = metrics_columns(row);
      std::string header, cells;
      std::set<std::string> names;
      for (const Column& column : columns) {
        CAPTURE(column.name);
        header += (header.empty() ? "" : ",") + column.name;
        CHECK(names.insert(column.name).second);
        CHECK(column.meaning.size() > 3);
      }
      CHECK(metrics_header(row) == header + "\n");
      append_row(cells, row);
      CHECK(std::count(cells.begin(), cells.end(), ',') + 1 == static_cast<std::ptrdiff_t>(columns.size()));
      CHECK(names.contains("update_cosine") == everything);
    }
}

TEST_CASE("a column without a description never gets into a row") {
  const Column good{"a", "", "what it is", {}};
  CHECK(refusal_of({good, {"b", "", "another", {.reference = std::string("a"), .error = "step"}}}) == "");  // control
  const std::pair<Column, const char*> faults[]{
      {{"b", "", "", {}}, "column 'b': its meaning is missing"},
      {{"", "", "something", {}}, "column '': expected a name"},
      {{"b,c", "", "something", {}}, "column 'b,c': expected a name without commas"},
      {{"a", "", "something", {}}, "column 'a': there is another column of this name"},
      {{"step", "", "something", {}}, "column 'step': there is another column of this name"},
      {{"b", "", "something", {.error = "c"}}, "column 'b': its error bars are those of 'c'"},
      {{"b", "", "something", {.reference = std::string("c")}}, "column 'b': its reference line is 'c'"},
  };
  for (const auto& fault : faults) {
    CAPTURE(fault.second);
    CHECK(refusal_of({good, fault.first}).find(fault.second) == 0);
  }
  const support::Network n({.samples = 8});
  Device device;
  TrainerOptions options;
  options.measurements.push_back({[](const MeasurementContext&) { return std::make_unique<Unsaid>(); }, 1});
  CHECK_THROWS_AS(Trainer(device, n.objective, n.data(), {}, options, n.theta.view()), std::invalid_argument);
}

TEST_CASE("run.json describes the columns that metrics.csv has, and the line that λ₁ is compared with") {
  const test::TemporaryFolder folder;
  struct Case {
    const char* rule;
    double threshold;
    const char* name;
  };
  for (const Case& c : {Case{"gd", 20, "2/η"}, Case{"momentum", 38, "2(1 + β)/η"}}) {
    CAPTURE(c.rule);
    const std::string run = folder / c.rule;
    Console silent(-1);
    train(load_config({{},
                       {"data.train=40", "data.test=8", "training.steps=2", "model.hidden=[4]", "run.threads=1",
                        "measure.top=2", "measure.update_cosine.every=1", std::string("training.rule=").append(c.rule)},
                       {}}),
          {.folder = run}, silent);
    const auto columns = columns_from_json(parse_json("run.json", text_of(run + "/run.json")).at("columns"));
    std::string header;
    for (const Column& column : columns) header += (header.empty() ? "" : ",") + column.name;
    const std::string metrics = text_of(run + "/metrics.csv");
    CHECK(header == metrics.substr(0, metrics.find('\n')));
    CHECK(columns.back().name == "update_cosine");
    const auto lambda = std::ranges::find(columns, "lambda_1", &Column::name);
    REQUIRE(lambda != columns.end());
    CHECK(std::get<double>(lambda->chart.reference) == doctest::Approx(c.threshold));
    CHECK(lambda->chart.reference_name == c.name);
    CHECK(lambda->chart.error == "residual_1");
  }
}
