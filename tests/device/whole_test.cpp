// SPDX-License-Identifier: MIT
// Loss, gradient, Hessian–vector products, Lanczos and a trajectory on the GPU against the CPU, byte for byte.
#include <doctest/doctest.h>

#include "kernels/memory.h"
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

void compare(cuda::Context& context, const Workload& w) {
  CAPTURE(w.name);
  const support::Network n(w.options);
  const support::Bits cpu = support::compute(n, {.threads = available_threads(), .steps = w.steps});
  for (const std::int64_t chunk : {0, 128, 256}) {
    CAPTURE(chunk);
    const support::Bits gpu = support::compute(n, {.chunk = chunk, .steps = w.steps, .gpu = &context});
    CHECK(support::first_difference(gpu, cpu) == "");
    if (chunk != 0) continue;
    for (const auto& part : gpu.parts) {
      const View bytes[] = {view_of(part.bytes.data(), {static_cast<std::int64_t>(part.bytes.size())})};
      device_tests::record(std::string(w.name) + ": " + part.name, digest(bytes));
    }
  }
}

}  // namespace

TEST_CASE(
    "whole: loss, derivatives, spectrum and trajectory on the GPU are the CPU's to the last bit, for every chunk") {
  if (const auto context = device_tests::gpu("whole"))
    for (const Workload& w : workloads) compare(*context, w);
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
