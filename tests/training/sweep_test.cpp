// SPDX-License-Identifier: MIT
// The list of a sweep: products, lists that vary together, grids, seeds, searches, runs that are the same, and what is refused.
// The processes are tested by tests/command/sweep_test.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/sweep/geometric.h"
#include "training/sweep/plan.h"

using namespace brink;
using namespace brink::sweep;

namespace {

using Texts = std::vector<std::string>;

struct File {
  test::TemporaryFolder folder;
  std::string path = folder / "s.toml";
  explicit File(std::string_view text) { test::write_text(path, text); }
};

Texts texts_of(const Plan& plan) {
  Texts out;
  for (std::size_t i = 0; i < plan.tasks(); ++i) out.push_back(text_of(plan.first(i)));
  return out;
}
Texts texts(std::string_view file, const Texts& sets = {}) { return texts_of(Plan(File(file).path, sets)); }

/// The message without the file's name.
std::string message_of(std::string_view text, const Texts& sets = {}) {
  const File file(text);
  try {
    const Plan plan(file.path, sets);
  } catch (const UsageError& e) {
    std::string out = e.what();
    for (std::size_t at; (at = out.find(file.path)) != std::string::npos;) out.replace(at, file.path.size(), "s.toml");
    return out;
  }
  return "accepted";
}

/// The values that a search tries if runs diverge above `edge`.
std::vector<double> tried_with_edge(const Search& search, double edge) {
  std::vector<Tried> tried;
  std::vector<double> out;
  while (const auto value = next_value(search, tried)) {
    REQUIRE(out.size() < 200);
    out.push_back(*value);
    tried.push_back({*value, *value > edge});
  }
  return out;
}

}  // namespace

TEST_CASE("sweep: products in the order of the text, the last list fastest") {
  CHECK(texts("[sweep]\n\"training.seed\" = [3, 1]\n\"training.learning_rate\" = [0.02, 0.05]\n") ==
        Texts{"seed=3, learning_rate=0.02", "seed=3, learning_rate=0.05", "seed=1, learning_rate=0.02",
              "seed=1, learning_rate=0.05"});
  const Texts one_key{"steps=5", "steps=6"};
  for (const char* text : {"[sweep]\n\"training.steps\" = [5, 6]\n", "[sweep]\ntraining.steps = [5, 6]\n",
                           "[sweep.training]\nsteps = [5, 6]\n", "sweep = {training = {steps = [5, 6]}}\n"})
    CHECK(texts(text) == one_key);
  CHECK(texts("[sweep]\n\"training.steps\" = 5\n") == Texts{"steps=5"});
  CHECK(texts("[sweep]\n\"model.hidden\" = [[8], [8, 4]]\n\"training.rule\" = [\"gd\", \"momentum\"]\n").back() ==
        "hidden=[8, 4], rule=momentum");
  // Keys of one name in two tables are told apart.
  CHECK(texts("[sweep]\n\"training.seed\" = [1]\n\"data.seed\" = [2]\n") == Texts{"training.seed=1, data.seed=2"});
}

TEST_CASE("sweep: the configs are those that the settings alone would give") {
  const File file(
      "[training]\nsteps = 7\nlearning_rate = 0.5\n[sweep]\n\"training.learning_rate\" = [0.02, 0.05]\n"
      "\"training.rule\" = [\"momentum\"]\n");
  const Plan plan(file.path, {"model.hidden=[8]"});
  REQUIRE(plan.tasks() == 2);
  const Config alone = load_config(
      {"", {"training.steps=7", "training.learning_rate=0.05", "training.rule=momentum", "model.hidden=[8]"}, {}});
  CHECK(to_toml(plan.first(1).config) == to_toml(alone));
  CHECK(plan.first(1).hash == config_hash(alone));
  CHECK(plan.first(0).hash != config_hash(alone));
  CHECK(plan.keys() == Texts{"training.learning_rate", "training.rule"});
}

TEST_CASE("sweep: lists that vary together") {
  CHECK(texts("[sweep]\n\"training.seed\" = [0, 1]\n[[sweep.zip]]\n\"training.steps\" = [5, 6]\n\"measure.top\" = [1, "
              "2]\n") ==
        Texts{"seed=0, steps=5, top=1", "seed=0, steps=6, top=2", "seed=1, steps=5, top=1", "seed=1, steps=6, top=2"});
  CHECK(texts("[[sweep.zip]]\n\"training.steps\" = [5, 6]\n[[sweep.zip]]\n\"training.seed\" = {seeds = "
              "2}\n\"measure.top\" = [1, 2]\n") ==
        Texts{"steps=5, seed=0, top=1", "steps=5, seed=1, top=2", "steps=6, seed=0, top=1", "steps=6, seed=1, top=2"});
  CHECK(message_of("[[sweep.zip]]\n\"training.steps\" = [5, 6]\n\"measure.top\" = [1, 2, 3]\n") ==
        "s.toml:3:17: measure.top: expected 2 values, as many as training.steps has, got 3");
}

TEST_CASE("sweep: geometric grids and seeds") {
  CHECK(texts("[sweep]\n\"training.learning_rate\" = {from = 0.01, to = 0.08, factor = 2}\n") ==
        Texts{"learning_rate=0.01", "learning_rate=0.02", "learning_rate=0.04", "learning_rate=0.08"});
  CHECK(texts("[sweep]\n\"training.learning_rate\" = {from = 0.1, to = 0.13, factor = 1.1}\n") ==
        Texts{"learning_rate=0.1", "learning_rate=0.11", "learning_rate=0.121"});
  CHECK(texts("[sweep]\n\"training.learning_rate\" = {from = 1, to = 100, count = 3}\n") ==
        Texts{"learning_rate=1", "learning_rate=10", "learning_rate=100"});
  CHECK(texts("[sweep]\n\"data.train\" = {from = 100, to = 800, count = 4}\n").back() == "train=800");
  CHECK(texts("[sweep]\n\"training.seed\" = {seeds = 3}\n") == Texts{"seed=0", "seed=1", "seed=2"});
  CHECK(texts("[sweep]\n\"training.seed\" = {seeds = 2, from = 10}\n") == Texts{"seed=10", "seed=11"});
  // Each value is the one next to the exact power, and both ends are met.
  const std::vector<double> grid = geometric_by_count(0.01, 7, 12);
  REQUIRE(grid.size() == 12);
  CHECK(grid.front() == 0.01);
  CHECK(grid.back() == 7);
  for (std::size_t i = 0; i < grid.size(); ++i)
    CHECK(grid[i] == doctest::Approx(0.01 * std::pow(700, static_cast<double>(i) / 11)).epsilon(1e-11));
}

TEST_CASE("sweep: runs with the same numbers are one") {
  const File file("[sweep]\n\"training.seed\" = [0, 1, 0]\n\"run.threads\" = [1, 2]\n");
  const Plan plan(file.path, {});
  CHECK(texts_of(plan) == Texts{"seed=0, threads=1", "seed=1, threads=1"});
  REQUIRE(plan.notes().size() == 4);
  CHECK(plan.notes()[0] == "left out: seed=0, threads=2 has the same numbers as seed=0, threads=1");
  std::set<std::string> hashes;
  for (std::size_t i = 0; i < plan.tasks(); ++i) hashes.insert(plan.first(i).hash);
  CHECK(hashes.size() == plan.tasks());
}

TEST_CASE("sweep: a search multiplies until runs diverge, and then bisects") {
  const Search plain{.from = 0.1, .factor = 2};
  CHECK(tried_with_edge(plain, 0.5) == std::vector<double>{0.1, 0.2, 0.4, 0.8});
  CHECK(tried_with_edge(plain, 0.01) == std::vector<double>{0.1});
  Search refined = plain;
  refined.refine = 3;
  CHECK(tried_with_edge(refined, 0.5) ==
        std::vector<double>{0.1, 0.2, 0.4, 0.8, 0.565685424949, 0.475682846001, 0.51873582186});
  CHECK(tried_with_edge(refined, 0.01) == std::vector<double>{0.1});
  Search limited = refined;
  limited.to = 0.4;
  CHECK(tried_with_edge(limited, 0.5) == std::vector<double>{0.1, 0.2, 0.4});
  CHECK(std::ssize(tried_with_edge(plain, 1e300)) == Search::most_multiplications + 1);
  // Integers are tried once each, and the search ends between two that follow each other.
  const Search integers{.from = 1, .factor = 1.3, .refine = 20, .integers = true};
  const std::vector<double> found = tried_with_edge(integers, 37);
  CHECK(std::set<double>(found.begin(), found.end()).size() == found.size());
  CHECK(std::ranges::count(found, 37.0) == 1);
  CHECK(std::ranges::count(found, 38.0) == 1);
}

TEST_CASE("sweep: the list of a search follows the ends of its runs") {
  const File file(
      "[sweep]\n\"training.seed\" = [0, 1]\nuntil_divergence = {\"training.learning_rate\" = {from = 0.1, factor = 2, "
      "refine = 1}}\n");
  const Plan plan(file.path, {});
  CHECK(plan.searches());
  CHECK(plan.keys() == Texts{"training.seed", "training.learning_rate"});
  REQUIRE(plan.tasks() == 2);
  const auto listed = [&](double edge, double missing) {
    Texts out;
    for (const Listed& l : list_runs(plan, [&](const std::string& hash) {
           for (const double rate : {0.1, 0.2, 0.4, 0.8, 0.282842712475, 0.565685424949})
             for (const int seed : {0, 1}) {
               Texts sets{"training.learning_rate=" + std::to_string(rate), "training.seed=" + std::to_string(seed)};
               sets[0] = "training.learning_rate=" + toml_text(toml::value<double>(rate));
               if (config_hash(load_config({"", sets, {}})) != hash) continue;
               if (rate == missing) return State::unfinished;
               return rate > edge ? State::diverged : State::finished;
             }
           return State::absent;
         }))
      out.push_back(text_of(l.run));
    return out;
  };
  CHECK(listed(0.3, 0) == Texts{"seed=0, learning_rate=0.1", "seed=0, learning_rate=0.2", "seed=0, learning_rate=0.4",
                                "seed=0, learning_rate=0.282842712475", "seed=1, learning_rate=0.1",
                                "seed=1, learning_rate=0.2", "seed=1, learning_rate=0.4",
                                "seed=1, learning_rate=0.282842712475"});
  // What follows a run that is not over is not known.
  CHECK(listed(0.3, 0.2) == Texts{"seed=0, learning_rate=0.1", "seed=0, learning_rate=0.2", "seed=1, learning_rate=0.1",
                                  "seed=1, learning_rate=0.2"});
  const std::vector<State> ended{State::finished, State::finished, State::diverged, State::finished};
  CHECK_FALSE(plan.next(0, ended));
  CHECK(plan.found(0, ended).stable == 0.282842712475);
  CHECK(plan.found(0, ended).diverged == 0.4);
  // A key that takes integers only.
  const File integer("[sweep]\nuntil_divergence = {\"measure.top\" = {from = 1, factor = 3, to = 20}}\n");
  const Plan tops(integer.path, {});
  CHECK(text_of(*tops.next(0, std::vector{State::finished, State::finished})) == "top=9");
}

TEST_CASE("sweep: shards share all tasks, each once") {
  for (const std::int64_t count : {1, 2, 3, 7})
    for (std::size_t task = 0; task < 20; ++task) {
      std::int64_t owners = 0;
      for (std::int64_t i = 1; i <= count; ++i) owners += Shard{i, count}.has(task);
      CHECK(owners == 1);
    }
}

TEST_CASE("sweep: what is wrong is said with its place, before anything is made") {
  constexpr const char* kinds_of_values = "{from, to, factor}, {from, to, count} or {seeds}";
  struct Case {
    std::string text, message;
  };
  const Case cases[] = {
      {"[training]\nsteps = 3\n", "s.toml: expected a table [sweep] with the keys that vary, found none"},
      {"[sweep]\n", "s.toml:1:1: [sweep]: expected at least one key that varies, found none"},
      {"sweep = 3\n", "s.toml:1:9: sweep: expected a table, got the integer 3"},
      {"[sweep]\n\"training.lerning_rate\" = [0.1]\n",
       "s.toml:2:1: unknown key training.lerning_rate; the nearest is training.learning_rate"},
      {"[sweep]\n\"trainig.steps\" = [1]\n", "s.toml:2:1: unknown table [trainig]; the nearest is [training]"},
      {"[sweep]\nsteps = [1]\n", "s.toml:2:1: unknown key steps; the nearest is training.steps"},
      {"[sweep.trainig]\nsteps = [1]\n", "s.toml:1:8: unknown table [trainig]; the nearest is [training]"},
      {"[sweep]\n\"training.seed\" = [0]\n\n\"training.learning_rate\" = [0.1, -1]\n",
       "s.toml:4:34: training.learning_rate: expected a finite number above 0, got the integer -1"},
      {"[sweep]\n\"training.rule\" = [\"gd\", 1]\n", "s.toml:2:26: training.rule: expected {rules}, got the integer 1"},
      {"[sweep]\n\"training.momentum\" = [0.5]\n",
       "s.toml:2:1: training.momentum: has no meaning for training.rule = \"gd\""},
      {"[sweep]\n\"training.steps\" = []\n",
       "s.toml:2:20: training.steps: expected at least one value, got an empty array"},
      {"[sweep]\n\"training.steps\" = [1]\n[[sweep.zip]]\n\"training.steps\" = [2]\n",
       "s.toml:4:1: training.steps: is swept already, at s.toml:2:1"},
      {"[sweep]\nzip = 3\n",
       "s.toml:2:1: sweep.zip: expected a table [[sweep.zip]] with lists of equal length, got the integer 3"},
      {"[[sweep.zip]]\n", "s.toml:1:1: [[sweep.zip]]: expected at least one key, found none"},
      {"[sweep]\n\"training.steps\" = {form = 1}\n",
       std::string("s.toml:2:21: training.steps: expected ") + kinds_of_values + ", found form"},
      {"[sweep]\n\"training.steps\" = {from = 1}\n",
       std::string("s.toml:2:20: training.steps: expected ") + kinds_of_values + ", found no to"},
      {"[sweep]\n\"training.steps\" = {from = 1, to = 3}\n",
       "s.toml:2:20: training.steps: expected either factor or count, found neither"},
      {"[sweep]\n\"training.steps\" = {from = 1, to = 3, factor = 2, count = 2}\n",
       "s.toml:2:20: training.steps: expected either factor or count, found both"},
      {"[sweep]\n\"training.steps\" = {from = 3, to = 1, factor = 2}\n",
       "s.toml:2:36: training.steps: to: expected a number above from = 3, got the integer 1"},
      {"[sweep]\n\"training.learning_rate\" = {from = 0.5, to = 0.5, count = 2}\n",
       "s.toml:2:46: training.learning_rate: to: expected a number above from = 0.5, got the float 0.5"},
      {"[sweep]\nuntil_divergence = {\"training.learning_rate\" = {from = 1, factor = 2, to = 0.5}}\n",
       "s.toml:2:76: training.learning_rate: to: expected a number of at least from = 1, got the float 0.5"},
      {"[sweep]\n\"training.steps\" = {from = 0, to = 1, factor = 2}\n",
       "s.toml:2:28: training.steps: from: expected a finite number above 0, got the integer 0"},
      {"[sweep]\n\"training.steps\" = {from = 1, to = 3, factor = 1}\n",
       "s.toml:2:48: training.steps: factor: expected a finite number above 1, got the integer 1"},
      {"[sweep]\n\"training.steps\" = {from = 1, to = 3, count = 1}\n",
       "s.toml:2:47: training.steps: count: expected an integer from 2 to 10000, got the integer 1"},
      {"[sweep]\n\"training.seed\" = {seeds = 0}\n",
       "s.toml:2:28: training.seed: seeds: expected an integer from 1 to 10000, got the integer 0"},
      {"[sweep]\n\"training.seed\" = {seeds = 200}\n\"data.seed\" = {seeds = 200}\n",
       "s.toml: [sweep]: expected at most 10000 runs, found more"},
      {"[sweep]\nuntil_divergence = 3\n",
       "s.toml:2:1: sweep.until_divergence: expected one key with {from, factor}, and optionally to and refine, got "
       "the integer 3"},
      {"[sweep]\nuntil_divergence = {\"training.learning_rate\" = {factor = 2}}\n",
       "s.toml:2:48: training.learning_rate: expected {from, factor}, and optionally to and refine, found no from"},
      {"[sweep]\nuntil_divergence = {\"training.learning_rate\" = {from = 1, factor = 2, count = 3}}\n",
       "s.toml:2:71: training.learning_rate: expected only from, factor, to and refine, found count"},
      {"[training]\nrule = \"momentum\"\n[sweep]\nuntil_divergence = {\"training.momentum\" = {from = 0.5, factor = "
       "1.5}}\n",
       "s.toml:4:43: training.momentum: expected a finite number of at least 0 and below 1, got the float 1.125; `to` "
       "limits "
       "the values that are tried"},
      {"[training]\nlerning_rate = 3\n[sweep]\n\"training.seed\" = [1]\n",
       "s.toml:2:1: unknown key training.lerning_rate; the nearest is training.learning_rate"},
      {"[sweep]\n\"training.seed\" = [1\n",
       "s.toml:2:22: expected \"]\" at the end of the list, found the end of the file"},
  };
  std::string rules;
  for (std::size_t i = 0; i < rule_kinds().size(); ++i)
    rules += (i == 0                        ? "\""
              : i + 1 < rule_kinds().size() ? ", \""
                                            : " or \"") +
             std::string(rule_kinds()[i].name) + "\"";
  for (const Case& c : cases) {
    std::string expected = c.message;
    if (const std::size_t at = expected.find("{rules}"); at != std::string::npos) expected.replace(at, 7, rules);
    const std::string found = message_of(c.text);
    INFO(c.text);
    CHECK(found.substr(0, c.message.ends_with("array") ? expected.size() : found.size()) == expected);
  }
  CHECK(message_of("[sweep]\n\"training.seed\" = [1]\n", {"training.seed=2"}) ==
        "--set training.seed=2: training.seed is swept by s.toml; change its values there");
  CHECK(message_of("[sweep]\n\"training.seed\" = [1]\n", {"training.steps=3"}) == "accepted");
}
