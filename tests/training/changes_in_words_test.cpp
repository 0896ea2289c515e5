// SPDX-License-Identifier: MIT
// What is said of the changes of a run: its plan in words, and their values in run.json.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/training/config_with.h"
#include "training/run/config.h"
#include "training/run/plan_in_words.h"
#include "training/run/records.h"

using namespace brink;

namespace {

using brink::test::with;

}  // namespace

TEST_CASE("a plan in words") {
  using Lines = std::vector<std::string>;
  CHECK(plan_in_words(with({})) == Lines{"400 updates by gd; the learning rate is 0.1 (2/η = 20)"});
  CHECK(plan_in_words(with({"training.change=[{at_step = 200, set = {learning_rate = 0.05}}]"})).at(1) ==
        "at step 200: the learning rate becomes 0.05 (2/η = 40)");
  CHECK(plan_in_words(with({"training.change=[{at_accuracy = 0.9, set = {rule = \"momentum\", divergence_loss = "
                            "5}}]"}))
            .at(1) ==
        "at the step after the first one whose training accuracy exceeds 0.9: the update rule becomes momentum "
        "(momentum = 0.9, weight_decay = 0.0), whose vectors start as at step 0; training.divergence_loss becomes 5.0 "
        "(2(1 + β)/η = 38)");
  CHECK(plan_in_words(with({"training.learning_rate=0.025", "training.compensate=0.1"})) ==
        Lines{"1600 updates by gd; the learning rate is 0.025 (2/η = 80)",
              "training.compensate: 400 steps × 0.1/0.025 = 1600 steps"});
  CHECK(plan_in_words(with({"training.complete_accuracy=0.999"})).at(1) ==
        "complete when the training accuracy is at least 0.999 at 2 consecutive evaluations, and after 400 updates at "
        "the latest");
  const Lines cosine = plan_in_words(with({"training.schedule=cosine", "training.warmup=20"}));
  REQUIRE(cosine.size() == 1);
  CHECK(cosine[0].find("; warm-up: during the first 20 updates this is multiplied by (t + 1)/20; the learning rate is "
                       "0.005 (2/η = 400) at step 0, 0.09945 (2/η = 20.111) at step 19 and ") != std::string::npos);
  CHECK(cosine[0].ends_with(" at step 399"));
  CHECK(plan_in_words(with({"training.warmup=4"}))[0].ends_with(
      "; the learning rate is 0.025 (2/η = 80) at step 0, 0.1 (2/η = 20) at step 3 and 0.1 (2/η = 20) at step 399"));
  // What a later change replaces is not said to hold at the end.
  const Lines replaced = plan_in_words(with(
      {"training.schedule=step", "training.complete_accuracy=1", "training.project=remove",
       "run.keep_checkpoints=[0, 50, 401, 500]",
       ("training.change=[{at_step = 150, set = {divergence_loss = 9}}, {at_step = 250, set = {learning_rate = 0.4}}, "
        "{at_step = 350, set = {schedule = \"constant\"}}]")}));
  REQUIRE(replaced.size() == 7);
  CHECK(
      replaced[0].ends_with("the learning rate is 0.1 (2/η = 20) at step 0 and 0.025 (2/η = 80) at step 249, the last "
                            "one before the change at step 250"));
  CHECK(replaced[1] == "the part of the gradient along unstable eigenvectors is removed (training.project_most = 10)");
  CHECK(replaced[2] == "at step 150: training.divergence_loss becomes 9.0");
  CHECK(
      replaced[3] ==
      "at step 250: the learning rate becomes 0.4 before its schedule; the learning rate is 0.1 (2/η = 20) at step 250 "
      "and 0.05 (2/η = 40) at step 349, the last one before the change at step 350");
  CHECK(replaced[4] == "at step 350: the schedule becomes constant (2/η = 5)");
  CHECK(replaced[5].starts_with("complete when "));
  CHECK(
      replaced[6] ==
      "run.keep_checkpoints: no checkpoint is written of step 0, which can be made again, and none of steps 401, 500, "
      "because the run ends at step 400");
  CHECK(plan_in_words(
            with({"training.schedule=step", "training.change=[{at_accuracy = 0.5, set = {rule = \"momentum\"}}]"}))[0]
            .ends_with(" at step 399, unless a change at an accuracy comes before"));
}

TEST_CASE("what a change sets is a JSON value of its own type in run.json") {
  const Config c = with({"training.rule=rmsprop",
                         "training.change=[{at_step = 3, set = {learning_rate = 0.05, divergence_loss = 1e300, batch = "
                         "128, bias_correction = "
                         "false, schedule = \"step\", drop_every = 7}}, {at_step = 4, set = {divergence_loss = inf, "
                         "rule = \"momentum\"}}]"});
  const auto json = nlohmann::json::parse(run_json(c, {}));
  const nlohmann::json first = json.at("changes").at(0).at("set"), second = json["changes"][1]["set"];
  CHECK(first.at("learning_rate").is_number_float());
  CHECK(first["learning_rate"] == 0.05);
  CHECK(first.at("divergence_loss") == 1e300);
  CHECK(first.at("batch").is_number_integer());
  CHECK(first["batch"] == 128);
  CHECK(first.at("bias_correction").is_boolean());
  CHECK(first["bias_correction"] == false);
  CHECK(first.at("schedule") == "step");
  CHECK(first.at("drop_every") == 7);
  CHECK(second.at("divergence_loss") == "inf");  // JSON has no infinity
  CHECK(second.at("rule") == "momentum");
}
