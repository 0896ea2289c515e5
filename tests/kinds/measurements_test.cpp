// SPDX-License-Identifier: MIT
// Requirements on every measurement, tested from the list alone: its columns are described. A measurement that its table turns on changes no
// other number, its own numbers have the same bits for any threads and chunks, and they appear in the files and the report of a run.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/small_run.h"
#include "tools/report/report.h"
#include "training/loop.h"
#include "training/rules/kind.h"

using namespace brink;

namespace {

struct How {
  int threads = 1;
  std::int64_t chunk = 0, every = 1;
  std::string rule = "gd";
};

/// What each column holds in twelve steps, with the optional measurement of that kind or without any.
struct Measured {
  std::vector<Column> columns;
  std::map<std::string, std::string> text;      ///< all cells of a column
  std::map<std::string, std::set<int>> filled;  ///< steps at which a column has a cell
  std::map<std::string, std::string> tensors;   ///< names, metadata and bytes of what it has for files, by step
};
Measured measured(const MeasurementKind* kind, const How& how = {}) {
  const support::Network n({.samples = 300, .dtype = Dtype::f32});
  ThreadPool pool(how.threads);
  Device device{Where::cpu, &pool};
  TrainerOptions options;
  options.rule = factory(*find_kind(rule_kinds(), how.rule));
  options.schedule = std::make_shared<ConstantRate>(how.rule == "gd" ? 1.0 : 0.02);
  options.tracker = TrackerOptions{.top = 2, .bottom = 1, .budget = 60, .max_basis = 24};
  options.batch.chunk = how.chunk;
  if (kind) options.measurements.push_back({factory(*kind), how.every});
  Trainer trainer(device, n.objective, n.data(), n.data(), options, n.theta.view());
  Measured out{trainer.columns(), {}, {}, {}};
  for (int t = 0; t < 12; ++t) {
    const Row& row = trainer.step();
    for (std::size_t i = 0; i < row.cells().size(); ++i) {
      out.text[out.columns[i].name] += support::text_of(row.cells()[i]) + ",";
      if (!is_empty(row.cells()[i])) out.filled[out.columns[i].name].insert(t);
    }
    for (const TensorSet& set : trainer.tensors()) {
      std::string& text = out.tensors[std::to_string(t)];
      for (const auto& [key, value] : set.metadata) text += key + "=" + value + ",";
      for (const NamedView& tensor : set.tensors)
        text += tensor.name +
                std::string(static_cast<const char*>(tensor.view.data), static_cast<std::size_t>(tensor.view.bytes()));
    }
  }
  return out;
}

std::vector<const MeasurementKind*> optional_measurements() {
  std::vector<const MeasurementKind*> out;
  for (const MeasurementKind& kind : measurement_kinds())
    if (!kind.always) out.push_back(&kind);
  return out;
}

/// What is wrong with the columns of a run.
std::vector<std::string> complaints_about(const std::vector<Column>& columns) {
  std::vector<std::string> out;
  std::set<std::string> names{"step"};
  for (const Column& c : columns)
    if (!names.insert(c.name).second) out.push_back("two columns are called '" + c.name + "'");
  for (const Column& c : columns) {
    if (c.name.empty() || c.meaning.empty()) out.push_back("column '" + c.name + "' lacks a name or a meaning");
    const auto* reference = std::get_if<std::string>(&c.chart.reference);
    for (const std::string& other : {reference ? *reference : std::string(), c.chart.error})
      if (!other.empty() && !names.contains(other))
        out.push_back("column '" + c.name + "' refers to '" + other + "', which is no column");
  }
  return out;
}

}  // namespace

TEST_CASE("a measurement's columns have names of their own, meanings, and charts that refer to columns") {
  for (const MeasurementKind* kind : optional_measurements())
    for (const std::string& complaint : complaints_about(measured(kind).columns))
      FAIL_CHECK(kind->name << ": " << complaint);
  CHECK(complaints_about({{.name = "a", .meaning = "x"}, {.name = "a", .meaning = "y"}}).size() == 1);
  CHECK(complaints_about({{.name = "a"}}).size() == 1);
  CHECK(complaints_about({{.name = "a", .meaning = "x", .chart = {.error = "b"}}}).size() == 1);
}

TEST_CASE("a measurement is left between two of its passes, and the step is done again with the same bits") {
  // At least so many passes, at the default settings.
  const std::map<std::string_view, int> passes{
      {"delta", 1},           {"kappa", 148},          {"slices", 41 + 121 + 22}, {"density", 2 * 8 * 48},
      {"gradient_noise", 16}, {"batch_sharpness", 32}, {"minibatch_overlap", 16}, {"product_error", 5}};
  const support::Network n({.samples = 300, .dtype = Dtype::f32});
  Device device;
  const auto asked_by = [&](const MeasurementKind* kind, bool curvature, bool keeps = true) {
    int asked = 0, leave_at = -1;
    TrainerOptions options;
    options.schedule = std::make_shared<ConstantRate>(1.0);
    if (curvature) options.tracker = TrackerOptions{.top = 2, .bottom = 1, .budget = 60, .max_basis = 24};
    options.abandons = [&] { return asked++ == leave_at; };
    options.keeps_tensors = [&](std::int64_t) { return keeps; };
    if (kind) {
      Chosen<MeasurementKind> chosen(*kind);
      if (kind->name == "density") chosen.options.set("operator", std::string("difference"));
      options.measurements.push_back({factory(chosen)});
    }
    const auto before_step_1 = [&] {
      auto trainer = std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), options, n.theta.view());
      trainer->step();
      asked = 0;
      return trainer;
    };
    const auto found = [](Trainer& trainer) {
      std::string text = support::text_of(trainer.step());
      for (const TensorSet& set : trainer.tensors())
        for (const NamedView& t : set.tensors)
          text.append(static_cast<const char*>(t.view.data), static_cast<std::size_t>(t.view.bytes()));
      return text;
    };
    const std::string whole = found(*before_step_1());
    const int all = asked;
    for (const int at : {0, all / 3, all / 2, all - 1}) {
      if (all == 0) break;
      CAPTURE(at);
      const auto trainer = before_step_1();
      leave_at = at;
      CHECK_THROWS_AS(trainer->step(), StepAbandoned);
      leave_at = -1;
      CHECK(trainer->steps_done() == 1);
      CHECK((found(*trainer) == whole));
    }
    return all;
  };
  const int alone = asked_by(nullptr, true);
  CHECK(alone > 0);
  CHECK(asked_by(nullptr, false) == 0);
  for (const MeasurementKind* kind : optional_measurements()) {
    CAPTURE(kind->name);
    const auto least = passes.find(kind->name);
    const int asked = asked_by(kind, true) - alone;
    CHECK(asked >= (least == passes.end() ? 0 : least->second));
    // Control: what is only for files is not computed where none is kept.
    CHECK((asked_by(kind, true, false) - alone == asked) == (kind->name != "slices"));
    if (kind->name == "gradient_noise") CHECK(asked_by(kind, false) == asked);
  }
}

TEST_CASE("a measurement that is turned on changes no other number, and its own have the same bits in any plan") {
  for (const std::string rule : {"gd", "clipped_ada"}) {
    const Measured without = measured(nullptr, {.rule = rule});
    for (const MeasurementKind* kind : optional_measurements()) {
      CAPTURE(rule);
      CAPTURE(kind->name);
      const Measured with = measured(kind, {.rule = rule}), third = measured(kind, {.every = 3, .rule = rule});
      REQUIRE((with.columns.size() > without.columns.size() || with.tensors.size() == 12));
      for (const auto& column : without.text) CHECK_MESSAGE(with.text.at(column.first) == column.second, column.first);
      for (const How& how : {How{.threads = 3, .rule = rule}, How{.threads = 2, .chunk = 128, .rule = rule}}) {
        const Measured again = measured(kind, how);
        CHECK(again.text == with.text);
        CHECK(again.tensors == with.tensors);
      }
      for (const auto& [step, text] : with.tensors) CHECK(third.tensors.contains(step) == (std::stoi(step) % 3 == 0));
      for (std::size_t i = without.columns.size(); i < with.columns.size(); ++i) {
        const std::string& name = with.columns[i].name;
        CAPTURE(name);
        REQUIRE(with.filled.contains(name));
        std::set<int> due;
        for (const int t : with.filled.at(name))
          if (t % 3 == 0) due.insert(t);
        CHECK(third.filled.at(name) == due);
      }
    }
  }
}

TEST_CASE("a measurement's table turns it on: its columns stand in metrics.csv, its settings in config.toml") {
  for (const MeasurementKind* kind : optional_measurements()) {
    CAPTURE(kind->name);
    const brink::test::SmallRun run({"data.train=200", "data.test=100", "model.hidden=[9,7]", "training.steps=6",
                                     "measure.top=2", "measure." + std::string(kind->name) + ".every=2"});
    CHECK(run.code == ExitCode::done);
    const std::string table = run.read("metrics.csv"), header = table.substr(0, table.find('\n'));
    const std::vector<Column> columns = measured(kind).columns, always = measured(nullptr).columns;
    for (std::size_t i = always.size(); i < columns.size(); ++i)
      CHECK((header + ",").find("," + columns[i].name + ",") != std::string::npos);
    CHECK(to_toml(load_config({run.folder() + "/config.toml", {}, {}})) == to_toml(run.config));
    const std::filesystem::path folders[] = {run.folder()};
    CHECK(!render_report(folders).empty());
  }
}

TEST_CASE("under a rule that preconditions, report, run.json and console speak of the effective sharpness") {
  const std::vector<std::string> small{"data.train=200",           "data.test=100",
                                       "model.hidden=[8]",         "training.steps=30",
                                       "training.rule=rmsprop",    "training.learning_rate=0.02",
                                       "measure.effective.every=1"};
  const brink::test::SmallRun run(small);
  const std::filesystem::path folders[] = {run.folder()};
  const std::string page = render_report(folders);
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(has(page, "first step with λ_eff &gt; 2/η"));
  CHECK(has(page, "They are those of the effective sharpness λ_eff, not of λ₁."));
  CHECK(has(page, ">Effective sharpness</h2>"));
  CHECK(has(page, "\"lambda_eff\":["));  // so that the page's script reads it under the cursor
  CHECK_FALSE(has(page, "against 2/η"));
  const auto columns = nlohmann::json::parse(run.read("run.json")).at("columns");
  for (const auto& column : columns) {
    CAPTURE(column.dump());
    if (column.at("name") == "lambda_1") CHECK_FALSE(column.contains("reference"));
    if (column.at("name") == "lambda_eff") {
      CHECK(column.at("reference") == "threshold_eff");
      CHECK(column.at("reference_name") == "2/η");
    }
  }
  const std::string said = run.said();  // in ASCII where the locale is
  CHECK(has(said, "plan: instabilities under rmsprop are those of "));
  CHECK((has(said, "λ_eff up to ") || has(said, "lambda_eff up to ")));
  CHECK_FALSE((has(said, "λ₁ up to ") || has(said, "lambda_1 up to ")));
}
