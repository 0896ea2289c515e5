// SPDX-License-Identifier: MIT
// Observation of a run on a CUDA device: traces with the device's own times and NVTX ranges, neither of which changes the run.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "kernels/cuda/context.h"
#include "kernels/memory.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/training/temporary_folder.h"
#include "tests/training/trace_check.h"
#include "training/io/console.h"
#include "training/run/trace.h"
#include "training/run/train.h"

using namespace brink;
using test::Trace;

namespace {

/// Without memory protection, whose system calls would take nine tenths of the time.
struct Unprotected {
  Unprotected() { cuda::emulated_runtime().set_protected(false); }
  ~Unprotected() { cuda::emulated_runtime().set_protected(true); }
  Unprotected(const Unprotected&) = delete;
  Unprotected& operator=(const Unprotected&) = delete;
};

struct Run {
  std::string metrics, trace;
};
Run run(const char* device, bool trace, Ranges ranges = Ranges::none) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> sets{"data.train=400", "data.test=40", "training.steps=2", "model.hidden=[8]",
                                      "measure.bottom=0"};
  Console silent(-1);
  const TrainOptions options{folder / "run", false, trace ? folder / "trace.json" : "", ranges};
  REQUIRE(train(load_config({{}, sets, {{"device", device}}}), options, silent) == ExitCode::done);
  return {test::read_text(folder / "run/metrics.csv"), test::read_text(folder / "trace.json")};
}

/// Events for times cannot be recorded; everything else works.
struct WithoutEvents final : cuda::FakeRuntime {
  cuda::Status create_event(Event& e, EventUse use) override {
    const cuda::Status s = FakeRuntime::create_event(e, use);
    if (use == EventUse::time) timed.insert(e);
    return s;
  }
  cuda::Status record(Event e, Stream s) override { return timed.contains(e) ? 801 : FakeRuntime::record(e, s); }
  std::set<Event> timed;
};

std::int64_t count(const std::vector<std::string>& ranges, const std::string& name) {
  return std::ranges::count(ranges, name);
}

}  // namespace

TEST_CASE(
    "train --device cuda --trace: the CPU's metrics.csv; the device's track has every layer, nested, with its shapes") {
  const Unprotected fast;
  cuda::FakeRuntime fake;
  const Run cpu = run("cpu", false), gpu = run("cuda", true);
  CHECK(cpu.metrics.size() > 300);
  CHECK(gpu.metrics == cpu.metrics);
  CHECK(fake.calls().captures == 0);  // nodes of a replayed graph would have no names
  CHECK(fake.calls().events > 1000);

  const Trace t(gpu.trace);
  CHECK(t.overlap() == "");
  CHECK(!t.json["otherData"].contains("no device times"));
  CHECK(t.json["otherData"]["about"].get<std::string>().find("emulated GPU") == 0);
  for (const char* name :
       {"dense0 matmul add_row relu", "dense1 matmul add_row", "dense0 weight_gradient backward",
        "dense0 matmul add_row gate tangent", "loss cross_entropy", "A v", "recurrence and sweep", "step", "update"}) {
    CAPTURE(name);
    CHECK(t.count(name, "GPU") > 0);
    CHECK(t.count(name, "GPU") == t.count(name, "main thread"));
  }
  CHECK(t.count("step", "GPU") == 3);
}

TEST_CASE("device times: more spans than events in the pool, none lost, in the order of the stream") {
  cuda::Context gpu;
  Device device{Where::cuda, nullptr, &gpu};
  const Array x({16}, Dtype::f32, device);
  const TraceName outer{"outer", "a"}, inner{"inner", "b"};
  constexpr int spans = 9000;
  TraceRecorder recorder(device);
  {
    const Traced around(&recorder, outer);
    for (int i = 0; i < spans; ++i) {
      const Traced b(&recorder, inner);
      set_zero(device, x.view());
    }
  }
  const Trace t(recorder.json(""));
  CHECK(t.count("inner", "GPU") == spans);
  CHECK(t.count("outer", "GPU") == 1);
  CHECK(t.overlap() == "");
}

TEST_CASE("times that cannot be recorded cost the device's times and nothing else, and the trace says so") {
  const Unprotected fast;
  const Run cpu = run("cpu", false);
  WithoutEvents broken;
  const Run gpu = run("cuda", true);
  CHECK(gpu.metrics == cpu.metrics);
  const Trace t(gpu.trace);
  CHECK(t.json["otherData"]["no device times"] == "unrecognized error code");
  CHECK(t.count("dense0 matmul add_row relu", "main thread") > 0);
  CHECK(t.count("dense0 matmul add_row relu", "GPU") == 0);
}

TEST_CASE("NVTX: phases leave captured graphs alone; nodes have ranges of their own and are launched one by one") {
  const Unprotected fast;
  const Run cpu = run("cpu", false);
  const auto watched = [&](Ranges ranges, auto&& check) {
    cuda::FakeRuntime fake;
    CHECK(run("cuda", false, ranges).metrics == cpu.metrics);
    CHECK(fake.open_ranges() == 0);
    check(fake);
  };
  std::int64_t replays = 0;
  watched(Ranges::none, [&](const auto& fake) {
    CHECK(fake.ranges().empty());
    replays = fake.calls().replays;
  });
  CHECK(replays > 10);
  watched(Ranges::phases, [&](const auto& fake) {
    CHECK(fake.calls().replays == replays);
    CHECK(fake.ranges().at(0) == "preparation");
    CHECK(count(fake.ranges(), "memory plan") == 1);
    CHECK(count(fake.ranges(), "step 0") == 1);
    CHECK(count(fake.ranges(), "step 2") == 1);
    CHECK(count(fake.ranges(), "  linearization") == 4);
    CHECK(count(fake.ranges(), "      A v 0") >= 3);
    CHECK(std::ranges::none_of(fake.ranges(), [](const auto& r) { return r.find("dense") != std::string::npos; }));
  });
  watched(Ranges::nodes, [&](const auto& fake) {
    CHECK(fake.calls().replays == 0);
    CHECK(fake.calls().captures == 0);
    CHECK(count(fake.ranges(), "      linearization 0") == 4);
    // Four linearisations and four evaluations, one of each the preparation's.
    CHECK(count(fake.ranges(), "        dense0 matmul add_row relu") == 8);
  });
}
