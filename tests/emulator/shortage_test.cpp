// SPDX-License-Identifier: MIT
// Memory that ends outside of brink's own allocations (R4 of docs/promises.md): a shortage in the CUDA runtime, for pinned
// pages, graphs, their launches and modules, leads to a smaller chunk or ends the run with one line. Also data that no chunk
// makes smaller.
#include <doctest/doctest.h>

#include <limits>

#include "kernels/cuda/context.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/short_run.h"
#include "training/run/fit.h"

using namespace brink;
using cuda::FakeRuntime;
using emulator::Run;
using emulator::run;
using emulator::Unprotected;

TEST_CASE("R4: memory that the CUDA runtime lacks for itself, at any call, ends in a smaller chunk or one line") {
  const Unprotected fast;
  FakeRuntime::Calls calls;
  Run whole;
  {
    const FakeRuntime fake;
    whole = run({}, "cuda");
    REQUIRE_MESSAGE(whole.code == ExitCode::done, whole.said);
    REQUIRE(whole.record["products"] > 0);
    calls = fake.calls();
  }
  struct Kind {
    const char* name;
    FakeRuntime::Shortage FakeRuntime::*shortage;
    std::int64_t count;
  };
  for (const Kind& kind : {Kind{"pinned", &FakeRuntime::short_pinned, calls.pinned},
                           Kind{"instantiate", &FakeRuntime::short_instantiations, calls.instantiations},
                           Kind{"replay", &FakeRuntime::short_replays, calls.replays},
                           Kind{"launch", &FakeRuntime::short_launches, calls.launches}}) {
    CAPTURE(kind.name);
    REQUIRE(kind.count > 3);
    int shrunk = 0, refused = 0;
    for (const std::int64_t n : {std::int64_t{1}, std::int64_t{3}, kind.count / 4, kind.count / 2, kind.count})
      for (const bool once : {true, false}) {
        if (!once && n != kind.count / 4) continue;
        CAPTURE(n);
        CAPTURE(once);
        FakeRuntime fake;
        fake.*kind.shortage = {n, once ? n + 1 : std::numeric_limits<std::int64_t>::max()};
        const Run r = run({}, "cuda");
        CAPTURE(r.said);
        CHECK(r.said.find("out of memory") != std::string::npos);
        CHECK(r.said.find("[cuda]") == std::string::npos);
        if (r.code == ExitCode::done) {
          ++shrunk;
          CHECK(r.metrics == whole.metrics);
          CHECK(r.record["chunk_samples"] < whole.record["chunk_samples"]);
          CHECK(r.said.find("to the same bits") != std::string::npos);
        } else {
          ++refused;
          CHECK(r.code == ExitCode::device);
        }
      }
    CHECK(shrunk > 0);
    CHECK(refused > 0);
  }
}

TEST_CASE("data larger than the device's memory: one line says how large, and names no chunk") {
  const Unprotected fast;
  FakeRuntime fake;
  fake.largest_allocation_bytes = std::int64_t{32} << 20;
  fake.capacity_bytes = std::int64_t{5} << 20;
  const Run r = run({}, "cuda", 4000);
  CHECK(r.code == ExitCode::device);
  // 4040 samples of 784 values and a label, four bytes each; 5 MiB without what a context takes.
  CHECK(r.said ==
        "out of memory: the data need 12685600 bytes of the device's memory, 4161536 are free; choose a smaller "
        "data.train or data.test, or give --device cpu\n");
}

TEST_CASE("F4: what is counted of a GPU's memory is what is allocated there") {
  const Unprotected fast;
  for (const char* chunk : {"auto", "128"})
    for (const char* model : {"mlp", "vgg"}) {
      CAPTURE(chunk);
      CAPTURE(model);
      std::vector<std::string> sets{"data.name=synthetic-cifar", "data.train=300", "data.test=20",
                                    std::string("model.name=") + model, std::string("run.chunk=") + chunk};
      if (std::string(model) == "vgg") sets.insert(sets.end(), {"model.channels=[2]", "model.ghost_batch=64"});
      const Config c = load_config({{}, sets, {}});
      cuda::Context context;
      Device device{Where::cuda, nullptr, &context};
      const auto sizes = [&](Device& on) {
        const std::int64_t before = allocated_bytes(on);
        const Problem p = make_problem(on, c);
        TrainerOptions o;
        o.batch.chunk = c.run.chunk;
        o.evaluation = p.evaluation;
        o.tracker = TrackerOptions{};
        const Trainer trainer(on, p.objective, p.train, p.test, o, p.theta0.view());
        return allocated_bytes(on) - before;
      };
      MemoryCount count = count_memory(device);
      Device counting = count.on(device);
      const std::int64_t before = context.allocated_bytes(), predicted = sizes(counting);
      CHECK(context.allocated_bytes() == before);
      CHECK(predicted > 0);
      CHECK(predicted == sizes(device));
    }
}
