// SPDX-License-Identifier: MIT
// Captured work: what a failure leaves behind, and addresses that change between two runs.
#include "kernels/replay.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "kernels/cuda/context.h"
#include "kernels/map/map.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/support/networks.h"

using namespace brink;
using support::Network;

namespace {

struct Doubling {
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  Array x = zeros({2}, Dtype::f32, d);
  Replay replay;

  Doubling() { set(1); }
  void set(float value) {
    Array host({2}, Dtype::f32);
    for (float& to : host.span<float>()) to = value;
    copy(d, x.view(), host.view());
    synchronize(d);
  }
  void run(bool throws = false) {
    void* const memory[] = {x.view().data};
    replay.run(d, memory, [&] {
      map<Add>(d, x.view(), {x.view(), x.view()});
      if (throws) throw std::runtime_error("in between");
    });
  }
  float value() { return to_host(d, x.view()).span<float>()[1]; }
};

}  // namespace

TEST_CASE("work that throws while it is captured leaves a stream that captures nothing, and no graph") {
  cuda::FakeRuntime fake;
  Doubling twice;
  CHECK_THROWS_AS(twice.run(true), std::runtime_error);
  CHECK(twice.value() == 1);  // which waits for the stream: no stream that captures can be waited for
  CHECK(twice.replay.captures() == 0);
  twice.run();
  twice.run();
  CHECK(twice.value() == 4);
  CHECK(twice.replay.captures() == 1);
}

TEST_CASE("a kernel without memory while it is captured is out of memory; the next try captures") {
  cuda::FakeRuntime fake;
  Doubling twice;
  const std::int64_t next = fake.calls().launches + 1;
  fake.short_launches = {next, next + 1};
  CHECK_THROWS_AS(twice.run(), OutOfMemory);
  twice.run();
  CHECK(twice.value() == 2);
}

TEST_CASE("a graph that cannot be made, or not be launched, is out of memory; the next try makes it") {
  cuda::FakeRuntime fake;
  Doubling twice;
  SUBCASE("made") {
    fake.short_instantiations = {1, 2};
    CHECK_THROWS_AS(twice.run(), OutOfMemory);
    CHECK(twice.replay.captures() == 0);
  }
  SUBCASE("launched") {
    fake.short_replays = {1, 2};
    CHECK_THROWS_AS(twice.run(), OutOfMemory);
    CHECK(twice.replay.captures() == 1);
  }
  CHECK(twice.value() == 1);
  twice.run();
  twice.run();
  CHECK(twice.value() == 4);
  CHECK(twice.replay.captures() == 1);
}

TEST_CASE("an arena that grew after a capture: what was captured with the old one runs no more") {
  cuda::FakeRuntime fake;
  fake.largest_allocation_bytes = std::int64_t{32} << 20;  // less than a slab: buffers have memory of their own
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const BatchOptions batch{.arenas = std::make_shared<Arenas>()};
  const Network small({.samples = 40, .hidden = {5}}), large({.samples = 40, .hidden = {90, 90}});
  const support::Placed on(d, small), on_large(d, large);
  const Array gradient = small.objective.layout.make_vector(Dtype::f64, d);
  const std::vector<View> data = on.data(), more = on_large.data();
  Gradient first(d, small.objective, data, batch);
  (void)first.evaluate(on.theta.view(), gradient.view());
  const Array expected = to_host(d, gradient.view());
  (void)first.evaluate(on.theta.view(), gradient.view());
  const std::int64_t captures = fake.calls().captures;
  CHECK(captures == 1);

  const void* const before = batch.arenas->front()->data();
  const Gradient second(d, large.objective, more, batch);
  REQUIRE(batch.arenas->front()->data() != before);
  const Array other = zeros({8}, Dtype::f64, d);
  REQUIRE(other.view().data == before);  // in use by another owner now
  set_zero(d, gradient.view());
  (void)first.evaluate(on.theta.view(), gradient.view());
  CHECK(fake.calls().captures == captures + 1);
  CHECK(support::same_bytes(to_host(d, gradient.view()).view(), expected.view()));
  CHECK(support::same_bytes(to_host(d, other.view()).view(), zeros({8}, Dtype::f64).view()));
}
