// SPDX-License-Identifier: MIT
// When a run is complete, epoch compensation, and early stopping found after the run.
#include "training/schedule/completion.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/run/early_stopping.h"

using namespace brink;

namespace {

const std::vector<std::string> small{"training.learning_rate=0.5", "data.train=200", "data.test=100",
                                     "model.hidden=[16,12]", "training.steps=60"};

std::vector<std::string> small_and(std::vector<std::string> more) {
  more.insert(more.begin(), small.begin(), small.end());
  return more;
}

}  // namespace

TEST_CASE("a run is complete when the accuracy was reached at several evaluations in a row") {
  Completion c(0.9, 2);
  for (const auto& [accuracy, reached] :
       {std::pair{0.95, false}, {0.5, false}, {0.9, false}, {0.91, true}, {0.95, true}, {0.2, false}}) {
    c.see(accuracy);
    CHECK(c.reached() == reached);
  }
}

TEST_CASE("a complete run ends there, says so, and has the rows of the same run without an end") {
  const test::SmallRun whole(small), ended(small_and({"training.complete_accuracy=0.5"})),
      never(small_and({"training.complete_accuracy=1", "training.complete_evaluations=50"}));
  const auto json = nlohmann::json::parse(ended.read("run.json"));
  REQUIRE(json.at("completed_at").is_number());
  const auto at = json["completed_at"].get<std::int64_t>();
  REQUIRE(at < 60);
  CHECK(json["status"] == "finished");
  CHECK(json["steps_done"] == at);
  const std::string all = whole.read("metrics.csv"), some = ended.read("metrics.csv");
  CHECK(all.starts_with(some));
  CHECK(std::count(some.begin(), some.end(), '\n') == at + 2);
  CHECK(ended.code == ExitCode::done);
  CHECK(nlohmann::json::parse(never.read("run.json")).at("completed_at").is_null());
  CHECK(never.read("metrics.csv") == all);
  CHECK_FALSE(nlohmann::json::parse(whole.read("run.json")).contains("completed_at"));
}

TEST_CASE("a small learning rate takes more steps by training.compensate, and the resolved config reads back") {
  const auto steps = [](std::vector<std::string> sets) {
    sets.emplace_back("training.compensate=0.1");
    return load_config({"", sets, {}}).training.steps;
  };
  CHECK(steps({}) == 400);
  CHECK(steps({"training.learning_rate=0.025"}) == 1600);
  CHECK(steps({"training.learning_rate=0.03"}) == 1333);  // 400 · 0.1/0.03 = 1333.3
  CHECK(steps({"training.learning_rate=0.4"}) == 400);    // a large one does not take fewer
  const Config c = load_config({"", {"training.learning_rate=0.025", "training.compensate=0.1"}, {}});
  test::TemporaryFolder folder;
  test::write_text(folder / "config.toml", to_toml(c));
  const Config again = load_config({folder / "config.toml", {}, {}});
  CHECK(again.training.steps == 1600);
  CHECK(config_hash(again) == config_hash(c));
  CHECK(config_hash(c) == config_hash(load_config({"", {"training.learning_rate=0.025", "training.steps=1600"}, {}})));
  CHECK_THROWS_WITH_AS(steps({"training.learning_rate=1e-9"}),
                       "--set training.compensate=0.1: training.compensate: expected at most 1000000000 steps in all, "
                       "got 400 × 0.1/1e-09",
                       UsageError);
}

TEST_CASE("early stopping is the first row with the least test loss") {
  test::TemporaryFolder folder;
  const auto of = [&](const std::string& text) {
    test::write_text(folder / "metrics.csv", text);
    return early_stopping(folder / "metrics.csv");
  };
  const auto found =
      of("step,loss,train_accuracy,test_loss,lambda_1\n0,3,0.1,4,9\n1,2,0.2,1.5,\n2,1.5,0.3,,8\n3,1,0.4,1.5,7\n"
         "4,0.5,0.6,1.75,6\n5,0.4,0.7,1.6,5\n");
  REQUIRE(found);
  CHECK(found->stop.step == 1);
  CHECK(found->stop.metrics ==
        std::vector<std::pair<std::string, double>>{{"loss", 2}, {"train_accuracy", 0.2}, {"test_loss", 1.5}});
  CHECK(found->reversal == 4);
  CHECK(found->end.step == 5);
  const auto falling = of("step,test_loss\n0,3\n1,2\n2,1\n");
  REQUIRE(falling);
  CHECK(falling->stop.step == 2);
  CHECK_FALSE(falling->reversal);
  const auto again = of("step,test_loss\n0,3\n1,4\n2,1\n3,2\n");  // the reversal after the least, not the first one
  REQUIRE(again);
  CHECK(again->reversal == 3);
  CHECK_FALSE(of("step,loss\n0,3\n"));
  CHECK_FALSE(of("step,test_loss\n0,\n"));
  CHECK_FALSE(early_stopping(folder / "none.csv"));
}

TEST_CASE("a run with test losses records early stopping, and its other columns keep their bytes") {
  const test::SmallRun with(small_and({"measure.test_loss.every=1"})), without(small);
  const auto json = nlohmann::json::parse(with.read("run.json"));
  REQUIRE(json.contains("early_stopping"));
  CHECK(json["early_stopping"].contains("test_accuracy"));
  CHECK(json["early_stopping"]["at_the_end"]["step"] == 60);
  CHECK(json["early_stopping"]["test_loss"] <= json["early_stopping"]["at_the_end"]["test_loss"]);
  CHECK_FALSE(nlohmann::json::parse(without.read("run.json")).contains("early_stopping"));
}
