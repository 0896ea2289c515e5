// SPDX-License-Identifier: MIT
// Changes of the projection during a run: to what bytes they lead, what a saved state remembers of them, and what is refused.
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
#include "training/replay/adopted_state.h"
#include "training/run/config.h"
#include "training/run/fit.h"
#include "training/run/plan_in_words.h"

using namespace brink;

namespace {

using brink::test::change;
using brink::test::digest;
using brink::test::refusal;
using brink::test::with;
const std::string rate = "training.learning_rate=3", rows = "measure.row_every=1";

struct Bench {
  const support::Network n{{.samples = 200, .dtype = Dtype::f32}};
  Device device;
  std::unique_ptr<Trainer> make(const std::vector<std::string>& sets) {
    TrainerOptions o = trainer_options(with(sets));
    o.tracker = TrackerOptions{
        .top = 1, .bottom = 1, .most_top = 11, .tolerance = 1e-3, .cold_check = 5, .budget = 400, .max_basis = 60};
    o.batch = {};
    return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), o, n.theta.view());
  }
};

/// The state of `from` in the parts that `to` has.
void hand_over(Device& device, Trainer& from, Trainer& to) {
  SavedState saved = test::handed_over(device, from, to);
  restore_state(device, to, saved);
}

}  // namespace

TEST_CASE("a projection that begins or ends at step t: the parameters of a run that was restored at t") {
  Bench bench;
  struct Modes {
    std::string first, second;
  };
  for (const auto& modes :
       {Modes{"off", "remove"}, {"remove", "off"}, {"remove", "keep"}, {"off", "keep"}, {"keep", "remove"}}) {
    INFO(modes.first, " to ", modes.second);
    const std::string before = "training.project=" + modes.first, after = "training.project=" + modes.second;
    const auto changed =
                   bench.make({rate, before, change("{at_step = 4, set = {project = \"" + modes.second + "\"}}")}),
               parent = bench.make({rate, before}), restored = bench.make({rate, after});
    for (int t = 0; t < 4; ++t) REQUIRE(digest(changed->step()) == digest(parent->step()));
    hand_over(bench.device, *parent, *restored);
    if (modes.second != "off" && modes.first != "off") {  // another mode begins as a run begins with it
      SavedState state = save_state(bench.device, *restored);
      state.parts.at("projection/entered") = std::int64_t{0};
      state.parts.at("tracked/tracked") = std::int64_t{1};
      restore_state(bench.device, *restored, state);
    }
    bool differs = false;
    for (int t = 4; t < 9; ++t) {
      CAPTURE(t);
      const std::string text = digest(changed->step());
      CHECK(changed->seen().projected.has_value() == (modes.second != "off"));
      REQUIRE(text == digest(restored->step()));
      differs = differs || text != digest(parent->step());
    }
    CHECK(differs);  // control: without the change the run goes on to other bytes
  }
}

TEST_CASE("a state saved in any phase of a changing projection goes on to the same bytes") {
  Bench bench;
  const std::vector<std::string> sets{
      rate, change("{at_step = 3, set = {project = \"remove\"}}, {at_step = 6, set = {project_most = 9}}, "
                   "{at_step = 8, set = {project = \"off\"}}, {at_step = 10, set = {project = \"keep\"}}")};
  const auto whole = bench.make(sets);
  std::vector<std::string> texts;
  std::vector<SavedState> states;
  for (int t = 0; t < 13; ++t) {
    states.push_back(save_state(bench.device, *whole));
    texts.push_back(support::text_of(whole->step()));
  }
  for (std::size_t from = 0; from < states.size(); ++from) {
    CAPTURE(from);
    const auto resumed = bench.make(sets);
    restore_state(bench.device, *resumed, states[from]);
    for (std::size_t t = from; t < texts.size(); ++t) REQUIRE(support::text_of(resumed->step()) == texts[t]);
  }
  // Control: the memory of whether an eigenvector has been unstable is part of the state.
  CHECK(std::get<std::int64_t>(states[5].parts.at("projection/entered")) == 1);
  CHECK(std::get<std::int64_t>(states[9].parts.at("projection/entered")) == 0);
}

TEST_CASE("from minibatches to projected updates of the whole training set, by one change") {
  Bench bench;
  const auto trainer = bench.make({"training.rule=sgd", "training.batch=72", rate, rows,
                                   change("{at_step = 3, set = {rule = \"gd\", batch = 0, project = \"remove\"}}")});
  for (int t = 0; t < 3; ++t) CHECK_FALSE((trainer->step(), trainer->seen().projected));
  int unstable = 0;
  for (int t = 3; t < 6; ++t) {
    trainer->step();
    REQUIRE(trainer->seen().projected);
    unstable += *trainer->seen().projected > 0;
  }
  CHECK(unstable > 0);
}

TEST_CASE(
    "a run whose projection changes has the same bytes whatever threads and chunk are, and says what it changes") {
  const std::vector<std::string> sets{
      "data.train=200",
      "data.test=100",
      "model.hidden=[16,12]",
      "training.steps=16",
      "training.learning_rate=0.3",
      change(
          "{at_step = 4, set = {project = \"remove\", project_most = 14}}, {at_step = 11, set = {project = \"off\"}}")};
  const test::SmallRun one(sets, {{"threads", "1"}}), three(sets, {{"threads", "3"}, {"chunk", "128"}});
  CHECK(one.code == ExitCode::done);
  CHECK(one.read("metrics.csv") == three.read("metrics.csv"));
  CHECK(one.said().find("step 4: the part of the gradient along unstable eigenvectors is removed; "
                        "training.project_most becomes 14") != std::string::npos);
  const auto plan = plan_in_words(with(sets));
  CHECK(std::ranges::find(plan, "at step 11: updates are no longer projected") != plan.end());
  const Config again = load_config({one.folder() + "/config.toml", {}, {}});
  CHECK(config_hash(again) == config_hash(one.config));
}

TEST_CASE("a run at rest goes on if a change is to come, and ends there if none is") {
  const std::vector<std::string> keeps{"data.train=200",
                                       "data.test=100",
                                       "model.hidden=[16,12]",
                                       "training.steps=25",
                                       "training.learning_rate=0.3",
                                       "training.project=keep"};
  std::vector<std::string> changes = keeps;
  changes.push_back(change("{at_step = 24, set = {project = \"off\"}}"));
  const test::SmallRun ends(keeps), goes_on(changes);
  const auto done = [](const test::SmallRun& run) {
    return nlohmann::json::parse(run.read("run.json")).at("steps_done").get<int>();
  };
  CHECK(done(ends) < 24);
  CHECK(done(goes_on) == 25);
}

TEST_CASE("a fork adopts the memory of a projection only if that is the one in force") {
  const auto memory = [](const Config& own, const Config& parents) {
    SavedState fresh, parent;
    for (auto* s : {&fresh, &parent}) {
      s->parts["step"] = std::int64_t{s == &parent ? 10 : 0};
      s->parts["projection/entered"] = std::int64_t{s == &parent};
      if (!(s == &parent ? parents : own).training.changes.empty()) {
        std::vector<std::int64_t> due;
        for (const auto& c : (s == &parent ? parents : own).training.changes) due.push_back(c->at_step.value_or(-1));
        s->parts["changes/due"] = due;
      }
    }
    return std::get<std::int64_t>(
        adopt_state(std::move(fresh), own, std::move(parent), parents).state.parts.at("projection/entered"));
  };
  const Config keep = with({"training.project=keep"}), remove = with({"training.project=remove"}),
               changed = with({change("{at_step = 5, set = {project = \"keep\"}}")}),
               later = with({"training.project=keep", change("{at_step = 20, set = {project = \"off\"}}")});
  CHECK(memory(keep, keep) == 1);
  CHECK(memory(remove, keep) == 0);
  CHECK(memory(keep, changed) == 1);
  CHECK(memory(changed, changed) == 1);
  CHECK(memory(later, keep) == 1);
  CHECK(memory(later, changed) == 1);
  CHECK(memory(remove, changed) == 0);
}

TEST_CASE("changes of the projection that the rule, the batch or the measurements do not allow are refused") {
  struct Case {
    std::vector<std::string> sets;
    std::string tables, end;
  };
  const Case cases[] = {
      {{},
       "{at_step = 3, set = {project_most = 4}}",
       "1: set: project_most: has no meaning for training.project = \"off\""},
      {{},
       "{at_step = 3, set = {project = \"off\"}}",
       "1: set: project: is \"off\" already at that moment; leave it out"},
      {{"training.project=keep"},
       "{at_step = 3, set = {project_most = 10}}",
       "1: set: project_most: is 10 already at that moment; leave it out"},
      {{"training.project=keep"},
       "{at_step = 3, set = {rule = \"adam\"}}",
       "1: set: rule: a projected update needs a rule whose threshold is that of the Hessian, such as training.rule = "
       "\"gd\""},
      {{"training.batch=72", rows},
       "{at_step = 3, set = {project = \"remove\"}}",
       "1: set: project: a projected update needs the whole training set: set training.batch = 0"},
      {{},
       "{at_step = 3, set = {project = \"none\"}}",
       "1: set: project: expected \"off\", \"remove\" or \"keep\", got the string \"none\""},
      {{},
       "{at_step = 3, set = {project = \"keep\"}}, {at_accuracy = 0.5, set = {project = \"off\"}}",
       "2: changes project or project_most as training.change 1 does, and which of them applies last is not known "
       "before "
       "the run; give both at_step or both at_accuracy"},
      {{},
       "{at_step = 3, set = {project = \"keep\"}}, {at_accuracy = 0.5, set = {batch = 72}}",
       "2: set: batch: a projected update needs the whole training set: set training.batch = 0"},
      {{"training.batch=72", rows},
       "{at_step = 3, set = {batch = 0}}, {at_accuracy = 0.5, set = {project = \"keep\"}}",
       "2: the order in which project, the rule and batch change is not known before the run"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.tables);
    std::vector<std::string> sets = c.sets;
    sets.push_back(change(c.tables));
    const std::string said = refusal(sets);
    CHECK_MESSAGE(said.find("training.change " + c.end) != std::string::npos, said);
  }
  CHECK(refusal({"measure.every=2", change("{at_step = 3, set = {project = \"keep\"}}")})
            .find("training.project: a projected update needs eigenvectors of every step") != std::string::npos);
  // Control: neighbours of these are accepted.
  const auto accepted = [&](std::vector<std::string> sets, const std::string& tables) {
    sets.push_back(change(tables));
    return refusal(sets) == "accepted";
  };
  CHECK(accepted({}, "{at_step = 3, set = {project = \"keep\", project_most = 4}}"));
  CHECK(accepted({"training.project=keep"}, "{at_step = 3, set = {project = \"off\", rule = \"adam\"}}"));
  CHECK(accepted({"training.batch=72", rows},
                 "{at_step = 3, set = {project = \"remove\"}}, {at_step = 3, set = {batch = 0}}"));
  CHECK(accepted({}, "{at_step = 3, set = {project = \"keep\"}}, {at_accuracy = 0.5, set = {learning_rate = 0.2}}"));
}
