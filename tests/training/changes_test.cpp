// SPDX-License-Identifier: MIT
// Changes during a run: when they apply, to what bytes they lead, what is refused, and what is said of them.
#include "training/schedule/changes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/config_with.h"
#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/loop.h"
#include "training/rules/kind.h"
#include "training/run/config.h"
#include "training/run/fit.h"

using namespace brink;

namespace {

using brink::test::with;

/// What a config says of training, for a small network.
TrainerOptions options_of(const std::vector<std::string>& sets) {
  TrainerOptions o = trainer_options(with(sets));
  o.tracker = TrackerOptions{.top = 1, .bottom = 1, .cold_check = 5, .budget = 60, .max_basis = 24};
  o.batch = {};
  return o;
}

struct Bench {
  const support::Network n{{.samples = 200, .dtype = Dtype::f32}};
  Device device;
  std::unique_ptr<Trainer> make(const TrainerOptions& o) {
    return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), o, n.theta.view());
  }
  std::unique_ptr<Trainer> make(const std::vector<std::string>& sets) { return make(options_of(sets)); }
};

/// The cells of all columns but the threshold, which only a run with changes has.
std::string common_text(const Trainer& trainer, const Row& row) {
  std::string out;
  for (const Column& c : trainer.columns())
    if (c.name != "threshold") out += support::text_of(row[c.name]) + ",";
  return out;
}

/// The state of one trainer in the parts that another one has; what only the other has stays as it is there.
SavedState transferred(Device& device, Trainer& from, Trainer& to) {
  const SavedState saved = save_state(device, from);
  SavedState out = save_state(device, to);
  for (auto& part : out.parts)
    if (const auto at = saved.parts.find(part.first); at != saved.parts.end()) {
      if (const auto* tensor = std::get_if<Array>(&at->second))
        part.second = to_host(device, tensor->view());
      else
        std::visit(
            [&]<class T>(const T& x) {
              if constexpr (!std::is_same_v<T, Array>) part.second = x;
            },
            at->second);
    }
  return out;
}

std::string refusal(const std::vector<std::string>& sets, std::optional<std::string> events = {}) {
  try {
    (void)load_config({.file = "", .sets = sets, .flags = {}, .parent_events = std::move(events)});
  } catch (const UsageError& e) { return e.what(); }
  return "accepted";
}

constexpr const char* events_text =
    "entry,resolution,length,long,open,peak_step,peak_surplus,crossing_count,crossings\n"
    "10,30,20,1,0,15,1.5,2,10 14\n"
    "40,44,4,0,0,41,0.5,1,40\n"
    "390,401,11,1,1,395,0.5,1,390\n";

std::string damage_of(const std::string& events) {
  try {
    parse_events(events, "p/events.csv");
  } catch (const DataError& e) { return e.what(); }
  return "accepted";
}

}  // namespace

TEST_CASE("a change at step t equals a run that was restored at t with the new value, to the bytes") {
  struct Case {
    std::vector<std::string> before, after;
    std::string set;
  };
  const Case cases[] = {
      {{"training.learning_rate=0.5"}, {"training.learning_rate=1.25"}, "learning_rate = 1.25"},
      {{"training.rule=momentum", "training.learning_rate=0.3"},
       {"training.rule=momentum", "training.momentum=0.5", "training.learning_rate=0.3"},
       "momentum = 0.5"},
      {{"training.learning_rate=0.3"},
       {"training.rule=momentum", "training.momentum=0.8", "training.learning_rate=0.3"},
       "rule = \"momentum\", momentum = 0.8"},
      {{"training.learning_rate=0.5"},
       {"training.learning_rate=0.5", "training.schedule=step", "training.drop_every=9"},
       "schedule = \"step\", drop_every = 9"},
  };
  Bench bench;
  for (const Case& c : cases) {
    CAPTURE(c.set);
    constexpr int at = 13;
    std::vector<std::string> sets = c.before;
    sets.push_back("training.change=[{at_step = 13, set = {" + c.set + "}}]");
    const auto changed = bench.make(sets), parent = bench.make(c.before), unchanged = bench.make(c.before);
    for (int t = 0; t < at; ++t) {
      const std::string row = common_text(*changed, changed->step());
      CHECK(row == common_text(*parent, parent->step()));
      unchanged->step();
    }
    CHECK_FALSE(changed->changes().applied_at(0));
    const auto restored = bench.make(c.after);
    restore_state(bench.device, *restored, transferred(bench.device, *parent, *restored));
    bool differs = false;
    for (int t = at; t < 35; ++t) {
      CAPTURE(t);
      const std::string row = common_text(*changed, changed->step());
      REQUIRE(row == common_text(*restored, restored->step()));
      CHECK(changed->seen().threshold == restored->seen().threshold);
      differs = differs || row != common_text(*unchanged, unchanged->step());
    }
    CHECK(differs);  // control: the change changes something
    CHECK(changed->changes().applied_at(0) == at);
  }
}

TEST_CASE("another key of the same rule keeps its vectors; without that the run goes on to other bytes") {
  Bench bench;
  const std::vector<std::string> sets{"training.rule=momentum", "training.learning_rate=0.3",
                                      "training.change=[{at_step = 13, set = {momentum = 0.5}}]"};
  TrainerOptions kept = options_of(sets), lost = kept;
  REQUIRE(kept.changes.at(0).keeps_vectors);
  lost.changes.at(0).keeps_vectors = false;
  const auto a = bench.make(kept), b = bench.make(lost);
  for (int t = 0; t < 13; ++t) CHECK(common_text(*a, a->step()) == common_text(*b, b->step()));
  a->step(), b->step();
  CHECK(support::text_of(a->step()["digest"]) != support::text_of(b->step()["digest"]));
}

TEST_CASE("a change at an accuracy applies at the step after the first one that exceeds it") {
  Bench bench;
  const auto plain = bench.make({"training.learning_rate=0.5"});
  std::vector<double> accuracy;
  for (int t = 0; t < 60; ++t) accuracy.push_back(*plain->step().number("train_accuracy"));
  const double goal = accuracy[0] + (*std::ranges::max_element(accuracy) - accuracy[0]) / 2;
  const auto first = std::ranges::find_if(accuracy, [&](double x) { return x > goal; }) - accuracy.begin();
  REQUIRE(first > 0);
  REQUIRE(first < 58);
  const auto text = [](double x) { return number_text(x); };
  const auto run = bench.make({"training.learning_rate=0.5",
                               "training.change=[{at_accuracy = " + text(goal) + ", set = {learning_rate = 0.125}}]"});
  for (std::int64_t t = 0; t < 60; ++t) {
    const Row& row = run->step();
    CHECK(row.number("learning_rate") == (t <= first ? 0.5 : 0.125));
    CHECK(row.number("threshold") == (t <= first ? 4.0 : 16.0));
  }
  CHECK(run->changes().applied_at(0) == first + 1);
  // Not "at least": at exactly the largest accuracy it never applies.
  const auto never =
      bench.make({"training.learning_rate=0.5",
                  "training.change=[{at_accuracy = " + text(std::min(*std::ranges::max_element(accuracy), 0.999)) +
                      ", set = {learning_rate = 0.125}}]"});
  for (int t = 0; t < 60; ++t) never->step();
  CHECK_FALSE(never->changes().applied_at(0));
}

TEST_CASE("a state saved before, at and after changes goes on to the same bytes") {
  Bench bench;
  const std::vector<std::string> sets{
      "training.learning_rate=0.3", "training.complete_accuracy=1",
      "training.change=[{at_step = 10, set = {rule = \"momentum\"}}, {at_step = 16, set = {momentum = 0.4}},"
      " {at_accuracy = 0.3, set = {learning_rate = 0.2}}]"};
  const auto whole = bench.make(sets);
  std::vector<std::string> rows;
  std::vector<SavedState> states;
  for (int t = 0; t < 40; ++t) {
    states.push_back(save_state(bench.device, *whole));
    rows.push_back(support::text_of(whole->step()));
  }
  REQUIRE(whole->changes().applied_at(2));
  for (const std::size_t from : {0, 4, 9, 10, 11, 15, 16, 17, 30}) {
    CAPTURE(from);
    const auto resumed = bench.make(sets);
    restore_state(bench.device, *resumed, states[from]);
    for (std::size_t t = from; t < rows.size(); ++t) REQUIRE(support::text_of(resumed->step()) == rows[t]);
    for (std::size_t i = 0; i < 3; ++i) CHECK(resumed->changes().applied_at(i) == whole->changes().applied_at(i));
  }
  // Control: without the list of what is due the accuracy is not remembered.
  SavedState lost = save_state(bench.device, *whole);
  for (auto& [name, value] : lost.parts)
    if (name == "changes/due") value = std::vector<std::int64_t>{-1, -1, -1};
  const auto wrong = bench.make(sets);
  restore_state(bench.device, *wrong, lost);
  CHECK(support::text_of(wrong->step()) != support::text_of(whole->step()));
}

TEST_CASE("changes that contradict each other, or the run, are refused with what to do") {
  const auto change = [](const std::string& tables) { return "training.change=[" + tables + "]"; };
  struct Case {
    std::string tables, message;
  };
  const Case cases[] = {
      {"{set = {learning_rate = 1.0}}",
       "training.change 1: expected exactly one of at_step, at_accuracy and before_resolution, got none"},
      {"{at_step = 3, at_accuracy = 0.5, set = {learning_rate = 1.0}}",
       "training.change 1: expected exactly one of at_step, at_accuracy and before_resolution, got 2"},
      {"{at_step = 3}", "training.change 1: expected set = { … }, the keys of [training] that change"},
      {"{at_step = 3, set = {}}",
       "training.change 1: set: expected keys of [training], such as { learning_rate = 0.05 }"},
      {"{at_step = 3, sets = {learning_rate = 1.0}}",
       "training.change 1: unknown key sets; a change has at_step or at_accuracy or before_resolution, and set"},
      {"3", "training.change 1: expected a table, got the integer 3"},
      {"{at_step = 3.5, set = {learning_rate = 1.0}}",
       "training.change 1: at_step: expected an integer, got the float 3.5"},
      {"{at_step = 0, set = {learning_rate = 1.0}}",
       "training.change 1: at_step: step 0 is not after the start; a setting that applies from step 0 on belongs in "
       "[training]"},
      {"{at_step = 400, set = {learning_rate = 1.0}}",
       "training.change 1: at_step: step 400 is at or beyond the end of the run: expected less than training.steps = "
       "400"},
      {"{at_accuracy = 1, set = {learning_rate = 1.0}}",
       "training.change 1: at_accuracy: expected a number of at least 0 and below 1, got the integer 1"},
      {"{at_step = 3, set = {learning_rate = 0}}",
       "training.change 1: set: learning_rate: expected a finite number above 0, got the integer 0"},
      {"{at_step = 3, set = {learning_rat = 1.0}}",
       "training.change 1: set: learning_rat: unknown key training.learning_rat; the nearest is "
       "training.learning_rate"},
      {"{at_step = 3, set = {steps = 100}}",
       "training.change 1: set: steps: cannot change during a run: it is the length of the whole run"},
      {"{at_step = 3, set = {loss = \"mse\"}}",
       "training.change 1: set: loss: cannot change during a run: another loss is another function to minimise, and "
       "so another run"},
      {"{at_step = 3, set = {seed = 1}}",
       "training.change 1: set: seed: cannot change during a run: it decides the parameters at step 0"},
      {"{at_step = 3, set = {warmup = 1}}",
       "training.change 1: set: warmup: cannot change during a run: it counts from step 0"},
      {"{at_step = 3, set = {momentum = 0.5}}",
       "training.change 1: set: momentum: has no meaning for training.rule = \"gd\""},
      {"{at_step = 3, set = {drop_every = 5}}",
       "training.change 1: set: drop_every: has no meaning for training.schedule = \"constant\""},
      {"{at_step = 3, set = {rule = \"gd\"}}",
       "training.change 1: set: rule: is \"gd\" already at that moment; leave it out"},
      {"{at_step = 3, set = {learning_rate = 0.1}}",
       "training.change 1: set: learning_rate: is 0.1 already at that moment; leave it out"},
      {"{at_step = 3, set = {learning_rate = 0.2}}, {at_step = 5, set = {learning_rate = 0.2}}",
       "training.change 2: set: learning_rate: is 0.2 already at that moment; leave it out"},
      {"{at_step = 3, set = {schedule = \"constant\"}}",
       "training.change 1: set: schedule: is \"constant\" already at that moment; leave it out"},
      {"{at_step = 3, set = {divergence_loss = inf}}",
       "training.change 1: set: divergence_loss: is inf already at that moment; leave it out"},
      {"{at_step = 3, set = {weight_decay = 0}}",
       "training.change 1: set: weight_decay: is 0.0 already at that moment; leave it out"},
      {"{at_step = 3, set = {learning_rate = 0.2}}, {at_step = 3, set = {learning_rate = 0.3}}",
       "training.change 2: learning_rate: training.change 1 sets it at the same moment; keep one of them"},
      {"{at_accuracy = 0.5, set = {learning_rate = 0.2}}, {at_accuracy = 0.5, set = {learning_rate = 0.3}}",
       "training.change 2: learning_rate: training.change 1 sets it at the same moment; keep one of them"},
      {"{at_step = 3, set = {learning_rate = 0.2}}, {at_accuracy = 0.5, set = {schedule = \"cosine\"}}",
       "training.change 2: changes the learning rate or its schedule as training.change 1 does, and which of them "
       "applies last is not known before the run; give both at_step or both at_accuracy"},
      {"{at_accuracy = 0.5, set = {rule = \"momentum\"}}, {at_step = 3, set = {momentum = 0.5}}",
       "training.change 2: changes the update rule or its keys as training.change 1 does, and which of them applies "
       "last is not known before the run; give both at_step or both at_accuracy"},
      {"{at_step = 3, set = {schedule = \"step\", drop_every = 1, drop_factor = 1e-30}}",
       "training.change 1: the learning rate does not stay a positive, finite number until the end of the run"},
      {"{before_resolution = {steps = 3, instability = 1}, set = {learning_rate = 0.2}}",
       "training.change 1: before_resolution: has a meaning only in a fork, whose parent has found the instabilities; "
       "use brink fork, or at_step"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.tables);
    CHECK(refusal({change(c.tables)}) == "--set " + change(c.tables) + ": " + c.message);
  }
  CHECK(refusal({"model.name=dln", change("{at_accuracy = 0.5, set = {learning_rate = 1.0}}")})
            .find("a network without data has no accuracy; use at_step") != std::string::npos);
  CHECK(refusal({"training.complete_accuracy=0.9", change("{at_accuracy = 0.9, set = {learning_rate = 1.0}}")})
            .find("expected less than training.complete_accuracy = 0.9, at which the run is complete") !=
        std::string::npos);
  // Control: neighbours of these are accepted.
  for (const char* right :
       {"{at_step = 399, set = {learning_rate = 1}}", "{at_step = 3, set = {rule = \"momentum\", weight_decay = 0}}",
        "{at_step = 3, set = {learning_rate = 0.2}}, {at_step = 5, set = {learning_rate = 0.1}}",
        "{at_step = 3, set = {learning_rate = 0.2}}, {at_step = 4, set = {learning_rate = 0.3}}",
        "{at_step = 3, set = {learning_rate = 0.2}}, {at_step = 3, set = {rule = \"momentum\"}}",
        "{at_step = 3, set = {rule = \"momentum\"}}, {at_accuracy = 0.5, set = {learning_rate = 0.2}}",
        "{at_step = 9, set = {momentum = 0.5}}, {at_step = 3, set = {rule = \"momentum\"}}",
        "{at_accuracy = 0, set = {divergence_loss = 10}}"})
    CHECK(refusal({change(right)}) == "accepted");
}

TEST_CASE("a wrong change in a file is refused with its line and column") {
  test::TemporaryFolder folder;
  const std::string file = folder / "c.toml";
  struct Case {
    std::string_view text, begin;
  };
  const Case cases[] = {
      {"[[training.change]]\nat_step = 3\nset = { learning_rate = 0.2, rule = \"none\" }\n", "3:37: "},
      {"[[training.change]]\nat_step = 3\nset = { seed = 3, learning_rate = -1 }\n", "3:16: "},
      {"[training]\nsteps = 50\n[[training.change]]\nat_step = 20\nset = { learning_rate = 0.2 }\n"
       "[[training.change]]\nat_step = 60\nset = { learning_rate = 0.3 }\n",
       "7:11: training.change 2: at_step: step 60 is at or beyond the end"},
      {"[training]\nchange = 3\n", "2:10: training.change: expected tables [[training.change]], got the integer 3"},
      {"[training.change]\nat_step = 3\n", "training.change: expected tables [[training.change]], got a table"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    test::write_text(file, c.text);
    std::string message = "accepted";
    try {
      (void)load_config({file, {}, {}});
    } catch (const UsageError& e) { message = e.what(); }
    CHECK_MESSAGE(message.find(c.begin) != std::string::npos, message);
    CHECK(message.starts_with(file + ":"));
  }
}

TEST_CASE("changes are written, read back, and have one hash in whatever order they were given") {
  test::TemporaryFolder folder;
  const std::string a = "{at_step = 10, set = {rule = \"momentum\", momentum = 0.5}}",
                    b = "{at_step = 20, set = {learning_rate = 0.05}}",
                    c = "{at_accuracy = 0.9, set = {divergence_loss = 9}}";
  const Config one = with({"training.change=[" + a + "," + b + "," + c + "]"}),
               other = with({"training.change=[" + c + "," + b + "," + a + "]"});
  CHECK(config_hash(one) == config_hash(other));
  CHECK(config_hash(one) != config_hash(with({"training.change=[" + a + "," + b + "]"})));
  CHECK(to_toml(one).find(
            "change = [{ at_step = 10, set = { rule = \"momentum\", momentum = 0.5 } }, { at_step = 20, "
            "set = { learning_rate = 0.05 } }, { at_accuracy = 0.9, set = { divergence_loss = 9.0 } }]\n") !=
        std::string::npos);
  test::write_text(folder / "config.toml", to_toml(one));
  const Config again = load_config({folder / "config.toml", {}, {}});
  CHECK(to_toml(again) == to_toml(one));
  // An argument replaces the list of the file.
  CHECK(load_config({folder / "config.toml", {"training.change=[" + b + "]"}, {}}).training.changes.size() == 1);
  CHECK(load_config({folder / "config.toml", {"training.change=[]"}, {}}).training.changes.empty());
  CHECK(with({}).training.changes.empty());
}

TEST_CASE("before_resolution is resolved by the events of a fork's parent") {
  const auto change = [](const std::string& of, const std::string& more = "") {
    return std::vector<std::string>{"training.change=[{before_resolution = " + of + ", set = {learning_rate = 0.2}}" +
                                    more + "]"};
  };
  const Config c = load_config(
      {.file = "", .sets = change("{steps = 3, instability = 2}"), .flags = {}, .parent_events = events_text});
  CHECK(c.training.changes.at(0)->at_step == 41);
  CHECK(to_toml(c).find("at_step = 41") != std::string::npos);
  CHECK(step_before_resolution(events_text, 3, 1) == 27);
  const auto all = parse_events(events_text);
  REQUIRE(all.size() == 3);
  CHECK(all[0].entry == 10);
  CHECK(all[0].is_long);
  CHECK(all[2].open);
  CHECK(refusal(change("{steps = 3, instability = 4}"), events_text)
            .ends_with("before_resolution: instability 4: the parent's events.csv has 3"));
  CHECK(refusal(change("{steps = 3, instability = 3}"), events_text)
            .ends_with("before_resolution: instability 3 was still open when the parent ended at step 400: it has no "
                       "resolution; choose another"));
  CHECK(refusal(change("{steps = 30, instability = 1}"), events_text).find("step 0 is not after the start") !=
        std::string::npos);
  CHECK(refusal(change("{steps = 0, instability = 1}"), events_text).find("both at least 1") != std::string::npos);
  CHECK(refusal(change("{steps = 3, number = 1}"), events_text).find("number is unknown") != std::string::npos);
  // The resolved step takes part in the comparison.
  CHECK(refusal(change("{steps = 3, instability = 1}", ", {at_step = 27, set = {learning_rate = 0.3}}"), events_text)
            .find("sets it at the same moment") != std::string::npos);
  const std::string advice = "; the file is damaged: restore it from a copy",
                    header =
                        ": line 1: expected the header "
                        "entry,resolution,length,long,open,peak_step,peak_surplus,crossing_count,crossings, found ";
  CHECK(damage_of("a,b\n") == "p/events.csv" + header + "\"a,b\"" + advice);
  CHECK(damage_of("") == "p/events.csv" + header + "nothing" + advice);
  const auto row = [](const std::string& text) { return damage_of(std::string(events_text) + text); };
  const std::string line = "p/events.csv: line 5: expected ";
  CHECK(row("5,x,") == line + "an integer in the column resolution, found \"x\"" + advice);
  CHECK(row("5") == line + "an integer in the column resolution, found nothing" + advice);
  CHECK(row("5,7,3,") == line + "the length resolution − entry, 2" + advice);
  CHECK(row("5,7,2,0,0,6,y,") == line + "a number in the column peak_surplus, found \"y\"" + advice);
  CHECK_THROWS_WITH_AS(parse_events("a\xff"), doctest::Contains("found \"a\\xff\"; the file is damaged"), DataError);
}

TEST_CASE("the events that a run writes are those that are read") {
  const test::SmallRun run(
      {"training.learning_rate=1.5", "data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=40"});
  const auto events = parse_events(run.read("events.csv"));
  REQUIRE_FALSE(events.empty());
  std::string again = events_header();
  for (const Instability& i : events) again += events_row(i);
  const std::string text = run.read("events.csv");
  CHECK(again.substr(0, again.find('\n', again.find('\n') + 1))
            .starts_with(text.substr(0, text.find('\n') + 1 + text.substr(text.find('\n') + 1).find(",0,"))));
}

TEST_CASE("a run records its changes, shows them, and draws the threshold of each step") {
  const std::vector<std::string> sets{
      "training.learning_rate=1.5",
      "data.train=200",
      "data.test=100",
      "model.hidden=[16,12]",
      "training.steps=30",
      ("training.change=[{at_step = 12, set = {learning_rate = 0.75}}, {at_accuracy = 0.9999, set = {rule = "
       "\"momentum\"}}]")};
  const test::SmallRun run(sets), three(sets, {{"threads", "3"}, {"chunk", "128"}});
  CHECK(run.digest("metrics.csv") == three.digest("metrics.csv"));
  const auto json = nlohmann::json::parse(run.read("run.json"));
  REQUIRE(json.at("changes").size() == 2);
  CHECK(json["changes"][0]["step"] == 12);
  CHECK(json["changes"][0]["set"]["learning_rate"] == 0.75);
  CHECK(json["changes"][1]["step"].is_null());
  CHECK(json["changes"][1]["at_accuracy"] == 0.9999);
  const auto lambda = std::ranges::find_if(json.at("columns"), [](const auto& c) { return c["name"] == "lambda_1"; });
  CHECK(lambda->at("reference") == "threshold");
  CHECK_FALSE(lambda->contains("reference_name"));  // two rules with different thresholds
  const test::SmallRun plain(
      {"training.learning_rate=1.5", "data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=30"});
  CHECK_FALSE(nlohmann::json::parse(plain.read("run.json")).contains("changes"));
  CHECK(plain.read("metrics.csv").find("threshold") == std::string::npos);
}
