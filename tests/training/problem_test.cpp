// SPDX-License-Identifier: MIT
// What a config describes: shapes, labels, θ₀, and the loss of its objective.
#include <doctest/doctest.h>

#include <cmath>

#include "models/initialise.h"
#include "tests/support/networks.h"
#include "tests/training/config_with.h"
#include "training/errors.h"
#include "training/run/fit.h"
#include "training/run/problem.h"

using namespace brink;

TEST_CASE("mlp on synthetic data: arrays, parameters and θ₀ are what the config says") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Config c;
    c.data.train = 40;
    c.data.test = 12;
    c.model.options.set("hidden", std::vector<std::int64_t>{6, 5});
    c.run.precision = dtype;
    c.training.seed = 17;
    Device device;
    const Problem p = make_problem(device, c);
    CHECK(p.train_samples() == 40);
    CHECK(p.test_samples() == 12);
    REQUIRE(p.train.size() == 2);
    CHECK(p.train[0].view().shape == Shape{40, 784});
    CHECK(p.train[0].view().dtype == dtype);
    CHECK(p.train[1].view().shape == Shape{40});
    CHECK(p.train[1].view().dtype == Dtype::i32);
    REQUIRE(p.objective.layout.size() == 6);
    CHECK(p.objective.layout[0].name == "dense0.weight");
    CHECK(p.objective.layout[4].shape == Shape{5, 4});
    CHECK(p.objective.layout.count() == 784 * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4);
    Array theta = p.objective.layout.make_vector(dtype);
    initialise(device, p.objective.layout, Init::lecun, 17, theta.view());
    CHECK(support::same_bytes(theta.view(), p.theta0.view()));

    // At θ = 0 every logit is 0: the loss is log 4, and the largest logit is the first one, right for a quarter.
    const Array zero = p.objective.layout.make_vector(dtype), g = p.objective.layout.make_vector(dtype);
    const LossAndCorrect at = Gradient(device, p.objective, p.train).evaluate(zero.view(), g.view());
    CHECK(at.loss == doctest::Approx(std::log(4.0)).epsilon(1e-14));
    CHECK(at.correct == 10);
    c.training.loss = Loss::mse;
    const Problem square = make_problem(device, c);
    CHECK(Gradient(device, square.objective, square.train).evaluate(zero.view(), g.view()).loss == 0.5);
  }
}

TEST_CASE("a problem moves without its views losing their memory") {
  Config c;
  c.data.train = c.data.test = 8;
  Device device;
  Problem first = make_problem(device, c);
  const void* x = first.train[0].view().data;
  const Problem second = std::move(first);
  CHECK(second.train[0].view().data == x);
  CHECK(second.data->train.x.view().data == x);
}

TEST_CASE("the records' bytes are let go where there are arrays, and counted while they are kept") {
  Config c;
  c.data.train = c.data.test = 40;
  Device device;
  const std::int64_t before = allocated_bytes(device);
  const Problem p = make_problem(device, c);
  std::int64_t arrays = p.theta0.view().bytes();
  for (const Dataset* data : {&p.data->train, &p.data->test}) {
    CHECK(data->rows == nullptr);
    arrays += data->x.view().bytes() + data->labels.view().bytes();
  }
  CHECK(allocated_bytes(device) - before - arrays >= 0);
  CHECK(allocated_bytes(device) - before - arrays < 5 * alignment_bytes);  // rounded up, each

  const std::int64_t without = allocated_bytes(device);
  const auto records = std::make_shared<const Records>(
      Records{{2, 2, 1}, std::vector<std::uint8_t>(4096), std::vector<std::uint8_t>(1024)});
  {
    const PictureRows rows(records, {{0}, {1}}, Dtype::f32, 1024);
    CHECK(allocated_bytes(device) - without == 4096 + 1024 + 256 * 4);
  }
  CHECK(allocated_bytes(device) == without);
}

TEST_CASE("dln: the start is θ₀, the target is y") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Config c;
    c.model = *find_kind(network_kinds(), "dln");
    c.model.options.set("start", std::vector<double>{1.5, -0.5, 2});
    c.model.options.set("target", 0.25);
    c.training.loss = Loss::mse;
    c.run.precision = dtype;
    Device device;
    const Problem p = make_problem(device, c);
    CHECK(p.test_samples() == 0);
    CHECK(p.objective.layout.count() == 3);
    const Array g = p.objective.layout.make_vector(dtype);
    const double r = 1.5 * -0.5 * 2 - 0.25;
    CHECK(Gradient(device, p.objective, p.train).evaluate(p.theta0.view(), g.view()).loss == 0.5 * r * r);
    const double expected[] = {r * -0.5 * 2, r * 1.5 * 2, r * 1.5 * -0.5};
    with_real(dtype, [&]<class T>(T) {
      for (int i = 0; i < 3; ++i) CHECK(*p.objective.layout.view(g.view(), i).as<T>() == static_cast<T>(expected[i]));
    });
  }
}

TEST_CASE("more eigenvalues than parameters are refused before anything is made") {
  const auto said = [](const std::string& top) {
    const Config c = brink::test::with({"model.name=dln", "measure.top=" + top});
    try {
      expect_memory(Device{}, c, trainer_options(c));
    } catch (const UsageError& e) { return std::string(e.what()); }
    return std::string("accepted");
  };
  CHECK(said("3") == "measure.top: expected at most 2, the number of the network's parameters, got 3");
  CHECK(said("2") == "accepted");
}
