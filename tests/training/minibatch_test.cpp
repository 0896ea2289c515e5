// SPDX-License-Identifier: MIT
// Minibatches: which samples each of them has, the bits of runs that use them, and rows that are further apart than updates.
#include "training/minibatch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "tests/training/small_run.h"

using namespace brink;
using brink::test::SmallRun;

namespace {

Objective in_groups(std::int64_t group, bool whole, bool join = false) {
  Objective o;
  o.group = group;
  o.whole_groups = whole;
  o.join_short = join;
  return o;
}

using Samples = std::vector<std::int32_t>;
/// The minibatches of steps 0 … steps − 1.
std::vector<Samples> minibatches_of(const MinibatchPlan& plan, std::uint64_t seed, std::int64_t steps) {
  Device device;
  MinibatchOrder order(device, plan, seed);
  std::vector<Samples> out;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto samples = order.samples(t);
    out.emplace_back(samples.begin(), samples.end());
  }
  return out;
}
Samples joined(std::span<const Samples> parts) {
  Samples out;
  for (const Samples& p : parts) out.insert(out.end(), p.begin(), p.end());
  return out;
}

const std::vector<std::string> small_mlp{"data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=24",
                                         "training.batch=72"},
    small_vgg{"data.name=synthetic-cifar", "data.train=40",       "data.test=10",     "model.name=vgg",
              "model.channels=[2,3]",      "model.ghost_batch=8", "training.steps=7", "training.batch=16"};
/// Settings with others, which override them.
std::vector<std::string> with(std::vector<std::string> a, const std::vector<std::string>& b) {
  for (const std::string& set : b) {
    const std::string key = set.substr(0, set.find('=') + 1);
    std::erase_if(a, [&](const std::string& given) { return given.starts_with(key); });
    a.push_back(set);
  }
  return a;
}
std::string metrics_of(const std::vector<std::string>& sets,
                       const std::vector<std::pair<std::string, std::string>>& flags = {}) {
  return SmallRun(sets, flags).read("metrics.csv");
}
/// metrics.csv without its header, by step.
std::map<std::int64_t, std::string> rows_of(const std::string& metrics) {
  std::map<std::int64_t, std::string> out;
  for (std::size_t at = metrics.find('\n') + 1; at < metrics.size();) {
    const std::size_t end = metrics.find('\n', at);
    const std::string line = metrics.substr(at, end - at);
    out[std::stoll(line)] = line;
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("an epoch of minibatches has every sample once, in an order of its own, which the seed decides") {
  const MinibatchPlan plan = plan_minibatches(in_groups(128, false), 103, 20);
  CHECK(plan.updates() == 6);
  CHECK(plan.last_samples == 3);
  const std::vector<Samples> steps = minibatches_of(plan, 5, 18);
  Samples all(103);
  std::iota(all.begin(), all.end(), 0);
  std::set<Samples> orders;
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const std::span<const Samples> of_epoch(&steps[6 * epoch], 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(of_epoch[i].size() == (i < 5 ? 20 : 3));
    Samples order = joined(of_epoch);
    orders.insert(order);
    CHECK(order != all);
    std::ranges::sort(order);
    CHECK(order == all);
  }
  CHECK(orders.size() == 3);
  CHECK(minibatches_of(plan, 5, 18) == steps);
  CHECK(minibatches_of(plan, 6, 18) != steps);
}

TEST_CASE("a minibatch of a normalised network has whole groups, and a last group of another size comes last") {
  for (const bool join : {false, true}) {
    CAPTURE(join);
    // Groups 0 … 5 of 16 samples and one of 5 samples, or the last one of 21 samples.
    const MinibatchPlan plan = plan_minibatches(in_groups(16, true, join), 101, 32);
    const std::size_t updates = join ? 3 : 4;
    CHECK(plan.updates() == static_cast<std::int64_t>(updates));
    CHECK(plan.last_samples == (join ? 37 : 5));
    const std::vector<Samples> steps = minibatches_of(plan, 1, 2 * plan.updates());
    std::set<Samples> orders;
    for (std::size_t epoch = 0; epoch < 2; ++epoch) {
      Samples seen = joined(std::span<const Samples>(&steps[updates * epoch], updates));
      orders.insert(seen);
      for (std::size_t at = 0; at < seen.size();) {
        const std::int64_t group = seen[at] / 16, last = join ? 5 : 6;
        const std::int64_t size = group < last ? 16 : 101 - 16 * last;
        CHECK(seen[at] % 16 == 0);
        for (std::int64_t i = 0; i < size; ++i, ++at) REQUIRE(seen[at] == 16 * group + i);
      }
      CHECK(seen.back() == 100);
      std::ranges::sort(seen);
      for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i] == static_cast<std::int32_t>(i));
    }
    CHECK(orders.size() == 2);
  }
}

TEST_CASE("an order goes on from its saved state, and a new one begins at a step with an epoch that was not used") {
  Device device;
  const MinibatchPlan plan = plan_minibatches(in_groups(1, false), 10, 4);
  MinibatchOrder order(device, plan, 3), resumed(device, plan, 3), control(device, plan, 3);
  const auto at = [](MinibatchOrder& o, std::int64_t step) {
    const auto samples = o.samples(step);
    return Samples(samples.begin(), samples.end());
  };
  const Samples second_epoch = at(order, 3), third_epoch = at(order, 6);
  order.restart(order.new_epoch(4));  // in the middle of the second epoch
  CHECK(at(order, 4) == third_epoch);
  restore_state(device, resumed, save_state(device, order));
  bool differs = false;
  for (std::int64_t t = 4; t < 20; ++t) {
    CHECK(at(resumed, t) == at(order, t));
    differs = differs || at(control, t) != at(order, t);
  }
  CHECK(differs);  // control: the step alone does not say where the order began
  MinibatchOrder between(device, plan, 3);
  between.restart(between.new_epoch(3));
  CHECK(at(between, 3) == second_epoch);
}

TEST_CASE("minibatches that are empty, too large, or would cut a group are refused") {
  const auto refusal = [](const Objective& o, std::int64_t samples) {
    try {
      (void)plan_minibatches(o, 100, samples);
      return std::string();
    } catch (const std::invalid_argument& e) { return std::string(e.what()); }
  };
  CHECK(refusal(in_groups(16, false), 0) == "minibatches of 0 samples: expected 1 to 100, the training samples");
  CHECK(refusal(in_groups(16, false), 101) == "minibatches of 101 samples: expected 1 to 100, the training samples");
  CHECK(refusal(in_groups(16, false), 24).empty());
  CHECK(refusal(in_groups(16, true), 24) ==
        "minibatches of 24 samples: expected a multiple of the group of 16 samples, which is normalised as one, or all "
        "100 training samples");
  CHECK(refusal(in_groups(16, true), 100).empty());
}

TEST_CASE("runs with minibatches write the same bytes whatever threads and chunk are") {
  struct Case {
    const std::vector<std::string>& network;
    const char* chunk;
    std::size_t rows;
  };
  for (const Case& c : {Case{small_mlp, "128", 9}, Case{small_vgg, "8", 4}})
    for (const std::vector<std::string>& rule : {std::vector<std::string>{"training.rule=sgd"},
                                                 {"training.rule=noise_scaled", "training.noise_scale=0.5"},
                                                 {"training.rule=momentum"}}) {
      CAPTURE(rule[0]);
      const std::vector<std::string> sets = with(c.network, rule);
      const std::string one = metrics_of(sets, {{"threads", "1"}});
      CHECK(rows_of(one).size() == c.rows);
      CHECK(metrics_of(sets, {{"threads", "2"}}) == one);
      CHECK(metrics_of(sets, {{"threads", "3"}, {"chunk", c.chunk}}) == one);
      CHECK(metrics_of(with(sets, {"training.seed=1"})) != one);
    }
}

TEST_CASE("noise-scaled: ε = 0 is gradient descent to the byte; ε = 1 is SGD up to its rounding, and so is b = N") {
  const std::vector<std::string> rows{"measure.row_every=1", "measure.top=0", "measure.bottom=0"};
  const auto run = [&](const std::vector<std::string>& sets) { return metrics_of(with(with(small_mlp, rows), sets)); };
  const std::string gd = metrics_of(with(with(small_mlp, rows), {"training.batch=0"}));
  CHECK(run({"training.rule=noise_scaled", "training.noise_scale=0"}) == gd);
  CHECK(run({"training.rule=noise_scaled", "training.noise_scale=1e-6"}) != gd);
  const auto losses = [](const std::string& metrics) {
    std::vector<double> out;
    for (const auto& [step, line] : rows_of(metrics)) {
      const std::size_t at = line.find(',') + 1;
      out.push_back(std::stod(line.substr(at, line.find(',', at) - at)));
    }
    return out;
  };
  const auto apart = [&](const std::string& a, const std::string& b) {
    const std::vector<double> of_a = losses(a), of_b = losses(b);
    REQUIRE(of_a.size() == of_b.size());
    double most = 0;
    for (std::size_t i = 0; i < of_a.size(); ++i) most = std::max(most, std::abs(of_a[i] / of_b[i] - 1));
    return most;
  };
  const std::string sgd = run({"training.rule=sgd"});
  CHECK(apart(run({"training.rule=noise_scaled", "training.noise_scale=1"}), sgd) < 1e-5);
  CHECK(apart(sgd, gd) > 1e-3);  // control
  CHECK(apart(run({"training.rule=noise_scaled", "training.noise_scale=1", "training.batch=200"}), gd) < 1e-5);
}

TEST_CASE("rows further apart are those of a run that has all of them, the last step included") {
  for (const std::vector<std::string>& rule : {std::vector<std::string>{"training.rule=sgd"},
                                               {"training.rule=noise_scaled", "training.noise_scale=0.5"},
                                               {"training.rule=gd", "training.batch=0"}}) {
    CAPTURE(rule[0]);
    const std::vector<std::string> sets = with(with(small_mlp, rule), {"measure.top=0", "measure.bottom=0"});
    const auto all = rows_of(metrics_of(with(sets, {"measure.row_every=1"}))),
               some = rows_of(metrics_of(with(sets, {"measure.row_every=5"})));
    CHECK(all.size() == 25);
    REQUIRE(some.size() == 6);
    for (const std::int64_t step : {0, 5, 10, 15, 20, 24}) CHECK(some.at(step) == all.at(step));
  }
  const SmallRun sparse(with(small_mlp, {"measure.row_every=4", "measure.every=2"}));
  const auto record = sparse.read("run.json");
  CHECK(record.find("\"measured_every\": 8") != std::string::npos);
  CHECK(record.find("\"measured_steps\": 4") != std::string::npos);  // steps 0, 8, 16, 24
  CHECK(record.find("\"steps_done\": 24") != std::string::npos);
}

TEST_CASE("a divergence between two rows is noticed at its step, which has a row") {
  for (const char* rule : {"sgd", "noise_scaled"}) {
    CAPTURE(rule);
    const std::vector<std::string> sets =
        with(small_mlp, {std::string("training.rule=") + rule, "training.learning_rate=30",
                         "training.divergence_loss=4", "measure.top=0", "measure.bottom=0"});
    const SmallRun every(with(sets, {"measure.row_every=1"})), sparse(with(sets, {"measure.row_every=20"}));
    CHECK(every.code == ExitCode::diverged);
    CHECK(sparse.code == ExitCode::diverged);
    const auto all = rows_of(every.read("metrics.csv")), some = rows_of(sparse.read("metrics.csv"));
    CHECK(some.size() == 2);
    REQUIRE(some.rbegin()->first == all.rbegin()->first);
    CHECK(some.rbegin()->second == all.rbegin()->second);
    CHECK(sparse.read("run.json").find("\"diverged_at\": " + std::to_string(some.rbegin()->first)) !=
          std::string::npos);
  }
}
