// SPDX-License-Identifier: MIT
// Changes of the batch during a run: from minibatches to the whole training set and back, to what bytes they lead, and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/config_with.h"
#include "tests/training/handed_over.h"
#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/fit.h"
#include "training/run/plan_in_words.h"

using namespace brink;

namespace {

using brink::test::change;
using brink::test::digest;
using brink::test::refusal;
using brink::test::with;

/// 200 samples: 3 minibatches of 72 an epoch.
struct Bench {
  const support::Network n{{.samples = 200, .dtype = Dtype::f32}};
  Device device;
  std::unique_ptr<Trainer> make(const std::vector<std::string>& sets, View theta) {
    TrainerOptions o = trainer_options(with(sets));
    o.tracker = TrackerOptions{.top = 1, .bottom = 1, .cold_check = 5, .budget = 60, .max_basis = 24};
    o.batch = {};
    return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), o, theta);
  }
  std::unique_ptr<Trainer> make(const std::vector<std::string>& sets) { return make(sets, n.theta.view()); }
};

const std::string rows = "measure.row_every=1";

std::string common_text(const Trainer& trainer, const Row& row) {
  std::string out;
  for (const Column& c : trainer.columns())
    if (c.name != "threshold") out += support::text_of(row[c.name]) + ",";
  return out;
}

/// The state of `from` in the parts that `to` has.
void hand_over(Device& device, Trainer& from, Trainer& to, std::optional<OrderStart> start = {}) {
  SavedState saved = test::handed_over(device, from, to);
  if (start) {
    saved.parts.at("minibatches/first_step") = start->step;
    saved.parts.at("minibatches/first_epoch") = start->epoch;
  }
  restore_state(device, to, saved);
}

}  // namespace

TEST_CASE("from SGD to GD at step t: the bytes of a GD run that was restored at t") {
  Bench bench;
  for (const std::string rule : {"sgd", "momentum"}) {
    CAPTURE(rule);
    const std::vector<std::string> before{"training.rule=" + rule, "training.batch=72", "training.learning_rate=0.4",
                                          rows};
    std::vector<std::string> sets = before;
    const std::string after = rule == "sgd" ? "gd" : rule;
    sets.push_back(
        change("{at_step = 13, set = {batch = 0" + (rule == after ? "" : ", rule = \"" + after + "\"") + "}}"));
    const auto changed = bench.make(sets), parent = bench.make(before),
               restored = bench.make({"training.rule=" + after, "training.learning_rate=0.4", rows});
    for (int t = 0; t < 13; ++t)
      REQUIRE(common_text(*changed, changed->step()) == common_text(*parent, parent->step()));
    CHECK(changed->has_minibatches());
    hand_over(bench.device, *parent, *restored);
    bool differs = false;
    for (int t = 13; t < 30; ++t) {
      CAPTURE(t);
      const std::string row = common_text(*changed, changed->step());
      REQUIRE(row == common_text(*restored, restored->step()));
      CHECK_FALSE(changed->has_minibatches());
      CHECK_FALSE(changed->seen().batch_loss);
      differs = differs || row != common_text(*parent, parent->step());
    }
    CHECK(differs);  // control: without the change the run goes on to other bytes
  }
}

TEST_CASE("from GD to SGD at step t: the parameters of SGD that starts from θ_t at step 0, with the first epoch") {
  Bench bench;
  const auto changed =
      bench.make({"training.learning_rate=0.4", rows, change("{at_step = 13, set = {rule = \"sgd\", batch = 72}}")});
  for (int t = 0; t < 13; ++t) changed->step();
  const std::vector<std::string> sgd{"training.rule=sgd", "training.batch=72", "training.learning_rate=0.4", rows};
  const Array theta = changed->theta_on_host();
  const auto started = bench.make(sgd, theta.view()), restored = bench.make(sgd), control = bench.make(sgd);
  hand_over(bench.device, *changed, *restored, OrderStart{13, 0});
  hand_over(bench.device, *changed, *control, OrderStart{0, 0});  // the order that a whole run of SGD has at step 13
  bool differs = false;
  for (int t = 13; t < 30; ++t) {
    CAPTURE(t);
    const Row& row = changed->step();
    REQUIRE(digest(row) == digest(started->step()));
    REQUIRE(common_text(*changed, row) == common_text(*restored, restored->step()));
    differs = differs || digest(row) != digest(control->step());
  }
  CHECK(differs);
}

TEST_CASE("epochs are counted over all sizes, and a step without minibatches is in none") {
  Bench bench;
  // Epochs 0 and 1 of 72 samples, the second cut after a minibatch; then 2 and 3 of 50 samples; a pause; then 4.
  const std::vector<std::string> sets{
      "training.rule=sgd", "training.batch=72", "training.learning_rate=0.4", rows,
      change("{at_step = 4, set = {batch = 50}}, {at_step = 12, set = {batch = 0, rule = \"gd\"}}, "
             "{at_step = 15, set = {batch = 72, rule = \"sgd\"}}")};
  const auto trainer = bench.make(sets);
  const auto start = [&] {
    const SavedState s = save_state(bench.device, *trainer);
    return std::pair(std::get<std::int64_t>(s.parts.at("minibatches/first_step")),
                     std::get<std::int64_t>(s.parts.at("minibatches/first_epoch")));
  };
  const auto go_to = [&](std::int64_t step) {
    while (trainer->steps_done() < step) trainer->step();
  };
  go_to(4);
  CHECK(start() == std::pair<std::int64_t, std::int64_t>{0, 0});
  go_to(5);
  CHECK(start() == std::pair<std::int64_t, std::int64_t>{4, 2});
  go_to(13);
  CHECK(start() == std::pair<std::int64_t, std::int64_t>{12, 4});
  go_to(16);
  CHECK(start() == std::pair<std::int64_t, std::int64_t>{15, 4});
}

TEST_CASE("a state saved in any phase of a changing batch goes on to the same bytes") {
  Bench bench;
  const std::vector<std::string> sets{
      "training.rule=sgd", "training.batch=72", "training.learning_rate=0.4", "measure.row_every=2",
      change("{at_step = 5, set = {batch = 50}}, {at_step = 11, set = {batch = 0, rule = \"gd\"}}, "
             "{at_step = 16, set = {batch = 72, rule = \"noise_scaled\", noise_scale = 0.5}}")};
  const auto whole = bench.make(sets);
  std::vector<std::string> texts;
  std::vector<SavedState> states;
  for (int t = 0; t < 24; ++t) {
    states.push_back(save_state(bench.device, *whole));
    texts.push_back(t % 2 == 0 ? support::text_of(whole->step()) : (whole->step(), std::string()));
  }
  for (std::size_t from = 0; from < states.size(); ++from) {
    CAPTURE(from);
    const auto resumed = bench.make(sets);
    restore_state(bench.device, *resumed, states[from]);
    for (std::size_t t = from; t < texts.size(); ++t) {
      const Row& row = resumed->step();
      if (t % 2 == 0) REQUIRE(support::text_of(row) == texts[t]);
    }
  }
  // Control: a state without the start of the order goes on with another one.
  SavedState lost = save_state(bench.device, *whole);
  lost.parts.at("minibatches/first_epoch") = std::int64_t{0};
  const auto wrong = bench.make(sets);
  restore_state(bench.device, *wrong, lost);
  for (int t = 0; t < 2; ++t) wrong->step(), whole->step();  // steps 24 and 25; the next one has a row
  CHECK(digest(wrong->step()) != digest(whole->step()));
}

TEST_CASE("a run whose batch changes has the same bytes whatever threads and chunk are, and says what it changes") {
  const std::vector<std::string> sets{
      "data.train=200",
      "data.test=100",
      "model.hidden=[16,12]",
      "training.steps=24",
      "training.rule=sgd",
      "training.batch=72",
      change("{at_step = 9, set = {rule = \"gd\", batch = 0}}, {at_step = 15, set = {rule = \"sgd\", batch = 50}}")};
  const test::SmallRun one(sets, {{"threads", "1"}}), three(sets, {{"threads", "3"}, {"chunk", "128"}});
  CHECK(one.code == ExitCode::done);
  CHECK(one.read("metrics.csv") == three.read("metrics.csv"));
  CHECK(one.read("events.csv") == three.read("events.csv"));
  // The rows are those of the first batch: 3 updates an epoch.
  const std::string metrics = one.read("metrics.csv");
  CHECK(std::ranges::count(metrics, '\n') == 1 + 9);
  for (const char* row : {"\n9,", "\n12,", "\n15,", "\n18,", "\n24,"}) CHECK(metrics.find(row) != std::string::npos);
  const auto json = nlohmann::json::parse(one.read("run.json"));
  CHECK(json.at("changes").at(0).at("set").at("batch") == 0);
  CHECK(json["changes"][1]["step"] == 15);
  const auto plan = plan_in_words(with(sets));
  CHECK(plan.at(1) ==
        "at step 9: the update rule becomes gd (weight_decay = 0.0), whose vectors start as at step 0; "
        "every update uses all training samples (2/η = 20)");
  CHECK(plan.at(2) ==
        "at step 15: the update rule becomes sgd (weight_decay = 0.0), whose vectors start as at step "
        "0; minibatches of 50 samples, beginning with a new epoch (2/η = 20)");
}

TEST_CASE("changes of the batch that the rule, the network or the data do not allow are refused with what to do") {
  const std::vector<std::string> sgd{"training.rule=sgd", "training.batch=72"}, gd{};
  struct Case {
    const std::vector<std::string>& base;
    std::string tables, message;
  };
  const Case cases[] = {
      {sgd, "{at_step = 3, set = {batch = 0}}",
       "1: set: batch: training.rule = \"sgd\" needs minibatches: set another rule too, such as rule = \"gd\", or a "
       "batch of at least 1"},
      {gd, "{at_step = 3, set = {rule = \"sgd\"}}",
       "1: set: rule: \"sgd\" needs minibatches: set batch too, the number of samples of each, for example batch = "
       "128"},
      {gd, "{at_step = 5, set = {rule = \"noise_scaled\"}}, {at_step = 6, set = {batch = 72}}",
       "1: set: rule: \"noise_scaled\" needs minibatches: set batch too, the number of samples of each, for example "
       "batch = 128"},
      {gd, "{at_step = 3, set = {batch = 1001}}",
       "1: set: batch: expected at most the 1000 samples of data.train, or 0 for all of them, got 1001"},
      {gd, "{at_step = 3, set = {batch = -1}}",
       "1: set: batch: expected an integer from 0 to 10000000, got the integer -1"},
      {sgd, "{at_step = 3, set = {batch = 72}}", "1: set: batch: is 72 already at that moment; leave it out"},
      {sgd, "{at_step = 3, set = {batch = 50}}, {at_step = 3, set = {batch = 40}}",
       "2: batch: training.change 1 sets it at the same moment; keep one of them"},
      {sgd, "{at_step = 3, set = {batch = 50}}, {at_accuracy = 0.5, set = {batch = 40}}",
       "2: changes batch as training.change 1 does, and which of them applies last is not known before the run; give "
       "both at_step or both at_accuracy"},
      {sgd, "{at_step = 3, set = {rule = \"gd\"}}, {at_accuracy = 0.5, set = {batch = 0}}",
       "2: the order in which the rule and batch change is not known before the run, and a rule that needs minibatches "
       "may be left without; give both at_step or both at_accuracy"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.tables);
    std::vector<std::string> sets = c.base;
    sets.push_back(change(c.tables));
    CHECK(refusal(sets) == "--set " + sets.back() + ": training.change " + c.message);
  }
  CHECK(refusal({"model.name=dln", change("{at_step = 3, set = {batch = 8}}")})
            .ends_with("set: batch: has no meaning for model.name = \"dln\""));
  CHECK(refusal({"model.name=dln", change("{at_step = 3, set = {rule = \"sgd\"}}")})
            .ends_with("set: rule: \"sgd\" needs minibatches, and \"dln\" has no samples: choose another rule"));
  CHECK(refusal({"data.name=synthetic-cifar", "data.train=80", "data.test=20", "model.name=vgg", "model.ghost_batch=16",
                 change("{at_step = 3, set = {batch = 24}}")})
            .find("set: batch: expected a multiple of model.ghost_batch = 16") != std::string::npos);
  CHECK(refusal({"data.name=arrays", "data.train_file=a.npz", change("{at_step = 3, set = {batch = 24}}")})
            .find("set: batch: minibatches need data.train") != std::string::npos);
  CHECK(refusal({"training.project=remove", change("{at_step = 3, set = {batch = 24}}")})
            .ends_with("training.change 1: set: batch: a projected update needs the whole training set: set "
                       "training.batch = 0"));
  test::TemporaryFolder folder;
  test::write_text(folder / "c.toml", "[[training.change]]\nat_step = 3\nset = { rule = \"sgd\" }\n");
  try {
    (void)load_config({folder / "c.toml", {}, {}});
    FAIL("accepted");
  } catch (const UsageError& e) {
    CHECK(std::string(e.what()).starts_with(folder / "c.toml" + ":3:16: training.change 1: set: rule: \"sgd\""));
  }
  // Control: neighbours of these are accepted.
  const auto accepted = [&](std::vector<std::string> sets, const std::string& tables) {
    sets.push_back(change(tables));
    return refusal(sets) == "accepted";
  };
  CHECK(accepted(sgd,
                 "{at_step = 3, set = {rule = \"gd\", batch = 0}}, {at_step = 9, set = {rule = \"sgd\", batch = 72}}"));
  CHECK(accepted(gd, "{at_step = 5, set = {batch = 72}}, {at_step = 6, set = {rule = \"noise_scaled\"}}"));
  CHECK(accepted(gd, "{at_step = 3, set = {batch = 1000}}"));
  CHECK(accepted(sgd, "{at_step = 3, set = {rule = \"gd\"}}, {at_accuracy = 0.5, set = {batch = 50}}"));
  CHECK(accepted({"training.rule=momentum"},
                 "{at_step = 3, set = {batch = 72}}, {at_accuracy = 0.5, set = {rule = \"gd\"}}"));
}
