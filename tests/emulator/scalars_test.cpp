// SPDX-License-Identifier: MIT
// Numbers that stay on the device until many are read together: which waits there are, what each waits for, and that a number
// read before its wait is found to be wrong.
#include "kernels/scalars.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/cuda/context.h"
#include "kernels/reduce/reduce.h"
#include "kernels/stopwatch.h"
#include "models/convolutional.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/short_run.h"
#include "tests/support/networks.h"
#include "training/loop.h"

using namespace brink;
using emulator::Deferred;
using emulator::Run;
using emulator::run;
using emulator::Unprotected;

namespace {

/// A runtime in which no event is waited for.
struct WithoutWaits final : cuda::FakeRuntime {
  cuda::Status wait(Event) override { return cuda::success; }
};

Array ones(const Device& device, std::int64_t n) {
  Array host(Shape{n}, Dtype::f32);
  for (float& x : host.span<float>()) x = 1;
  Device d = device;
  return to_device(d, host.view());
}

/// What the host reads of a sum, with a runtime that may omit waits.
template <class Runtime>
double sum_of_four_ones() {
  const Runtime runtime;
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const Array x = ones(d, 4);
  Scalars s(d, 1);
  const Deferred deferred;
  sum(d, x.view(), s[0]);
  return s.read(0, 1)[0];
}

}  // namespace

TEST_CASE("numbers of several kernels, and of kernels that take them from the device, come with one wait") {
  for (const bool deferred : {false, true}) {
    cuda::FakeRuntime fake;
    cuda::Context gpu;
    Device d{Where::cuda, nullptr, &gpu};
    const Array x = ones(d, 9), y = ones(d, 9);
    Scalars s(d, 4);
    const Deferred work(deferred);
    const std::int64_t before = fake.calls().synchronisations;
    norm(d, x.view(), s[0]);
    map_scalars(d, s[0], 1, Quotient{6, 0}, s[1]);
    scale(d, x.view(), s[1], x.view());
    dot(d, x.view(), y.view(), s[2]);
    sum(d, x.view(), s[3]);
    CHECK(fake.calls().synchronisations == before);
    const std::span<const double> found = s.read(0, 4);
    CHECK(fake.calls().synchronisations == before + 1);
    CHECK(std::vector<double>(found.begin(), found.end()) == std::vector<double>{3, 2, 18, 18});
    CHECK(s.receive().data() == found.data());
    CHECK(fake.calls().synchronisations == before + 1);  // it has been waited for
  }
}

TEST_CASE("a wait is for what was enqueued before the sending, and is left out where a later one has been") {
  cuda::FakeRuntime fake;
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const Array x = ones(d, 4);
  Scalars early(d, 1), late(d, 1);
  const Deferred deferred;
  sum(d, x.view(), early[0]);
  early.send(0, 1);
  float behind = 0;
  gpu.copy(&behind, x.view().data, sizeof behind);
  set_zero(d, x.view());
  sum(d, x.view(), late[0]);
  late.send(0, 1);
  const std::int64_t before = fake.calls().synchronisations;
  SUBCASE("one after the other") {
    CHECK(early.receive()[0] == 4);
    CHECK(std::isnan(behind));  // has not landed
    CHECK(late.receive()[0] == 0);
    CHECK(behind == 1);
    CHECK(fake.calls().synchronisations == before + 2);
  }
  SUBCASE("the later one first") {
    CHECK(late.receive()[0] == 0);
    CHECK(early.receive()[0] == 4);
    CHECK(fake.calls().synchronisations == before + 1);
  }
}

TEST_CASE("control: a number that is read before its wait is poison, and one that was never sent is refused") {
  CHECK(sum_of_four_ones<cuda::FakeRuntime>() == 4);
  CHECK(std::isnan(sum_of_four_ones<WithoutWaits>()));
  cuda::Context gpu;
  Scalars never(Device{Where::cuda, nullptr, &gpu}, 1);
  CHECK_THROWS_AS((void)never.receive(), std::logic_error);
}

TEST_CASE("train: deferred work gives the CPU's bytes; control: without the waits it does not") {
  const Unprotected fast;
  const Run cpu = run({}, "cpu");
  const Deferred deferred;
  CHECK(run({}, "cuda").metrics == cpu.metrics);
  const WithoutWaits none;
  CHECK(run({}, "cuda").metrics != cpu.metrics);
}

TEST_CASE("main job: the host waits once a product and four times a step") {
  const Unprotected fast;
  // The four: loss and gradient norm; the size of Lanczos's start; the Ritz pairs; test samples and distances. θ, for the
  // digest, has been in flight since the gradient.
  struct Count {
    std::int64_t waits, products, allocations;
  };
  const auto count = [](int steps) {
    cuda::FakeRuntime fake;
    // A rate at which λ₁ stays below 2/η: no event asks for a cold run.
    const Run r = run({"training.steps=" + std::to_string(steps), "training.learning_rate=0.01",
                       "model.hidden=[32,32,32,32]", "measure.cold_check=0"},
                      "cuda", 128);
    REQUIRE_MESSAGE(r.code == ExitCode::done, r.said);
    return Count{fake.calls().synchronisations, r.record["products"], fake.calls().allocations};
  };
  const Count few = count(6), more = count(10);
  CHECK(more.waits - few.waits == more.products - few.products + 4 * 4);
  CHECK(more.allocations == few.allocations);
}

TEST_CASE("a network with GhostBatchNorm: telling times waits for nothing, with either Hessian") {
  const Unprotected fast;
  const support::Network n({.samples = 8, .loss = Loss::cross_entropy, .dtype = Dtype::f32},
                           vgg({6, 6, 2}, {4, 5}, 3, {.batch = 3}));
  constexpr int warm = 2, steps = 3;
  // If work runs at the wait, a stopwatch that is read too early has to wait; otherwise its interval is over.
  const auto waits = [&](bool evaluation, bool is_deferred) {
    cuda::FakeRuntime fake;
    cuda::Context gpu;
    Device d{Where::cuda, nullptr, &gpu};
    const support::Placed on(d, n);
    const std::vector<View> data = on.data();
    TrainerOptions options;
    options.schedule = std::make_shared<ConstantRate>(0.01);
    options.tracker = TrackerOptions{.top = 1, .bottom = 0, .cold_check = 0, .budget = 40, .max_basis = 24};
    options.evaluation = EvaluationMode{n.model, n.options.loss, evaluation};
    Trainer trainer(d, n.objective, data, data, options, n.theta.view());
    const Deferred deferred(is_deferred);
    std::int64_t before = 0;
    int products = 0;
    for (int t = 0; t < warm + steps; ++t) {
      if (t == warm) before = fake.calls().synchronisations;
      trainer.step();
      if (t >= warm) products += trainer.seen().products;
    }
    const std::int64_t found = fake.calls().synchronisations - before;
    CHECK(found <= 2 * products + 4 * steps);
    return found;
  };
  for (const bool evaluation : {false, true}) CHECK(waits(evaluation, true) == waits(evaluation, false));
}

TEST_CASE("a stopwatch tells the device's time of what it did, not the host's of enqueueing it") {
  cuda::FakeRuntime fake;
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const Array x = ones(d, 4096);
  Stopwatch time(d);
  const Deferred deferred;
  for (int i = 0; i < 2; ++i) {
    time.start();
    for (int k = 0; k < 10; ++k) scale(d, x.view(), 1, x.view());
    time.stop();
    gpu.synchronize();
  }
  const std::int64_t before = fake.calls().synchronisations;
  const double both = time.ms();
  CHECK(both > 0);
  CHECK(fake.calls().synchronisations == before);
  time.start();
  time.stop();
  CHECK(time.ms() >= both);  // not reached yet: waited for
  CHECK(fake.calls().synchronisations == before + 1);
  time.reset();
  CHECK(time.ms() == 0);
}
