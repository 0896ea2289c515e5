// SPDX-License-Identifier: MIT
// Projected updates: what they leave of a step, the stability that follows from it, and how a run ends that cannot project.
#include "training/projection.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/loop.h"

using namespace brink;
using brink::test::SmallRun;
using support::text_of;

namespace {

TrainerOptions options_of(ProjectionMode mode, double rate) {
  TrainerOptions o;
  o.schedule = std::make_shared<ConstantRate>(rate);
  o.projection.mode = mode;
  o.tracker = TrackerOptions{
      .top = 1, .bottom = 1, .most_top = 11, .tolerance = 1e-8, .cold_check = 5, .budget = 400, .max_basis = 60};
  return o;
}

double dot(View a, const std::vector<double>& b, std::int64_t first = 0) {
  double sum = 0;
  for (std::size_t i = 0; i < b.size(); ++i) sum += a.as<double>()[first + static_cast<std::int64_t>(i)] * b[i];
  return sum;
}

/// θ_{t+1} − θ_t of the last step, in float64.
std::vector<double> last_step(const Trainer& t) {
  const View after = t.theta(), before = t.theta_at(t.steps_done() - 1);
  std::vector<double> out;
  for (std::int64_t i = 0; i < after.shape.elements(); ++i)
    out.push_back(after.as<double>()[i] - before.as<double>()[i]);
  return out;
}
double size_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

const std::vector<std::string> sharp{"data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=25",
                                     "training.learning_rate=0.3"};
std::vector<std::string> with(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("a step without its part along unstable eigenvectors is orthogonal to them; both parts are the whole step") {
  const support::Network n({.samples = 200});
  Device device;
  int several = 0;
  for (const double rate : {2.0, 3.0, 4.0}) {
    CAPTURE(rate);
    const auto trainer = [&](ProjectionMode mode) {
      return std::make_unique<Trainer>(device, n.objective, n.data(), Batch{}, options_of(mode, rate), n.theta.view());
    };
    const auto removing = trainer(ProjectionMode::remove), keeping = trainer(ProjectionMode::keep),
               whole = trainer(ProjectionMode::off);
    for (const auto& t : {removing.get(), keeping.get(), whole.get()}) t->step();
    const std::vector<double> left = last_step(*removing), kept = last_step(*keeping), all = last_step(*whole);
    REQUIRE(*removing->seen().projected > 0);
    CHECK(removing->seen().projected == keeping->seen().projected);
    CHECK_FALSE(whole->seen().projected);
    several += *removing->seen().projected > 1;
    const View u = removing->eigenvectors();
    const std::int64_t extent = u.shape[1];
    double most = 0;
    for (std::int64_t i = 0; i < *removing->seen().projected; ++i) {
      CHECK(std::abs(dot(u, left, i * extent)) < 1e-13 * size_of(all));
      most = std::max(most, std::abs(dot(u, all, i * extent)));
    }
    CHECK(most > 1e-3 * size_of(all));  // control
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(std::abs(left[i] + kept[i] - all[i]) < 1e-14);
    // The first stable eigenvector is not concerned.
    const std::int64_t stable = *removing->seen().projected * extent;
    CHECK(std::abs(dot(u, kept, stable)) < 1e-10 * size_of(all));
    CHECK(std::abs(dot(u, left, stable) - dot(u, all, stable)) < 1e-10 * size_of(all));
  }
  CHECK(several > 0);
}

TEST_CASE("on a quadratic loss beyond its edge of stability, removing makes the loss fall, keeping makes it rise") {
  // A linear network with one output and the squared loss, whose Hessian is the same everywhere.
  const support::Network n({.samples = 200, .hidden = {}, .loss = Loss::mse, .classes = 1});
  Device device;
  TrainerOptions two = options_of(ProjectionMode::off, 0.1);
  two.tracker->top = 2;
  Trainer first(device, n.objective, n.data(), Batch{}, two, n.theta.view());
  const Row& row = first.observe();
  const double rate = 4 / (*row.number("lambda_1") + *row.number("lambda_2"));  // only the first is above 2/η
  const auto losses = [&](ProjectionMode mode) {
    Trainer trainer(device, n.objective, n.data(), Batch{}, options_of(mode, rate), n.theta.view());
    std::vector<double> out;
    for (int t = 0; t < 200; ++t) out.push_back(*trainer.step().number("loss"));
    return out;
  };
  const std::vector<double> whole = losses(ProjectionMode::off), removed = losses(ProjectionMode::remove),
                            kept = losses(ProjectionMode::keep);
  CHECK(whole.back() > 10 * whole[0]);
  CHECK(kept.back() > 10 * kept[0]);
  for (std::size_t i = 1; i < removed.size(); ++i) CHECK(removed[i] <= removed[i - 1] * (1 + 1e-12));
  CHECK(removed.back() < 0.9 * removed[0]);
}

TEST_CASE("projected runs write the same bytes whatever threads and chunk are, and go on from a saved state") {
  for (const char* mode : {"remove", "keep"}) {
    const std::vector<std::string> sets =
        with(sharp, {std::string("training.project=") + mode, "training.project_most=14"});
    const SmallRun one(sets, {{"threads", "1"}}), three(sets, {{"threads", "3"}, {"chunk", "128"}});
    CHECK(one.code == ExitCode::done);
    CHECK(one.read("metrics.csv") == three.read("metrics.csv"));
  }
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  TrainerOptions options = options_of(ProjectionMode::remove, 3.0);
  options.tracker->tolerance = 1e-3;
  const auto fresh = [&] {
    return std::make_unique<Trainer>(device, n.objective, n.data(), Batch{}, options, n.theta.view());
  };
  const auto through = fresh(), resumed = fresh();
  for (int t = 0; t < 7; ++t) through->step();
  const SavedState state = save_state(device, *through);
  CHECK(std::get<std::int64_t>(state.parts.at("tracked/tracked")) > 1);
  restore_state(device, *resumed, state);
  for (int t = 7; t < 13; ++t) CHECK(text_of(resumed->step()) == text_of(through->step()));
}

TEST_CASE("a run that keeps nothing of the gradient ends there; one that cannot project says what to set") {
  const SmallRun run(with(sharp, {"training.project=keep"}));
  CHECK(run.code == ExitCode::done);
  CHECK(run.read("run.json").find("\"status\": \"finished\"") != std::string::npos);
  CHECK(run.read("run.json").find("\"steps_done\": 25") == std::string::npos);

  const auto said = [&](const std::vector<std::string>& more) {
    const SmallRun refused(with(with(sharp, {"training.project=remove"}), more));
    CHECK(
        refused.code ==
        (refused.read("run.json").find("interrupted_because") == std::string::npos ? ExitCode::done : ExitCode::usage));
    return refused.said();
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(said({"training.project_most=3"}),
            "training.project: at step 0 more than training.project_most = 3 eigenvalues are above the threshold "
            "6.6667; set a larger training.project_most and another --out"));
  CHECK(has(said({"measure.budget=6"}), "training.project: at step 0 eigenvalue "));
  CHECK_FALSE(has(said({"training.project_most=14"}), "training.project:"));
}
