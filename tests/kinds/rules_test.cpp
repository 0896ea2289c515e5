// SPDX-License-Identifier: MIT
// Requirements on every update rule: its step in plain loops, the threshold beyond which a quadratic diverges under it, state that can be saved and
// restored, and a frozen run.
#include "tests/kinds/rules.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <type_traits>
#include <variant>

#include "models/convolutional.h"
#include "tests/kinds/kinds.h"
#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/small_run.h"
#include "training/loop.h"
#include "training/rules/kind.h"
#include "training/run/config.h"
#include "training/run/records.h"

using namespace brink;
using support::text_of;

namespace {

std::vector<std::string> settings_of(const kinds::RuleRow& row) {
  std::vector<std::string> out{"training.rule=" + row.name};
  out.insert(out.end(), row.settings.begin(), row.settings.end());
  return out;
}
RuleFactory factory_of(const kinds::RuleRow& row) {
  return factory(load_config({{}, settings_of(row), {}}).training.rule);
}
TrainerOptions options_of(const kinds::RuleRow& row, double rate) {
  TrainerOptions o;
  const Config config = load_config({{}, settings_of(row), {}});
  o.rule = factory(config.training.rule);
  o.minibatches.samples = config.training.batch;
  o.row_every = 1;
  o.schedule = std::make_shared<ConstantRate>(rate);
  return o;
}

/// A rule on the quadratic ½ Σ hᵢθᵢ² of two coordinates. Its second moment, if it keeps one, is set at the start to values that a step does not
/// change beyond rounding.
class OnQuadratic {
 public:
  explicit OnQuadratic(const kinds::RuleRow& row) : rule_(frozen(row)(device_, layout_, Dtype::f64)) {
    SavedState state = save_state(device_, *rule_);
    if (const auto moment = state.parts.find("second_moment"); moment != state.parts.end())
      place(std::get<Array>(moment->second), 4, 0.01);
    restore_state(device_, *rule_, state);
    place(theta_, 1, 1);
  }
  const UpdateRule& rule() const { return *rule_; }

  /// The largest hᵢ/Pᵢ.
  double effective_sharpness() {
    if (!rule_->preconditioner()) return std::max(curvatures[0], curvatures[1]);
    rule_->preconditioner()->inverse_root(device_, gradient_.view(), next_.view());
    const auto scaled = [&](int i) { return curvatures[i] * std::pow(*at(next_, i), 2); };
    return std::max(scaled(0), scaled(1));
  }

  /// The largest |θᵢ| after `steps` steps, or once it exceeds 1000.
  double after(double rate, int steps) {
    const auto largest = [&] { return std::max(std::fabs(*at(theta_, 0)), std::fabs(*at(theta_, 1))); };
    for (int t = 0; t < steps && largest() < 1e3; ++t) {
      for (int i = 0; i < 2; ++i) *at(gradient_, i) = curvatures[i] * *at(theta_, i);
      rule_->update(device_, {t, rate, theta_.view(), gradient_.view(), next_.view()});
      std::swap(theta_, next_);
    }
    return largest();
  }

 private:
  // Divided by √ν = 2 and 0.1 the second is the larger one; where both roots are clipped at 0.1 it is the first.
  static constexpr double curvatures[] = {1, 0.08};

  /// With a second moment that keeps its start.
  static RuleFactory frozen(const kinds::RuleRow& row) {
    std::vector<std::string> sets = settings_of(row);
    if (find_kind(rule_kinds(), row.name)->preconditions) {
      std::erase_if(sets, [](const std::string& s) {
        return s.starts_with("training.beta2=") || s.starts_with("training.bias_correction=");
      });
      sets.emplace_back("training.beta2=0.9999999999999999");
      sets.emplace_back("training.bias_correction=false");
    }
    return factory(load_config({{}, sets, {}}).training.rule);
  }
  double* at(const Array& a, int i) const { return layout_.view(a.view(), i).as<double>(); }
  void place(const Array& a, double first, double second) const {
    *at(a, 0) = first;
    *at(a, 1) = second;
  }

  Device device_;
  const ParameterLayout layout_{{{"a", {1}}, {"b", {1}}}};
  Array theta_ = layout_.make_vector(Dtype::f64), next_ = layout_.make_vector(Dtype::f64),
        gradient_ = layout_.make_vector(Dtype::f64);
  std::unique_ptr<UpdateRule> rule_;
};

/// Every part of a state, as bytes.
support::Bits bits_of(const SavedState& state) {
  support::Bits out;
  for (const auto& [name, value] : state.parts)
    std::visit(
        [&, &part = name]<class T>(const T& x) {
          if constexpr (std::is_same_v<T, Array>)
            out.add(part, x.view());
          else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
            out.add(part, std::string(reinterpret_cast<const char*>(x.data()), x.size() * sizeof(std::int64_t)));
          else if constexpr (std::is_same_v<T, std::string>)
            out.add(part, x);
          else
            out.add(part, std::string(reinterpret_cast<const char*>(&x), sizeof x));
        },
        value);
  return out;
}

/// Whether a trainer under these options, whose chunk is replaced, can be stopped before any of its first steps and go on elsewhere, on other
/// threads and in other chunks, to the same lines of metrics.csv and the same state.
void expect_resumable(const support::Network& n, TrainerOptions options, std::int64_t chunk) {
  constexpr std::size_t steps = 6;
  if (!n.model.norms.empty()) options.evaluation = EvaluationMode{n.model, n.options.loss, false};
  options.tracker = TrackerOptions{.top = 1, .bottom = 1, .cold_check = 3, .budget = 20, .max_basis = 12};
  options.measurements.push_back({factory(*find_kind(measurement_kinds(), "effective"))});
  static ThreadPool pools[] = {ThreadPool(1), ThreadPool(2), ThreadPool(3)};
  const auto fresh = [&](std::size_t place) {
    options.batch.chunk = place == 2 ? chunk : 0;
    Device device{.pool = &pools[place]};
    return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), options, n.theta.view());
  };
  Device host;
  const auto through = fresh(0);
  std::vector<SavedState> states;
  /// The lines from a step on, and at the end the state; each step's state is kept at first.
  const auto go_on = [&](Trainer& trainer, bool keep) {
    std::string lines;
    for (std::size_t t = static_cast<std::size_t>(trainer.steps_done()); t < steps; ++t) {
      if (keep) states.push_back(save_state(host, trainer));
      if (const Row& row = trainer.step(); trainer.has_row()) append_row(lines, row);
    }
    return lines;
  };
  const std::string all = go_on(*through, true);
  REQUIRE_FALSE(through->diverged());
  states.push_back(save_state(host, *through));
  const support::Bits end = bits_of(states.back());
  for (std::size_t from = 0; from <= steps; ++from)
    for (const std::size_t place : {from % 3, (from + 1) % 3}) {
      CAPTURE(from);
      CAPTURE(place);
      const auto resumed = fresh(place);
      restore_state(host, *resumed, states[from]);
      const std::string lines = go_on(*resumed, false);
      REQUIRE(all.ends_with(lines));
      REQUIRE(std::ranges::count(lines, '\n') >= static_cast<std::int64_t>((steps - from) / 2));
      REQUIRE(support::first_difference(bits_of(save_state(host, *resumed)), end) == "");
    }
  // Control: with the rule's vectors of the step before, a rule that has any goes on to another state.
  SavedState old = std::move(states[3]);
  bool has_vectors = false;
  for (auto& [name, value] : old.parts)
    if (name.starts_with("rule/") && std::holds_alternative<Array>(value)) {
      has_vectors = true;
      value = std::move(states[2].parts.at(name));
    }
  const auto control = fresh(0);
  restore_state(host, *control, old);
  const std::string lines = go_on(*control, false);
  CHECK(all.ends_with(lines) != has_vectors);
}

/// The learning rate at which the rule's threshold is that curvature; thresholds fall with the rate.
double rate_of_threshold(const UpdateRule& rule, double threshold) {
  double low = 1e-6, high = 1e6;
  for (int i = 0; i < 200; ++i)
    (rule.threshold(std::midpoint(low, high)) > threshold ? low : high) = std::midpoint(low, high);
  return low;
}

}  // namespace

TEST_CASE("every update rule has a row") {
  kinds::expect_a_row_each(rule_kinds(), kinds::rule_rows(), "update rule", "tests/kinds/rules.h");
}

TEST_CASE("a rule's step equals plain loops, byte for byte") {
  for (const kinds::RuleRow& row : kinds::rule_rows())
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      CAPTURE(row.name);
      CAPTURE(name_of(dtype));
      const support::Network n({.samples = 100, .dtype = dtype});
      Device device;
      Trainer trainer(device, n.objective, n.data(), {}, options_of(row, kinds::plain_rate), n.theta.view());
      with_real(dtype, [&]<class T>(T) {
        const std::span<const T> start = n.theta.span<T>();
        kinds::PlainRule<T> plain{{start.begin(), start.end()}, {}, {}};
        plain.own.fill(std::vector<T>(start.size()));
        for (int t = 0; t < 8; ++t) {
          trainer.step();
          const std::span<const T> g{static_cast<const T*>(trainer.gradient().data), start.size()};
          if (trainer.has_minibatches()) {
            const T* const batch = static_cast<const T*>(trainer.batch_gradient().data);
            plain.batch.assign(batch, batch + start.size());
          }
          if constexpr (std::is_same_v<T, float>)
            row.in_float32(plain, g);
          else
            row.in_float64(plain, g);
          REQUIRE(support::same_bytes(trainer.theta(), view_of(plain.theta.data(), trainer.theta().shape)));
        }
      });
    }
}

TEST_CASE("below its threshold a rule converges on a quadratic, beyond it diverges") {
  for (const kinds::RuleRow& row : kinds::rule_rows()) {
    CAPTURE(row.name);
    Device device;
    const auto rule = factory_of(row)(device, support::Network({.samples = 4}).objective.layout, Dtype::f64);
    CHECK(rule->threshold(0.2) == row.threshold);
    CHECK((rule->preconditioner() != nullptr) == find_kind(rule_kinds(), row.name)->preconditions);
    OnQuadratic below(row), beyond(row);
    const double sharpness = below.effective_sharpness();
    const double stable = rate_of_threshold(*rule, 1.02 * sharpness),
                 unstable = rate_of_threshold(*rule, 0.98 * sharpness);
    CHECK(below.after(stable, 2000) < 1e-3);
    CHECK(beyond.after(unstable, 2000) > 1e3);
    CHECK(rule->surplus(stable, sharpness) < 0);
    CHECK(rule->surplus(unstable, sharpness) > 0);
    CHECK(std::fabs(rule->surplus(0.2, row.threshold)) < 1e-12);
  }
}

TEST_CASE(
    "every state of a run at step 17, restored into a fresh trainer, goes on to the same bytes, whatever the rule") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  for (const kinds::RuleRow& row : kinds::rule_rows()) {
    CAPTURE(row.name);
    TrainerOptions options = options_of(row, row.bouncing_rate);
    options.tracker = TrackerOptions{.top = 2, .bottom = 1, .cold_check = 5, .budget = 60, .max_basis = 24};
    for (const MeasurementKind& m : measurement_kinds())
      if (!m.always) options.measurements.push_back({factory(m)});
    options.keeps_tensors = [](std::int64_t) { return false; };
    const auto fresh = [&] {
      return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), options, n.theta.view());
    };
    const auto through = fresh();
    for (int t = 0; t < 17; ++t) through->step();
    const SavedState state = save_state(device, *through);
    const auto resumed = fresh();
    restore_state(device, *resumed, state);
    const auto control = fresh();
    SavedState lost = save_state(device, *through);
    for (auto& [name, value] : lost.parts)
      if (name == "tracker/vectors" || name == "effective_tracker/vectors")
        value = zeros(std::get<Array>(value).view().shape, Dtype::f32);
    restore_state(device, *control, lost);
    bool differs = false;
    for (int t = 17; t < 40; ++t) {
      CAPTURE(t);
      const std::string numbers = text_of(through->step());
      REQUIRE(text_of(resumed->step()) == numbers);
      differs = differs || text_of(control->step()) != numbers;
      CHECK(resumed->ended() == through->ended());
    }
    CHECK(through->crossings() > 0);
    CHECK(differs);  // control: a state without the tracker's vectors does not repeat the run
    CHECK(resumed->tally().products == through->tally().products);
    CHECK(resumed->tally().instabilities == through->tally().instabilities);

    SavedState less = save_state(device, *through), more = save_state(device, *through);
    less.parts.erase("events/crossings");
    CHECK_THROWS_WITH_AS(restore_state(device, *fresh(), less), "state: the part 'events/crossings' is missing",
                         std::invalid_argument);
    more.parts.emplace("rule/unknown", 1.0);
    CHECK_THROWS_WITH_AS(restore_state(device, *fresh(), more),
                         "state: the part 'rule/unknown' does not belong to this run", std::invalid_argument);
  }
}

TEST_CASE(
    "a run stopped before any step goes on to the same bytes on other threads and in other chunks, whatever the rule") {
  struct Case {
    const support::Network network;
    std::int64_t chunk, batch;
    double slower;  ///< how many times, so that the loss stays finite
  };
  // Epochs of 5 and of 2 updates, the last one of another size.
  const Case cases[] = {
      {support::Network({.samples = 300, .dtype = Dtype::f32}), 128, 72, 1},
      {support::Network({.samples = 14, .dtype = Dtype::f32}, vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4})), 4, 8, 10}};
  for (const Case& c : cases)
    for (const kinds::RuleRow& row : kinds::rule_rows())
      for (const std::int64_t batch : {std::int64_t{0}, c.batch}) {
        if (batch == 0 && find_kind(rule_kinds(), row.name)->needs_minibatches) continue;
        CAPTURE(c.chunk);
        CAPTURE(row.name);
        CAPTURE(batch);
        TrainerOptions options = options_of(row, row.bouncing_rate / c.slower);
        options.minibatches.samples = batch;
        options.row_every = batch > 0 ? 2 : 1;
        expect_resumable(c.network, std::move(options), c.chunk);
      }
}

TEST_CASE("a rule's settings are written and read back, and its run is frozen") {
  for (const kinds::RuleRow& row : kinds::rule_rows()) {
    CAPTURE(row.name);
    std::vector<std::string> sets = settings_of(row);
    for (const char* s : {"data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=30"})
      sets.emplace_back(s);
    const brink::test::SmallRun run(sets), three(sets, {{"threads", "3"}, {"chunk", "128"}});
    CHECK(to_toml(load_config({run.folder() + "/config.toml", {}, {}})) == to_toml(run.config));
    CHECK_MESSAGE(run.digest("metrics.csv") == row.metrics,
                  "the value above belongs in the row of tests/kinds/rules.h; a digest that changes is marked **bits** "
                  "in CHANGELOG.md");
    CHECK(three.digest("metrics.csv") == run.digest("metrics.csv"));
  }
}
