// SPDX-License-Identifier: MIT
// The report draws the columns of a run as run.json describes them, and names columns and fields that are missing.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/tools/run_folder.h"
#include "tools/report/run.h"
#include "tools/report/ticks.h"
#include "training/errors.h"
#include "training/run/columns_json.h"

using namespace brink;
using namespace brink::test;

namespace {

/// The written folder with one more column, "update_cosine", in its metrics.
void write_with_cosine(const FilesOfRun& folder, const std::vector<Column>& columns) {
  write_whole(folder);
  std::string metrics(header), line;
  metrics.insert(metrics.size() - 1, ",update_cosine");
  std::string cells(rows);
  for (std::size_t at = cells.find('\n'), step = 0; at != std::string::npos; at = cells.find('\n', at + 1), ++step) {
    const std::string more = "," + std::string(step % 2 == 0 ? "-0.5" : "0.25");
    cells.insert(at, more);
    at += more.size();
  }
  folder.write("metrics.csv", metrics + cells);
  folder.write("run.json", run_json_with(columns));
}

}  // namespace

TEST_CASE("a column that only the run's own files know gets a panel with title, unit and meaning") {
  const FilesOfRun folder("r");
  auto columns = known_columns();
  columns.push_back({"update_cosine", "turns", "the cosine of the angle between two updates", {"update"}});
  write_with_cosine(folder, columns);
  const std::string page = page_of(folder);
  CHECK(has(page, ">Update</h2>"));
  CHECK(has(page, ">update_cosine, turns</text>"));
  CHECK(has(page, "update_cosine (turns): the cosine of the angle between two updates."));
  CHECK(has(page, "data-key=\"update_cosine\""));
  CHECK(has(page, "\"update_cosine\":[-0.5,0.25,-0.5,0.25]"));
  CHECK_FALSE(has(page, "does not describe"));

  // Control: without its entry it is named, and not drawn.
  columns.pop_back();
  write_with_cosine(folder, columns);
  const std::string without = page_of(folder);
  CHECK(has(without, "metrics.csv has columns that run.json does not describe, so they are not drawn: update_cosine."));
  CHECK_FALSE(has(without, ">Update</h2>"));
  CHECK_FALSE(has(without, "data-key=\"update_cosine\""));
}

TEST_CASE("scale, reference and error bars of a column are drawn") {
  const FilesOfRun folder("r");
  auto columns = known_columns();
  columns.push_back(
      {"update_cosine", "", "", {"update", ChartScale::symmetric_logarithmic, 0.125, "an eighth", "loss"}});
  write_with_cosine(folder, columns);
  std::string page = folder.render();
  check_page(page);
  CHECK(has(page, ">update_cosine, logarithmic on both sides of 0</text>"));
  CHECK(has(page, "update_cosine. Dashed: an eighth."));
  const auto chart = page.substr(page.find(">Update</h2>"));
  CHECK(has(chart.substr(0, chart.find("</figure>")), "class=\"bar\""));
  CHECK(has(chart.substr(0, chart.find("</figure>")), "class=\"line reference\""));

  columns.back().chart = {"update", ChartScale::linear, "gradient_norm", "", ""};
  write_with_cosine(folder, columns);
  page = folder.render();
  check_page(page);
  CHECK(has(page, "update_cosine. Dashed: gradient_norm."));

  // Columns of one panel share its axes; what has no panel is not drawn.
  columns.back().chart.panel = "accuracy";
  write_with_cosine(folder, columns);
  page = folder.render();
  CHECK(count(page, ">Accuracy</h2>") == 1);
  CHECK(has(page, "data-key=\"update_cosine\""));
  columns.back().chart.panel = "";
  write_with_cosine(folder, columns);
  CHECK_FALSE(has(folder.render(), "data-key=\"update_cosine\""));
}

TEST_CASE("columns with a heat map are its rows, in colours of one scale, and have no line") {
  const FilesOfRun folder("r");
  auto columns = known_columns();
  columns.push_back(
      {"update_cosine", "", "a cosine", {.panel = "turns", .heat_map = "with the step before", .label = "u₁"}});
  write_with_cosine(folder, columns);
  const std::string page = folder.render();
  check_page(page);
  const std::string from = page.substr(page.find(">Turns</h2>")), figure = from.substr(0, from.find("</figure>"));
  CHECK(has(figure, "class=\"heat\""));
  CHECK(has(figure, ">with the step before</text>"));
  CHECK(has(figure, ">u₁</text>"));
  CHECK(has(figure, "from −0.5 to 0.25"));
  // Four cells of two values in turn: the ends of the scale.
  CHECK(count(figure, "<path class=\"q0\"") == 1);
  CHECK(count(figure, "<path class=\"q23\"") == 1);
  CHECK_FALSE(has(figure, "class=\"line"));
  CHECK(has(figure, "data-key=\"update_cosine\""));
  // Control: without its map the same column is a line.
  columns.back().chart.heat_map.clear();
  write_with_cosine(folder, columns);
  const std::string line = folder.render(), after = line.substr(line.find(">Turns</h2>"));
  CHECK_FALSE(has(line, "class=\"heat\""));
  CHECK(has(after.substr(0, after.find("</figure>")), "class=\"line"));
}

TEST_CASE("the threshold is what the description of λ₁ compares it with, under the name that it has there") {
  const FilesOfRun folder("r");
  write_whole(folder);
  auto columns = known_columns();
  const auto lambda = std::ranges::find(columns, "lambda_1", &Column::name);
  lambda->chart.reference = 38.0;
  lambda->chart.reference_name = "2(1 + β)/η";
  folder.write("run.json", run_json_with(columns));
  std::string page = folder.render();
  check_page(page);
  CHECK(has(page, ">Sharpness: λ₁ … λ₂ against 2(1 + β)/η</h2>"));
  CHECK(has(page, "η = 0.1, 2(1 + β)/η = 38.00"));
  CHECK(has(page, "first step with λ₁ &gt; 2(1 + β)/η"));
  CHECK_FALSE(has(page, "2/η"));
  CHECK(report::read_run(folder.path()).threshold(2) == 38.0);

  // A column: one that changes from step to step.
  lambda->chart.reference = std::string("gradient_norm");
  lambda->chart.reference_name = "";
  folder.write("run.json", run_json_with(columns));
  CHECK(has(folder.render(), ">Sharpness: λ₁ … λ₂ against the threshold</h2>"));
  CHECK(report::read_run(folder.path()).threshold(2) == 1.0);

  // Nothing: no line is drawn, and nothing is computed in its place.
  lambda->chart.reference = std::monostate{};
  folder.write("run.json", run_json_with(columns));
  page = folder.render();
  check_page(page);
  CHECK(has(page, ">Sharpness: λ₁ … λ₂</h2>"));
  CHECK_FALSE(report::read_run(folder.path()).threshold(2));
  CHECK_FALSE(has(page, "2/η"));
}

TEST_CASE("without any description the columns are drawn by their names") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write("run.json", R"({"version":"1"})");
  const std::string page = page_of(folder);
  CHECK(has(page, "run.json does not say what the columns of metrics.csv are"));
  for (const char* name : {"Loss", "Train_accuracy", "Products", "Sharpness: λ₁ … λ₂", "Most negative curvature: λₙ"}) {
    CAPTURE(name);
    CHECK(has(page, std::string(">").append(name).append("</h2>")));
  }
  CHECK_FALSE(has(page, ">Residual_1</h2>"));
  CHECK_FALSE(has(page, "cells that are not numbers"));  // digests are words
}

TEST_CASE("a column whose value never changes is stated in words") {
  const FilesOfRun folder("r");
  write_whole(folder);
  const std::string page = folder.render();
  CHECK(has(page, "The same in every row, and therefore not drawn: learning_rate = 0.1, gradient_norm = 1."));
  CHECK_FALSE(has(page, ">Gradient norm</h2>"));
  CHECK(has(page, ">Loss</h2>"));
}

TEST_CASE("a described column that metrics.csv lacks is named, as is a description that cannot be used") {
  const FilesOfRun folder("r");
  write_whole(folder);
  auto columns = known_columns();
  columns.push_back({"absent_one", "", "", {"update"}});
  folder.write("run.json", run_json_with(columns));
  std::string page = folder.render();
  check_page(page);
  CHECK(has(page, "metrics.csv has no column: absent_one."));
  CHECK(has(page, "“Update”"));

  folder.write("run.json", R"({"columns": [{"name": "step"}, {"name": 3}]})");
  page = folder.render();
  check_page(page);
  CHECK(has(
      page,
      "The description of the columns in run.json cannot be used: columns[1].name: expected a string, found number."));
  CHECK(has(page, "each is drawn by its name"));
  CHECK(has(page, "Sharpness"));
}

TEST_CASE("names and meanings of columns are escaped") {
  const FilesOfRun folder("r");
  auto columns = known_columns();
  columns.push_back({"<i>\\\"'&", "<u>", "</script><img/>", {"<b>]]>"}});
  folder.write("metrics.csv", "step,loss,<i>\\\"'&\n0,1,2\n1,2,3\n");
  folder.write("run.json", run_json_with(columns));
  const std::string page = page_of(folder);
  CHECK_FALSE(has(page, "<img"));
  CHECK(has(page, "&lt;b&gt;]]&gt;</h2>"));
  CHECK(has(page, "\"\\u003ci\\u003e\\u005c\\u0022\\u0027\\u0026\":[2,3]"));
}

TEST_CASE("the description of columns survives JSON, and what is wrong with one is said") {
  auto columns = support::described_columns(3, 0.1);
  columns[1].chart.reference = 0.5;
  columns[2].chart.reference = std::string("loss");
  columns[3].chart.reference_name = "a \"name\"";
  const auto text = columns_to_json(columns).dump();
  const auto back = columns_from_json(nlohmann::json::parse(text));
  CHECK(columns_to_json(back).dump() == text);
  CHECK(back.size() == columns.size());
  const std::pair<const char*, const char*> faults[]{
      {R"({})", "columns: expected a list, found object"},
      {R"([3])", "columns[0]: expected an object, found number"},
      {R"([{}])", "columns[0].name: expected a string, found nothing"},
      {R"([{"name":""}])", "columns[0].name: expected a column's name, found an empty string"},
      {R"([{"name":"a"},{"name":"a"}])", "columns[1].name: \"a\" occurs twice"},
      {R"([{"name":"a","scale":"cubic"}])",
       "columns[0].scale: expected \"linear\", \"log\" or \"symlog\", found \"cubic\""},
      {R"([{"name":"a","panel":[]}])", "columns[0].panel: expected a string, found array"},
      {R"([{"name":"a","reference":true}])",
       "columns[0].reference: expected a finite number or a column's name, found boolean"},
  };
  for (const auto& fault : faults) {
    CAPTURE(fault.first);
    std::string said;
    try {
      columns_from_json(nlohmann::json::parse(fault.first));
    } catch (const DataError& error) { said = error.what(); }
    CHECK(said.find(fault.second) == 0);
  }
  CHECK(columns_from_json(nlohmann::json::parse(R"([{"name":"a","later":1}])"))[0].chart.panel.empty());
}

TEST_CASE("symmetric logarithmic axes hold both signs and zero") {
  const std::vector<double> values{-1000, -1, 0, 1, 1000};
  const auto scale = report::fit_scale(values, ChartScale::symmetric_logarithmic, false);
  double before = -1;
  for (const double v : values) {
    CHECK(scale.position(v) > before);
    before = scale.position(v);
    CHECK(scale.position(v) >= 0);
    CHECK(scale.position(v) <= 1);
  }
  CHECK(scale.position(0) == doctest::Approx(0.5));
  std::string labels;
  for (const auto& tick : report::ticks(scale, 5)) labels += tick.label + " ";
  CHECK(labels == "−1000 −10 0 10 1000 ");
  for (const auto& extreme : {std::vector<double>{0, 0}, {1e-300, 1e300}, {-5}, {}}) {
    const auto odd = report::fit_scale(extreme, ChartScale::symmetric_logarithmic, false);
    CHECK(odd.high > odd.low);
    CHECK(report::ticks(odd, 5).size() < 25);
  }
}

TEST_CASE("a measurement that is made at some stretches only leaves the others empty; a regular one is joined") {
  const FilesOfRun folder("gaps");
  write_whole(folder);
  const auto lines_of = [&](int period) {
    std::string metrics = "step,loss,part\n";
    for (int t = 0; t < 40; ++t)
      metrics += std::to_string(t) + ",1," +
                 (t < 10 || t >= 30 ? (t % period == 0 ? std::to_string(t % 7) : "")
                                    : (period > 1 && t % period == 0 ? "3" : "")) +
                 "\n";
    auto columns = columns_named("loss");
    columns.push_back({"part", "count", "a number", {"parts"}});
    folder.write("metrics.csv", metrics);
    folder.write("run.json", run_json_with(columns));
    const std::string page = page_of(folder), from = page.substr(page.find(">Parts</h2>"));
    return from.substr(0, from.find("</figure>"));
  };
  const auto path = [](const std::string& figure) {
    const auto at = figure.find("class=\"line\" d=\"") + 16;
    return figure.substr(at, figure.find('"', at) - at);
  };
  const std::string gap = lines_of(1);
  CHECK(count(path(gap), "M") == 2);
  CHECK(count(path(lines_of(5)), "M") == 1);  // control: every fifth step, without a gap
  // Counts have whole ticks.
  CHECK(has(gap, ">2</text>"));
  CHECK_FALSE(has(gap, ">2.0</text>"));
}

TEST_CASE("columns that differ by a number are explained once, and so is a line that they share") {
  const FilesOfRun folder("alike");
  write_whole(folder);
  auto columns = columns_named("loss");
  for (const std::string i : {"1", "2", "3"})
    columns.push_back({"part_" + i, "", "share of part " + i, {.panel = "parts", .reference = 0.0}});
  columns.push_back({"rest", "", "what is left", {.panel = "parts", .reference = 0.0, .error = "loss"}});
  folder.write("metrics.csv", "step,loss,part_1,part_2,part_3,rest\n0,1,1,2,3,4\n1,2,1,2,3,4\n2,1,2,3,4,4.5\n");
  folder.write("run.json", run_json_with(columns));
  const std::string page = page_of(folder), from = page.substr(page.find(">Parts</h2>")),
                    figure = from.substr(0, from.find("</figure>"));
  CHECK(has(figure, "part_1: share of part 1; part_2, part_3 likewise. rest: what is left. Dashed: 0."));
  CHECK(count(figure, "line reference") == 1);
  // The error bar of 4 ± 2 is inside: the axis reaches 6.
  CHECK(has(figure, ">6</text>"));
}
