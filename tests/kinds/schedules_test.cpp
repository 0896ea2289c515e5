// SPDX-License-Identifier: MIT
// Requirements on every schedule: its closed form, with and without warm-up; a state saved in mid-warm-up; the threshold of each step in the
// files and the report of a run; a frozen run.
#include "tests/kinds/schedules.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "tests/kinds/kinds.h"
#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/small_run.h"
#include "tools/report/run.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/fit.h"

using namespace brink;
using support::text_of;

namespace {

constexpr double rate = 1.5;  // a small MLP passes the threshold 2/η within 30 steps

Config config_of(const kinds::ScheduleRow& row, const std::vector<std::string>& more = {}) {
  std::vector<std::string> sets{"training.schedule=" + row.name, "training.steps=30", "training.learning_rate=1.5"};
  sets.insert(sets.end(), row.settings.begin(), row.settings.end());
  sets.insert(sets.end(), more.begin(), more.end());
  return load_config({{}, sets, {}});
}

}  // namespace

TEST_CASE("every schedule has a row") {
  kinds::expect_a_row_each(schedule_kinds(), kinds::schedule_rows(), "schedule", "tests/kinds/schedules.h");
}

TEST_CASE("a schedule equals its closed form, and warm-up multiplies it by min(1, (t + 1)/W)") {
  for (const kinds::ScheduleRow& row : kinds::schedule_rows()) {
    CAPTURE(row.name);
    const auto plain = trainer_options(config_of(row)).schedule;
    const auto warm = trainer_options(config_of(row, {"training.warmup=9"})).schedule;
    CHECK(plain->is_constant() == (row.name == "constant"));
    CHECK_FALSE(warm->is_constant());
    for (std::int64_t t = 0; t <= 100; ++t) {
      CAPTURE(t);
      const double expected = rate * row.rate(static_cast<double>(t));
      CHECK(plain->learning_rate(t) == doctest::Approx(expected).epsilon(1e-13));
      if (t < 8)
        CHECK(warm->learning_rate(t) == plain->learning_rate(t) * (static_cast<double>(t + 1) / 9));
      else
        CHECK(warm->learning_rate(t) == plain->learning_rate(t));
    }
  }
}

TEST_CASE("a state saved in mid-warm-up goes on to the same bytes, whatever the schedule") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  for (const kinds::ScheduleRow& row : kinds::schedule_rows()) {
    CAPTURE(row.name);
    const auto fresh = [&](const char* warmup) {
      TrainerOptions o;
      o.schedule = trainer_options(config_of(row, {warmup})).schedule;
      o.tracker = TrackerOptions{.top = 1, .bottom = 1, .cold_check = 5, .budget = 60, .max_basis = 24};
      return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), o, n.theta.view());
    };
    const auto through = fresh("training.warmup=20");
    for (int t = 0; t < 8; ++t) through->step();
    const SavedState state = save_state(device, *through);
    const auto resumed = fresh("training.warmup=20"), control = fresh("training.warmup=21");
    restore_state(device, *resumed, state);
    restore_state(device, *control, state);
    bool differs = false;
    for (int t = 8; t < 30; ++t) {
      CAPTURE(t);
      const std::string numbers = text_of(through->step());
      REQUIRE(text_of(resumed->step()) == numbers);
      differs = differs || text_of(control->step()) != numbers;
      CHECK(through->seen().threshold == 2 / through->seen().learning_rate);
    }
    CHECK(differs);  // control: another warm-up
  }
}

TEST_CASE("a schedule's settings are written and read back, its thresholds reach the report, and its run is frozen") {
  for (const kinds::ScheduleRow& row : kinds::schedule_rows()) {
    CAPTURE(row.name);
    std::vector<std::string> sets{
        "training.schedule=" + row.name, "training.learning_rate=1.5", "data.train=200", "data.test=100",
        "model.hidden=[16,12]",          "training.steps=30"};
    sets.insert(sets.end(), row.settings.begin(), row.settings.end());
    const brink::test::SmallRun run(sets), three(sets, {{"threads", "3"}, {"chunk", "128"}});
    CHECK(to_toml(load_config({run.folder() + "/config.toml", {}, {}})) == to_toml(run.config));
    CHECK_MESSAGE(run.digest("metrics.csv") == row.metrics,
                  "the value above belongs in the row of tests/kinds/schedules.h; a digest that changes is marked "
                  "**bits** in CHANGELOG.md");
    CHECK(three.digest("metrics.csv") == run.digest("metrics.csv"));
    const report::Run read = report::read_run(run.folder());
    REQUIRE(read.step.size() == 31);
    CHECK(read.columns.contains("threshold") == (row.name != "constant"));  // constant runs keep their bytes
    CHECK(read.threshold_name() == "2/η");
    for (std::size_t t = 0; t < read.step.size(); ++t) {
      const auto edge = read.threshold(t), eta = read.at("learning_rate", t);
      REQUIRE(edge);
      CHECK(*edge == 2 / *eta);
      if (const auto s = read.at("surplus", t)) CHECK(*s == *eta * *read.at("lambda_1", t) - 2);
    }
  }
}
