// SPDX-License-Identifier: MIT
// Batches on the emulated device: rows that a list names, Gauss–Newton products and several vectors at a time, against the CPU's bits,
// with captured work that stays valid.
#include <doctest/doctest.h>

#include "autodiff/batch/linearized.h"
#include "kernels/cuda/context.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/short_run.h"
#include "tests/support/minibatch.h"

using namespace brink;
using support::Network;

TEST_CASE("a list of rows is gathered on the device: the bits of stored rows, and nothing is captured again") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Network n({.samples = 300, .hidden = {6}, .dtype = dtype});
    const support::Minibatch first(n, 200, 3), second(n, 200, 4);
    const support::Bits expected = first.stored(), then = second.stored();
    REQUIRE(support::first_difference(expected, then) == "loss");
    for (const std::int64_t chunk : {0, 128})
      for (const bool made : {false, true})
        for (const std::int64_t budget : {0, 1})
          for (const bool deferred : {false, true}) {
            CAPTURE(chunk);
            CAPTURE(made);
            CAPTURE(deferred);
            cuda::FakeRuntime fake;
            cuda::Context gpu;
            Device device{Where::cuda, nullptr, &gpu};
            support::ListedPass pass(device, n, made, 200, {chunk, budget});
            const emulator::Deferred work(deferred);
            CHECK(support::first_difference(pass.run(first.rows), expected) == "");
            const std::int64_t captures = fake.calls().captures;
            CHECK(captures == (made ? 0 : 3));  // gradient, linearisation, product
            CHECK(support::first_difference(pass.run(second.rows), then) == "");
            CHECK(support::first_difference(pass.run(first.rows, second.rows), expected) == "");
            CHECK(fake.calls().captures == captures);
          }
  }
}

TEST_CASE("a pair of graphs that outputs products alone has the CPU's bits on the device") {
  const Network n({.samples = 300, .hidden = {6}});
  const Array expected = n.vector();
  Device cpu;
  Linearized there(cpu, n.objective, support::squared_jacobian_of(n), n.data());
  (void)there.linearize_at(n.theta.view(), {});
  there.apply(n.v.view(), expected.view());
  cuda::FakeRuntime fake;
  cuda::Context gpu;
  Device device{Where::cuda, nullptr, &gpu};
  const support::Placed on(device, n);
  const Array product = n.objective.layout.make_vector(n.options.dtype, device);
  Linearized here(device, n.objective, support::squared_jacobian_of(n), on.data());
  (void)here.linearize_at(on.theta.view(), {});
  here.apply(on.v.view(), product.view());
  CHECK(support::same_bytes(to_host(device, product.view()).view(), expected.view()));
}

TEST_CASE("Gauss–Newton products, and products of several vectors at a time, have the CPU's bits on the device") {
  constexpr int count = 5;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const bool newton : {false, true}) {
      const Network n({.samples = 300, .hidden = {6}, .dtype = dtype});
      const LinearizedBuilder build =
          newton ? gauss_newton_of(n.model, n.options.loss, dtype) : hessian_of(n.objective);
      const ParameterLayout several = n.objective.layout.repeated(count);
      const Array vectors = support::direction(several, dtype, 31), expected = several.make_vector(dtype),
                  g = n.vector();
      Device cpu;
      Linearized there(cpu, n.objective, build, n.data());
      there.linearize_at(n.theta.view(), g.view());
      there.apply(vectors.view(), expected.view());
      for (const int together : {1, 2, 5})
        for (const std::int64_t chunk : {0, 128})
          for (const std::int64_t budget : {0, 1}) {
            CAPTURE(together);
            CAPTURE(chunk);
            cuda::FakeRuntime fake;
            cuda::Context gpu;
            Device device{Where::cuda, nullptr, &gpu};
            const support::Placed on(device, n);
            const Array from = to_device(device, vectors.view()), into = several.make_vector(dtype, device),
                        gradient = n.objective.layout.make_vector(dtype, device);
            Linearized here(device, n.objective, build, on.data(), {chunk, budget}, together);
            std::int64_t captures = 0;
            for (const bool again : {false, true}) {
              set_zero(device, into.view());
              here.linearize_at(on.theta.view(), gradient.view());
              here.apply(from.view(), into.view());
              CHECK(support::same_bytes(to_host(device, into.view()).view(), expected.view()));
              CHECK(support::same_bytes(to_host(device, gradient.view()).view(), g.view()));
              if (again) CHECK(fake.calls().captures == captures);
              captures = fake.calls().captures;
            }
            CHECK(captures == (together == 2 ? 3 : 2));  // linearisation, products together, one left over
          }
    }
}
