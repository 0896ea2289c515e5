// SPDX-License-Identifier: MIT
// measure.product_error: the float32 product beside the float64 one (C3 of docs/promises.md), on networks of every kind, and what an operator looks
// like from which one layer's tangent is missing.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "tests/kinds/networks.h"
#include "tests/replay/replay_runs.h"
#include "training/curvature.h"
#include "training/layers.h"
#include "training/precise_product.h"
#include "training/probes.h"
#include "training/replay/measure.h"
#include "training/run/fit.h"
#include "training/run/problem.h"

using namespace brink;
using brink::test::Said;

namespace {

using Sets = std::vector<std::string>;

Config config_of(const std::string& network, const Sets& more) {
  Sets sets{"model.name=" + network};
  for (const kinds::NetworkRow& row : kinds::network_rows())
    if (row.name == network) sets.insert(sets.end(), row.settings.begin(), row.settings.end());
  sets.insert(sets.end(), more.begin(), more.end());
  return load_config({{}, sets, {}});
}

Trainer trainer_of(Device& device, const Problem& p, const Config& config) {
  TrainerOptions o = trainer_options(config);
  o.evaluation = p.evaluation;
  return {device, p.objective, p.train, p.test, o, p.theta0.view()};
}

/// What the measurement finds at step 0, and u₁ there.
struct Found {
  double along_u1, along_random, scale;
  Array u1;
};
Found measured(Device& device, const Problem& p, const Config& config) {
  Trainer trainer(trainer_of(device, p, config));
  const Row& row = trainer.observe();
  Found out{row.number("product_error_1").value(), row.number("product_error_random").value(),
            row.number("scale").value(), p.objective.layout.make_vector(p.objective.dtype)};
  copy(device, out.u1.view(), trainer.eigenvectors().part(0, out.u1.view().shape));
  return out;
}

Array random_unit(Device& device, const ParameterLayout& layout, Dtype dtype, std::uint64_t seed) {
  Array v = layout.make_vector(dtype);
  probes_of(device, layout, seed, 0, layout.size())(v.view(), RandomUse::start, 0, 0);
  scale(device, v.view(), 1 / norm(device, v.view()), v.view());
  return v;
}

/// A Hessian, given θ and vectors in any precision.
class Hessian {
 public:
  Hessian(Device& device, const Objective& o, const Batch& train, View at)
      : device_(device), o_(o), hvp_(device, o, train) {
    const Array theta = o.layout.make_vector(o.dtype), gradient = o.results().make_vector(o.dtype);
    put(theta, at);
    hvp_.linearize_at(theta.view(), gradient.view());
  }
  /// `without`: of which the tangent is dropped.
  std::vector<double> times(View v, const Layer* without = nullptr) {
    const Array x = o_.layout.make_vector(o_.dtype), y = o_.layout.make_vector(o_.dtype);
    put(x, v);
    if (without) set_zero(device_, x.view().part(without->from, {without->to - without->from}));
    hvp_.apply(x.view(), y.view());
    return with_real(o_.dtype, [&]<class T>(T) { return std::vector<double>(y.span<T>().begin(), y.span<T>().end()); });
  }

 private:
  void put(const Array& to, View from) {
    if (from.dtype == o_.dtype)
      copy(device_, to.view(), from);
    else
      cast(device_, to.view(), from);
  }
  Device device_;
  Objective o_;
  Hvp hvp_;
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(square);
}

}  // namespace

TEST_CASE(
    "C3: the number is the distance of the two products, on seven networks and both losses; a lost tangent is seen") {
  for (const kinds::NetworkRow& row : kinds::network_rows())
    for (const std::string& loss : row.losses) {
      CAPTURE(row.name);
      CAPTURE(loss);
      Device device;
      const Config config = config_of(row.name, {"training.loss=" + loss, "measure.product_error.steps=[0]"});
      const Problem p = make_problem(device, config);
      const Objective precise = in_float64(p.objective);
      REQUIRE(p.objective.dtype == Dtype::f32);
      REQUIRE(precise.dtype == Dtype::f64);
      const Found found = measured(device, p, config);
      const Array random = random_unit(device, p.objective.layout, Dtype::f32, 0);
      Hessian rough(device, p.objective, p.train, p.theta0.view()), exact(device, precise, p.train, p.theta0.view());
      CHECK(found.along_u1 ==
            doctest::Approx(distance(rough.times(found.u1.view()), exact.times(found.u1.view()))).epsilon(1e-9));
      CHECK(found.along_random ==
            doctest::Approx(distance(rough.times(random.view()), exact.times(random.view()))).epsilon(1e-9));
      // What is called the product in float64 is the one of a run in float64, whose data alone are rounded less.
      Sets doubles{"training.loss=" + loss, "run.precision=float64"};
      const Problem in_double = make_problem(device, config_of(row.name, doubles));
      Hessian whole(device, in_double.objective, in_double.train, p.theta0.view());
      const std::vector<double> product = exact.times(random.view()), zero(product.size());
      const double length = distance(product, zero);
      CHECK(distance(whole.times(random.view()), product) <= 1e-4 * length);
      CHECK(found.along_u1 <= 1e-4 * found.scale);
      CHECK(found.along_random <= 1e-4 * found.scale);
      // Control: without the tangent of any one layer the operator is further away than rounding takes it.
      for (const Layer& layer : layers_of(p.objective.layout)) {
        CAPTURE(layer.name);
        PreciseProduct judge(device, p.objective, p.train, {}, 0);
        judge.linearize_at(p.theta0.view());
        const LinearOperator broken{p.objective.layout.extent(), Dtype::f32, [&](View x, View y) {
                                      const std::vector<double> out = rough.times(x, &layer);
                                      for (std::size_t i = 0; i < out.size(); ++i)
                                        y.as<float>()[i] = static_cast<float>(out[i]);
                                    }};
        double seen = 0;
        judge.leave_error(broken, random.view(), Scalar{&seen});
        CHECK(seen > 30 * found.along_random);
        CHECK(seen > 1e-4 * length);
      }
    }
}

TEST_CASE("C3: the same number for any chunk and number of threads, and memory is counted as it is allocated") {
  for (const std::string network : {"vgg", "alexnet"}) {
    std::vector<double> first;
    for (const int threads : {1, 3})
      for (const char* chunk : {"auto", "32"}) {
        CAPTURE(network);
        CAPTURE(threads);
        CAPTURE(chunk);
        ThreadPool pool(threads);
        Device device{Where::cpu, &pool};
        const Config config =
            config_of(network, {"measure.product_error.steps=[0]", std::string("run.chunk=") + chunk});
        const Problem p = make_problem(device, config);
        const Found found = measured(device, p, config);
        if (first.empty()) first = {found.along_u1, found.along_random};
        CHECK(first == std::vector{found.along_u1, found.along_random});
        MemoryCount count = count_memory(device);
        Device counting = count.on(device);
        const std::int64_t before = allocated_bytes(device);
        const Trainer counted(trainer_of(counting, p, config));
        const std::int64_t predicted = count.bytes(Where::cpu) - before;
        const Trainer trainer(trainer_of(device, p, config));
        CHECK(allocated_bytes(device) - before == predicted);
      }
  }
}

TEST_CASE(
    "C3: in evaluation mode the products are those of the loss in evaluation mode, with the statistics of the run") {
  Device device;
  const Config config = config_of("vgg", {"model.norm_mode=evaluation", "measure.product_error.steps=[0]"});
  const Problem p = make_problem(device, config);
  const Found found = measured(device, p, config);
  CHECK(found.along_u1 > 0);
  CHECK(found.along_u1 <= 1e-4 * found.scale);
  CHECK(found.along_random <= 1e-4 * found.scale);
  // Control: the product of the loss that is minimised is another one.
  Pass pass(device, p.objective, p.train, {}, p.evaluation, true);
  pass.make_hessian(p.train, {});
  pass.enqueue(0, p.theta0.view(), true);
  pass.take_statistics(p.theta0.view(), true);
  for (const bool same : {true, false}) {
    PreciseProduct judge(device, same ? pass.evaluated() : p.objective, p.train, {}, 0);
    judge.linearize_at(p.theta0.view());
    double seen = 0;
    judge.leave_error(pass.hessian(), found.u1.view(), Scalar{&seen});
    CHECK((seen == found.along_u1) == same);
    CHECK((seen > 1e-2 * found.scale) != same);
  }
}

TEST_CASE(
    "C3: at chosen steps of a run with minibatches of ghost groups; the console says it once; no other cell changes") {
  const Sets sgd{"training.rule=sgd", "training.batch=32", "training.steps=6", "training.learning_rate=0.05",
                 "measure.row_every=1"};
  Sets with = sgd;
  with.emplace_back("measure.product_error.steps=[0,3]");
  const Config a = config_of("vgg", sgd), b = config_of("vgg", with);
  const test::TemporaryFolder folder;
  Said quiet, said;
  REQUIRE(train(a, {folder / "a"}, quiet.console()) == ExitCode::done);
  REQUIRE(train(b, {folder / "b"}, said.console()) == ExitCode::done);
  const std::string table = folder / "b/metrics.csv";
  for (std::int64_t t = 0; t <= 6; ++t)
    for (const char* column : {"product_error_1", "product_error_random"})
      CHECK(test::cell(table, t, column).empty() == (t != 0 && t != 3));
  const std::vector<std::string> plain = test::lines(folder / "a/metrics.csv"), more = test::lines(table);
  REQUIRE(plain.size() == more.size());
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(more[i].starts_with(plain[i].substr(0, plain[i].size() - 1) + ","));
  CHECK(test::read_text(folder / "a/events.csv") == test::read_text(folder / "b/events.csv"));
  const std::string text = said.text(), sentence = "the Hessian's products in float32 and float64 differ by ";
  CHECK(text.find("step 0: " + sentence) != std::string::npos);
  CHECK(text.find("an estimate of what rounding adds. A ReLU whose input is near zero") != std::string::npos);
  CHECK(text.find(sentence, text.find(sentence) + 1) == std::string::npos);
  CHECK(quiet.text().find(sentence) == std::string::npos);
  // Afterwards, of the run that did not have it.
  Said measuring;
  const std::string later =
      measure_run({folder / "a", parse_steps("0:6:3"), {"measure.product_error.every=3"}, {}}, measuring.console());
  for (const std::int64_t t : {0, 3})
    CHECK(test::cell(later, t, "product_error_1") == test::cell(table, t, "product_error_1"));
  CHECK(measuring.text().find(sentence) != std::string::npos);
}

TEST_CASE("C3: what cannot be compared is refused") {
  const auto refused = [](const Sets& sets) {
    try {
      (void)config_of("mlp", sets);
    } catch (const UsageError& e) { return std::string(e.what()); }
    return std::string("it was not refused");
  };
  CHECK(refused({"measure.product_error.every=1", "run.precision=float64"}).find("measure.product_error.steps") !=
        std::string::npos);
  CHECK(refused({"measure.product_error.every=1", "run.precision=float64"})
            .find("expected run.precision = \"float32\", got \"float64\"") != std::string::npos);
  CHECK(refused({"measure.product_error.steps=[]"}).find("measure.product_error.steps") != std::string::npos);
  CHECK(refused({"measure.product_error.steps=[3]", "measure.every=2"}).find("multiples of measure.every = 2") !=
        std::string::npos);
  CHECK(refused({"measure.product_error.every=1", "measure.top=0"}).find("measure.top") != std::string::npos);
  CHECK(refused({"measure.product_error.every=1"}) == "it was not refused");
  Device device;
  Objective unknown = make_problem(device, config_of("mlp", {})).objective;
  unknown.in_float64 = {};
  CHECK_THROWS_AS(PreciseProduct(device, unknown, {}, {}, 0), std::invalid_argument);
}
