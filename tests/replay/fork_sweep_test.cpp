// SPDX-License-Identifier: MIT
// The list of a sweep whose runs are forks: origins, factors, hashes, and what is refused before anything is made.
// The processes are tested by tests/command/sweep_test.py.
#include "tests/replay/replay_runs.h"
#include "training/events.h"
#include "training/run/folder.h"
#include "training/sweep/plan.h"

using namespace brink;
using namespace brink::test;
using sweep::Plan;

namespace {

using Texts = std::vector<std::string>;

/// A folder with a parent and the file of a sweep.
struct Place {
  TemporaryFolder folder;
  explicit Place(const Sets& sets = {}) { REQUIRE(run(folder / "parent", small_mlp(sets)) == ExitCode::done); }

  std::string write(const std::string& text) const {
    write_text(folder / "s.toml", text);
    return folder / "s.toml";
  }
  Plan plan(const std::string& text, const Sets& sets = {}) const { return Plan(write(text), sets); }
  Texts texts(const std::string& text, const Sets& sets = {}) const {
    const Plan listed = plan(text, sets);
    Texts out;
    for (std::size_t i = 0; i < listed.tasks(); ++i) out.push_back(text_of(listed.first(i)));
    return out;
  }
  /// The exit code and the message, without the name of the folder.
  Refusal refusal_of(const std::string& text, const Sets& sets = {}) const {
    Refusal refused = refusal([&] { (void)plan(text, sets); });
    const std::string name = folder / "";
    for (std::size_t at; (at = refused.message.find(name)) != std::string::npos;)
      refused.message.erase(at, name.size());
    return refused;
  }
};

const std::string at_17 = "[sweep.fork]\nparent = \"parent\"\nat_step = 17\n";

}  // namespace

TEST_CASE("sweep of forks: origins vary slowest, and each fork is the one that brink fork makes") {
  const Place place;
  const std::string rates = "[sweep]\n\"training.learning_rate\" = [0.1, 0.2]\n";
  CHECK(place.texts(rates + "fork = {parent = \"parent\", at_step = [17, 5]}\n") ==
        Texts{"at_step=17, learning_rate=0.1", "at_step=17, learning_rate=0.2", "at_step=5, learning_rate=0.1",
              "at_step=5, learning_rate=0.2"});
  CHECK(place.texts(at_17) == Texts{"at_step=17"});

  const Plan plan = place.plan("[measure]\ntop = 3\n" + rates + at_17, {"training.steps=30"});
  CHECK(plan.keys() == Texts{"fork.at_step", "training.learning_rate"});
  REQUIRE(plan.tasks() == 2);
  Said said;
  const std::string by_hand = place.folder / "hand";
  REQUIRE(fork_run({place.folder / "parent",
                    17,
                    {"training.learning_rate=0.2", "training.steps=30", "measure.top=3"},
                    {},
                    by_hand},
                   said.console())
              .code == ExitCode::done);
  CHECK(plan.first(1).hash == config_hash(load_config({by_hand + "/config.toml", {}, {}})));
  CHECK(plan.first(0).hash != plan.first(1).hash);

  // The config of the list makes the fork by itself, once and without checkpoints twice.
  const std::string folder = place.folder / "listed";
  REQUIRE(train_fork(plan.first(1).config, {folder}, said.console()) == ExitCode::done);
  const auto same = [&] {
    CHECK(read_text(folder + "/metrics.csv") == read_text(by_hand + "/metrics.csv"));
    CHECK(read_text(folder + "/events.csv") == read_text(by_hand + "/events.csv"));
  };
  same();
  std::filesystem::remove_all(folder + "/checkpoints");
  std::string record = read_text(folder + "/run.json");
  write_text(folder + "/run.json", record.replace(record.find("finished"), 8, "running"));
  REQUIRE(RunFolder::look(folder) == RunFolder::Opened::unfinished);
  REQUIRE(train_fork(plan.first(1).config, {folder, true}, said.console()) == ExitCode::done);
  same();
  CHECK(list_checkpoints(folder).good.front().step == 17);
}

TEST_CASE("sweep of forks: factors on the parent's value, before a resolution, and several parents") {
  const Place place;
  const std::vector<Instability> events = parse_events(read_text(place.folder / "parent/events.csv"));
  const std::string at = std::to_string(events.at(1).resolution - 3);
  CHECK(place.texts("[sweep.fork]\nparent = \"parent\"\nbefore_resolution = {steps = 3, instability = 2}\n"
                    "[sweep.scale]\n\"training.learning_rate\" = [0.5, 1, 1.5]\n") ==
        Texts{"at_step=" + at + ", learning_rate=0.15", "at_step=" + at + ", learning_rate=0.3",
              "at_step=" + at + ", learning_rate=0.45"});
  REQUIRE(run(place.folder / "other", small_mlp({"training.learning_rate=0.2", "run.threads=1"})) == ExitCode::done);
  const std::string two =
      "[sweep.fork]\nparent = [\"parent\", \"other/\"]\nat_step = 9\n[sweep.scale]\n"
      "\"training.learning_rate\" = {from = 1, to = 2, factor = 2}\n\"training.steps\" = 0.5\n";
  CHECK(place.texts(two) == Texts{"parent=parent, at_step=9, learning_rate=0.3, steps=20",
                                  "parent=parent, at_step=9, learning_rate=0.6, steps=20",
                                  "parent=other/, at_step=9, learning_rate=0.2, steps=20",
                                  "parent=other/, at_step=9, learning_rate=0.4, steps=20"});
  const Plan plan = place.plan(two);
  CHECK(plan.keys() == Texts{"fork.parent", "fork.at_step", "training.learning_rate", "training.steps"});
  CHECK(plan.first(3).config.run.threads == 0);  // shared out between the jobs
  CHECK(plan.first(3).config.fork->parent == place.folder / "other");
  // Without a fork the factors are on the file's value.
  CHECK(place.texts("[training]\nlearning_rate = 0.2\n[sweep]\nscale = {\"training.learning_rate\" = [0.5, 3]}\n") ==
        Texts{"learning_rate=0.1", "learning_rate=0.6"});
}

TEST_CASE("sweep of forks: what is wrong is said in one line before anything is made") {
  const Place place;
  REQUIRE(run(place.folder / "minibatches", small_mlp({"training.rule=sgd", "training.batch=128"})) == ExitCode::done);
  REQUIRE(run(place.folder / "changing", small_mlp({"training.change=[{at_step=12,set={learning_rate=0.2}}]"})) ==
          ExitCode::done);
  const std::string fork = "[sweep.fork]\nparent = \"parent\"\n",
                    rate = "[sweep]\n\"training.learning_rate\" = [0.1]\n";
  struct Case {
    std::string text;
    ExitCode code;
    std::string message;  // its beginning
  };
  const Case cases[] = {
      {"[sweep]\nfork = 3\n", ExitCode::usage, "s.toml:2:8: sweep.fork: expected a table, got the integer 3"},
      {"[sweep.fork]\nat_step = 3\n", ExitCode::usage,
       "s.toml:1:8: sweep.fork: expected parent, the folder of a run, found none"},
      {fork, ExitCode::usage, "s.toml:1:8: sweep.fork: expected either at_step or before_resolution, found neither"},
      {fork + "at_step = 3\nbefore_resolution = {steps = 3, instability = 1}\n", ExitCode::usage,
       "s.toml:1:8: sweep.fork: expected either at_step or before_resolution, found both"},
      {fork + "at_stop = 3\n", ExitCode::usage,
       "s.toml:3:1: fork: expected parent, and at_step or before_resolution, found at_stop"},
      {fork + "at_step = [3, -1]\n", ExitCode::usage,
       "s.toml:3:15: fork.at_step: expected a step, an integer of at least 0, or a list of them, got the integer -1"},
      {fork + "at_step = []\n", ExitCode::usage, "s.toml:3:11: fork.at_step: expected a step"},
      {"[sweep.fork]\nparent = 3\nat_step = 3\n", ExitCode::usage,
       "s.toml:2:10: fork.parent: expected the folder of a run, or a list of them, got the integer 3"},
      {fork + "before_resolution = {steps = 3}\n", ExitCode::usage,
       "s.toml:3:21: fork.before_resolution: expected {steps, instability}; there is no instability"},
      {fork + "before_resolution = {steps = 0, instability = 1}\n", ExitCode::usage,
       "s.toml:3:30: fork.before_resolution: steps: expected an integer from 1 to "},
      {fork + "before_resolution = {steps = 1, instability = 99}\n", ExitCode::usage,
       "s.toml:3:21: before_resolution: instability 99: parent has "},
      {"[sweep]\n\"fork.at_step\" = [3]\n", ExitCode::usage,
       "s.toml:2:1: fork.at_step: expected it in a table [sweep.fork]"},
      {"[sweep.fork]\nparent = \"nowhere\"\nat_step = 3\n", ExitCode::bad_data,
       "s.toml:2:10: fork.parent: nowhere is not the folder of a run; a relative path begins at the folder of s.toml"},
      {fork + "at_step = 41\n", ExitCode::usage,
       "s.toml:3:11: fork.at_step 41: expected a step from 0 to 40, the last one of parent; a fork at step 40 with "
       "--set training.steps=… goes on beyond it"},
      {"[sweep.fork]\nparent = \"minibatches\"\nat_step = 3\n", ExitCode::usage,
       "s.toml:3:11: fork.at_step 3: minibatches has no row of this step, because of measure.row_every; choose a step "
       "that has one, such as 2"},
      {"[data]\ntrain = 40\n" + at_17, ExitCode::usage,
       "s.toml:2:1: data.train: a fork has its parent's data, because its state belongs to them; a fork may change "},
      {"[sweep]\n\"model.hidden\" = [[8]]\n" + at_17, ExitCode::usage,
       "s.toml:2:1: model.hidden: a fork has its parent's network"},
      {"[run]\nprecision = \"float64\"\n" + at_17, ExitCode::usage,
       "s.toml:2:1: run.precision: a fork has its parent's"},
      {"[fork]\nat_step = 3\n" + at_17, ExitCode::usage,
       "s.toml:2:1: fork.at_step: brink fork writes this table itself"},
      {"[training]\nsteps = 10\n" + at_17, ExitCode::usage,
       "training.steps = 10: expected at least 17, the step at which the fork begins"},
      {rate + "[sweep.fork]\nparent = \"changing\"\nat_step = 20\n", ExitCode::usage,
       "changing has changes during the run"},
      {"[sweep]\nscale = 3\n", ExitCode::usage,
       "s.toml:2:9: sweep.scale: expected a table of keys with lists of factors, got the integer 3"},
      {"[sweep.scale]\n\"training.rule\" = [2]\n", ExitCode::usage,
       "s.toml:2:1: sweep.scale: training.rule: expected a key with a number in every run, found \"gd\""},
      {"[sweep.scale]\n\"training.momentum\" = [2]\n", ExitCode::usage,
       "s.toml:2:1: sweep.scale: training.momentum: expected a key with a number in every run, found no value"},
      {"[sweep.scale]\n\"training.learning_rate\" = [\"x\"]\n", ExitCode::usage,
       "s.toml:2:29: sweep.scale: training.learning_rate: expected a factor, got \"x\""},
      {"[sweep.scale]\n\"training.seed\" = [2]\n[sweep.training]\nseed = [1]\n", ExitCode::usage,
       "s.toml:4:1: training.seed: is swept already, at s.toml:2:1"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Refusal refused = place.refusal_of(c.text);
    CHECK(refused.code == c.code);
    CHECK(refused.message.substr(0, c.message.size()) == c.message);
    CHECK(refused.message.find('\n') == std::string::npos);
  }
  CHECK(place.refusal_of(at_17, {"model.hidden=[8]"}).message.starts_with("--set model.hidden=[8]: a fork has"));
  CHECK(place.refusal_of(at_17, {"training.steps=30"}).message == "not refused");

  // In use by another process, as the lock of its folder says, and free again.
  {
    const RunFolder open = RunFolder::open(place.folder / "busy", false);
    write_text(place.folder / "busy/metrics.csv", "step\n");
    const Refusal refused = place.refusal_of("[sweep.fork]\nparent = \"busy\"\nat_step = 3\n");
    CHECK(refused.code == ExitCode::bad_data);
    CHECK(refused.message ==
          "s.toml:2:10: fork.parent: busy is in use by another process; wait until the run has ended, or "
          "stop it");
  }
}

TEST_CASE("a config with [fork] needs the parent that it names") {
  const Place place;
  const Plan plan = place.plan(at_17);
  Config config = plan.first(0).config;
  Said said;
  const auto refused = [&](const std::string& part) {
    const Refusal refused = refusal([&] { (void)train_fork(config, {place.folder / "x"}, said.console()); });
    CHECK((refused.code == ExitCode::bad_data || refused.code == ExitCode::usage));
    CHECK_MESSAGE(refused.message.find(part) != std::string::npos, refused.message);
    CHECK_FALSE(std::filesystem::exists(place.folder / "x"));
  };
  config.fork->digest = std::string(32, '0');
  refused("expected parameters with the digest 00000000000000000000000000000000, found ");
  config = plan.first(0).config;
  config.fork->parent_hash = "0123456789abcdef";
  refused("is not the parent, because its settings have the hash ");
  config = plan.first(0).config;
  config.fork->parent = place.folder / "nowhere";
  refused("is not there; brink fork makes it: give its parent");
  config = plan.first(0).config;
  CHECK(train_fork(config, {place.folder / "x"}, said.console()) == ExitCode::done);
}
