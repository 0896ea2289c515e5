// SPDX-License-Identifier: MIT
// Loss, gradient, Hessian–vector products, Lanczos and a trajectory on the GPU against the CPU, byte for byte.
#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "kernels/memory.h"
#include "models/convolutional.h"
#include "tests/bits/whole_computation.h"
#include "tests/device/gpu.h"

using namespace brink;

namespace {

struct Workload {
  const char* name;
  support::NetworkOptions options;
  int steps;
};
const Workload workloads[] = {
    {"relu, cross-entropy, float32",
     {.samples = 300,
      .hidden = {9, 7},
      .activation = Activation::relu,
      .loss = Loss::cross_entropy,
      .dtype = Dtype::f32},
     10},
    {"tanh, squared loss, float64",
     {.samples = 300, .hidden = {9, 7}, .activation = Activation::tanh, .loss = Loss::mse, .dtype = Dtype::f64},
     10}};
// The main job's network.
const Workload main_job{"784-32-32-32-32-4, float32",
                        {.samples = 1000,
                         .hidden = {32, 32, 32, 32},
                         .activation = Activation::relu,
                         .loss = Loss::cross_entropy,
                         .dtype = Dtype::f32,
                         .inputs = 784},
                        20};

void compare(cuda::Context& context, const std::string& name, const support::Network& n, const support::Plan& plan,
             std::initializer_list<std::int64_t> chunks) {
  CAPTURE(name);
  support::Plan on = plan;
  on.threads = available_threads();
  const support::Bits cpu = support::compute(n, on);
  on.gpu = &context;
  for (const std::int64_t chunk : chunks) {
    CAPTURE(chunk);
    on.chunk = chunk;
    const support::Bits gpu = support::compute(n, on);
    CHECK(support::first_difference(gpu, cpu) == "");
    if (chunk != 0) continue;
    for (const auto& part : gpu.parts) {
      const View bytes[] = {view_of(part.bytes.data(), {static_cast<std::int64_t>(part.bytes.size())})};
      device_tests::record(name + ": " + part.name, digest(bytes));
    }
  }
}

void compare(cuda::Context& context, const Workload& w) {
  compare(context, w.name, support::Network(w.options), {.steps = w.steps}, {0, 128, 256});
}

}  // namespace

TEST_CASE(
    "whole: loss, derivatives, spectrum and trajectory on the GPU are the CPU's to the last bit, for every chunk") {
  if (const auto context = device_tests::gpu("whole"))
    for (const Workload& w : workloads) compare(*context, w);
}

TEST_CASE("whole: the same of networks with convolutions, pooling and GhostBatchNorm") {
  const auto context = device_tests::gpu("whole networks with convolutions");
  if (!context) return;
  const support::NetworkOptions options{.samples = 8, .loss = Loss::cross_entropy, .dtype = Dtype::f32};
  const support::Network normalised(options, vgg({6, 6, 2}, {4, 5}, 3, {.batch = 3}));
  compare(*context, "vgg", normalised, {.chunk = 3, .steps = 3}, {0, 3});
  const support::NetworkOptions squared{.samples = 130, .loss = Loss::mse, .dtype = Dtype::f32};
  compare(*context, "alexnet", support::Network(squared, alexnet({7, 7, 1}, 2, {4}, 3)), {.steps = 2}, {0, 128});
}

TEST_CASE("main job: the same for its network" * doctest::skip()) {
  if (const auto context = device_tests::gpu("main job")) compare(*context, main_job);
}

TEST_CASE("control: a bit turned round in what is found of a network is seen") {
  const support::Network n(workloads[0].options);
  support::Bits a = support::compute(n, {.steps = 2});
  const support::Bits b = a;
  a.parts.back().bytes.back() ^= 1;
  CHECK(support::first_difference(a, b) == "last digest");
}
