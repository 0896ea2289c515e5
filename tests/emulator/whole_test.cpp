// SPDX-License-Identifier: MIT
// B6 of docs/promises.md without a GPU: everything that is computed from a network, and whole runs of `train`, on the emulated
// device. Also what the device does to a run: memory that ends, errors that stick (R4, R5), and how often the host waits.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "kernels/cuda/context.h"
#include "models/convolutional.h"
#include "tests/bits/whole_computation.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/short_run.h"

using namespace brink;
using emulator::Deferred;
using emulator::Run;
using emulator::run;
using emulator::Unprotected;
using support::Network;

namespace {

const support::NetworkOptions relu_f32{
    .samples = 300, .hidden = {9, 7}, .activation = Activation::relu, .loss = Loss::cross_entropy, .dtype = Dtype::f32};
const support::NetworkOptions tanh_f64{
    .samples = 300, .hidden = {9, 7}, .activation = Activation::tanh, .loss = Loss::mse, .dtype = Dtype::f64};

}  // namespace

TEST_CASE("B6: loss, derivatives, spectrum and trajectory on the device are the CPU's, for every chunk and schedule") {
  for (const auto& options : {relu_f32, tanh_f64}) {
    CAPTURE(name_of(options.dtype));
    const Network n(options);
    const support::Bits cpu = support::compute(n, {.chunk = 128, .steps = 5});
    cuda::Context gpu;
    std::uint64_t schedule = 0;
    for (const std::int64_t chunk : {0, 128, 256}) {
      CAPTURE(chunk);
      emulator::set_schedule(++schedule);
      cuda::emulated_runtime().set_protected(chunk == 256);
      const Deferred work(chunk == 128);
      CHECK(support::first_difference(support::compute(n, {.chunk = chunk, .steps = 5, .gpu = &gpu}), cpu) == "");
      // The host makes the samples while the device works, and copies them.
      CHECK(support::first_difference(support::compute(n, {.chunk = chunk, .steps = 5, .gpu = &gpu, .made = true}),
                                      cpu) == "");
    }
  }
}

TEST_CASE("B6: the same of networks with GhostBatchNorm, by one ghost group and whole") {
  const Unprotected fast;
  const GhostGroups groups{.batch = 3};
  const support::NetworkOptions options{.samples = 8, .loss = Loss::cross_entropy, .dtype = Dtype::f32};
  for (const Model& m : {vgg({6, 6, 2}, {4, 5, 3}, 3, groups), resnet20({4, 4, 2}, {2, 3, 4}, 3, groups)}) {
    const Network n(options, m);
    const support::Bits cpu = support::compute(n, {.chunk = 3, .steps = 2});
    cuda::Context gpu;
    for (const std::int64_t chunk : {0, 3}) {
      CAPTURE(chunk);
      emulator::set_schedule(static_cast<std::uint64_t>(chunk) + 1);
      const Deferred work(chunk == 3);
      CHECK(support::first_difference(support::compute(n, {.chunk = chunk, .steps = 2, .gpu = &gpu}), cpu) == "");
    }
  }
}

TEST_CASE("B6: the same of an AlexNet, by one group of samples and whole") {
  const Unprotected fast;
  const Model m = alexnet({7, 7, 1}, 2, {3}, 3);
  const Network n({.samples = m.group + 4, .loss = Loss::cross_entropy, .dtype = Dtype::f32}, m);
  const support::Bits cpu = support::compute(n, {.chunk = m.group, .steps = 1});
  cuda::Context gpu;
  for (const std::int64_t chunk : {std::int64_t{0}, m.group}) {
    CAPTURE(chunk);
    emulator::set_schedule(static_cast<std::uint64_t>(chunk) + 1);
    CHECK(support::first_difference(support::compute(n, {.chunk = chunk, .steps = 1, .gpu = &gpu}), cpu) == "");
  }
}

TEST_CASE("train --device cuda writes the CPU's metrics.csv to the byte and names the GPU") {
  const Unprotected fast;
  const Run cpu = run({}, "cpu"), gpu = run({}, "cuda"), chunked = run({"run.chunk=128"}, "cuda");
  REQUIRE(cpu.code == ExitCode::done);
  REQUIRE(cpu.metrics.size() > 500);
  CHECK_MESSAGE(gpu.code == ExitCode::done, gpu.said);
  CHECK(gpu.metrics == cpu.metrics);
  CHECK(chunked.metrics == cpu.metrics);
  CHECK(cpu.record["device"] == "cpu");
  CHECK(gpu.record["device"] != "cpu");
  CHECK(gpu.record["chunk_samples"] == 400);
  CHECK(chunked.record["chunk_samples"] == 128);
}

TEST_CASE("the same under a rule that preconditions, with its effective sharpness and quantiles") {
  const Unprotected fast;
  for (const char* rule : {"rmsprop", "adam", "clipped_ada"}) {
    CAPTURE(rule);
    const std::vector<std::string> sets{std::string("training.rule=").append(rule), "training.learning_rate=0.01",
                                        "training.weight_decay=0.1", "measure.effective.every=1"};
    const Run cpu = run(sets, "cpu"), gpu = run(sets, "cuda");
    REQUIRE(cpu.code == ExitCode::done);
    CHECK_MESSAGE(gpu.code == ExitCode::done, gpu.said);
    CHECK(gpu.metrics == cpu.metrics);
    CHECK(cpu.metrics.find("lambda_eff") != std::string::npos);
  }
}

TEST_CASE("minibatches on a GPU have the CPU's bytes, for each kind of rule and between rows as well") {
  const Unprotected fast;
  for (const char* rule : {"training.rule=sgd", "training.rule=noise_scaled", "training.rule=momentum"}) {
    const std::vector<std::string> sets{rule, "training.batch=160", "training.steps=4"};
    CAPTURE(rule);
    const Run cpu = run(sets, "cpu"), gpu = run(sets, "cuda");
    REQUIRE(cpu.code == ExitCode::done);
    CHECK_MESSAGE(gpu.code == ExitCode::done, gpu.said);
    CHECK(gpu.metrics == cpu.metrics);
    CHECK(std::ranges::count(cpu.metrics, '\n') == 4);  // the header and steps 0, 3 and 4
  }
}

TEST_CASE("projected updates on a GPU have the CPU's bytes") {
  const Unprotected fast;
  const std::vector<std::string> sets{"training.project=remove", "training.learning_rate=0.2", "training.steps=3"};
  const Run cpu = run(sets, "cpu"), gpu = run(sets, "cuda");
  REQUIRE_MESSAGE(cpu.code == ExitCode::done, cpu.said);
  CHECK_MESSAGE(gpu.code == ExitCode::done, gpu.said);
  CHECK(gpu.metrics == cpu.metrics);
  CHECK(run({sets[1], sets[2]}, "cpu").metrics != cpu.metrics);  // control: something was removed
}

TEST_CASE(
    "R4: where memory ends, an automatic chunk shrinks to the same digests and says so; a given one says what fits") {
  const Unprotected fast;
  constexpr std::int64_t samples = 4000;  // activations, which a chunk divides, must outweigh vectors of parameters
  const Run whole = run({"measure.top=0"}, "cuda", samples);
  REQUIRE(whole.code == ExitCode::done);
  cuda::FakeRuntime fake;
  fake.largest_allocation_bytes = std::int64_t{32} << 20;  // less than a slab: no memory is held in reserve
  const auto with_capacity = [&](std::int64_t bytes, const std::vector<std::string>& sets) {
    fake.capacity_bytes = bytes;
    return run(sets, "cuda", samples);
  };
  // The least memory in which the run fits at all, and the most in which the whole batch does not.
  bool shrunk = false, refused = false;
  for (std::int64_t bytes = std::int64_t{17} << 20; bytes > 0 && !(shrunk && refused); bytes -= std::int64_t{1} << 18) {
    const Run r = with_capacity(bytes, {"measure.top=0"});
    CAPTURE(bytes);
    CAPTURE(r.said);
    if (r.code == ExitCode::done) {
      CHECK(r.metrics == whole.metrics);
      if (r.record["chunk_samples"] == samples) continue;
      shrunk = true;
      CHECK(r.said.find("out of memory with a chunk of 4000 samples (") != std::string::npos);
      CHECK(r.said.find("to the same bits") != std::string::npos);
      const Run given = with_capacity(bytes, {"measure.top=0", "run.chunk=4000"});
      CHECK(given.code == ExitCode::device);
      CHECK(given.said.find("out of memory with run.chunk = 4000: ") != std::string::npos);
      CHECK(given.said.find("fits and gives the same bits") != std::string::npos);
    } else {
      REQUIRE(r.code == ExitCode::device);
      CHECK(r.said.find("out of memory") != std::string::npos);
      refused = true;
    }
  }
  CHECK(shrunk);
  CHECK(refused);
}

TEST_CASE("R5: no driver, no GPU, an old driver, an architecture without code: exit 6 and one line") {
  const auto said = [](const std::function<void(cuda::FakeRuntime&)>& play) {
    cuda::FakeRuntime fake;
    play(fake);
    const Run r = run({}, "cuda");
    CHECK(r.code == ExitCode::device);
    CHECK(std::ranges::count(r.said, '\n') == 1);
    CHECK(r.metrics.empty());
    return r.said;
  };
  CHECK(said([](auto& f) { f.has_driver = false; }) ==
        "run.device = \"cuda\": no NVIDIA driver was found; give --device cpu, or leave --device out\n");
  CHECK(said([](auto& f) { f.devices = 0; }).find("sees no GPU") != std::string::npos);
  CHECK(said([](auto& f) { f.driver_version = 11080; }).find("driver is too old") != std::string::npos);
  CHECK(said([](auto& f) { f.has_kernel_image = false; }).find("no code for") != std::string::npos);
  CHECK(said([](auto& f) { f.driver_refusal = 803; }).find("different versions") != std::string::npos);
}

TEST_CASE(
    "an error that sticks ends the run at once with exit 6 and the call's name; what was written stays readable") {
  const Unprotected fast;
  cuda::FakeRuntime fake;
  REQUIRE(run({}, "cuda").code == ExitCode::done);
  const std::int64_t calls = fake.calls().all;
  for (const std::int64_t n : {calls / 7, calls / 2, calls - calls / 9}) {
    cuda::FakeRuntime broken;
    broken.stick(n, 700);
    const Run r = run({}, "cuda");
    CAPTURE(r.said);
    CHECK(r.code == ExitCode::device);
    CHECK(r.said.find("[cuda] ") != std::string::npos);
    CHECK(r.said.find("(700)") != std::string::npos);
  }
}

TEST_CASE("a step captures nothing new, allocates nothing, and the host waits only where it reads scalars") {
  const Network n(relu_f32);
  cuda::FakeRuntime fake;
  cuda::Context gpu;
  Device device{Where::cuda, nullptr, &gpu};
  const support::Placed on(device, n);
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(0.1);
  options.tracker = TrackerOptions{.top = 1, .bottom = 1, .cold_check = 0, .budget = 40, .max_basis = 24};
  Trainer trainer(device, n.objective, on.data(), on.data(), options, n.theta.view());
  for (int t = 0; t < 6; ++t) {  // four θ take turns, so evaluation is captured four times
    trainer.observe();
    trainer.update();
  }
  const auto before = fake.calls();
  const int steps = 4;
  int products = 0;
  for (int t = 0; t < steps; ++t) {
    trainer.observe();
    products += trainer.seen().products;
    trainer.update();
  }
  const auto after = fake.calls();
  CHECK(after.captures == before.captures);
  CHECK(after.allocations == before.allocations);
  CHECK(after.replays - before.replays == products + 2 * steps);
  // A product: one wait for what recurrence and sweep found, one more for a further sweep. A step: four (scalars_test.cpp).
  CHECK(after.synchronisations - before.synchronisations <= 2 * products + 4 * steps);
}
