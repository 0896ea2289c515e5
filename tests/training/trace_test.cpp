// SPDX-License-Identifier: MIT
// Traces: spans nest and their number is bounded, observation changes no bit, and a file that cannot be written is an IoError.
#include "training/run/trace.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "tests/training/temporary_folder.h"
#include "tests/training/trace_check.h"
#include "training/errors.h"
#include "training/run/train.h"

using namespace brink;
using test::Trace;

namespace {

const TraceName outer{"outer", "a", "float32 [2,3] -> \"x\"", 12, "index"}, inner{"inner", "b"};

ExitCode run(const TrainOptions& o, const std::vector<std::string>& sets = {}) {
  std::vector<std::string> all{"data.train=400", "data.test=40", "training.steps=3", "model.hidden=[8,6]",
                               "run.threads=2"};
  all.insert(all.end(), sets.begin(), sets.end());
  Console silent(-1);
  return train(load_config({{}, all, {}}), o, silent);
}

}  // namespace

TEST_CASE("spans of several threads: a track each, nested, with name, shapes, operations and number") {
  ThreadPool pool(3);
  const Device device{.pool = &pool};
  TraceRecorder recorder(device);
  pool.run(40, [&](int, std::int64_t i) {
    const Traced a(&recorder, outer, i);
    for (int j = 0; j < 3; ++j) const Traced b(&recorder, inner);
  });
  const Trace t(recorder.json("a \"test\""));
  CHECK(t.json["otherData"]["about"] == "a \"test\"");
  CHECK(t.json["otherData"]["dropped"] == 0);
  CHECK(recorder.dropped() == 0);
  CHECK(t.count("outer") == 40);
  CHECK(t.count("inner") == 120);
  CHECK(t.overlap() == "");
  std::vector<int> seen(40, 0);
  for (const test::TraceEvent& e : t.events) {
    CHECK(e.begin_us >= 0);
    if (e.name != "outer") continue;
    CHECK(e.category == "a");
    CHECK(e.arguments["shapes"] == "float32 [2,3] -> \"x\"");
    CHECK(e.arguments["flops"] == 12);
    ++seen[e.arguments["index"].get<std::size_t>()];
  }
  CHECK(seen == std::vector<int>(40, 1));
}

TEST_CASE("control: overlapping spans, and text that is no JSON, are found") {
  const auto event = [](const char* name, double begin, double duration) {
    return nlohmann::json{{"ph", "X"},
                          {"name", name},
                          {"cat", ""},
                          {"tid", 0},
                          {"ts", begin},
                          {"dur", duration},
                          {"args", nlohmann::json::object()}};
  };
  nlohmann::json j{{"traceEvents",
                    {{{"ph", "M"}, {"name", "thread_name"}, {"tid", 0}, {"args", {{"name", "main"}}}},
                     event("a", 1, 5),
                     event("b", 2, 3)}}};
  CHECK(Trace(j.dump()).overlap() == "");
  j["traceEvents"].push_back(event("c", 4, 3));
  CHECK(Trace(j.dump()).overlap() == "b, c");
  CHECK_THROWS(Trace("{\"traceEvents\":[}"));
}

TEST_CASE("memory is bounded: a trace is whole up to a moment, and what came later is counted") {
  const Device device;
  constexpr int spans = 1000;
  TraceRecorder recorder(device, spans);
  {
    const Traced around(&recorder, outer, 7);  // ends after the memory is used up, and is recorded all the same
    for (int i = 0; i < spans; ++i) const Traced b(&recorder, inner);
  }
  const Traced open(&recorder, outer, 8);
  CHECK(recorder.dropped() == 2);
  const Trace t(recorder.json(""));
  CHECK(t.json["otherData"]["dropped"] == 2);
  CHECK(t.count("inner") == spans - 1);
  CHECK(t.count("outer") == 1);
  CHECK(t.overlap() == "");
}

TEST_CASE("too deep a nesting and a thread without a track are counted; what is around them stays right") {
  const Device device;
  TraceRecorder recorder(device);
  const std::function<void(int)> nest = [&](int depth) {
    const Traced span(&recorder, depth == 0 ? outer : inner);
    if (depth < 40) nest(depth + 1);
  };
  nest(0);
  nest(0);
  CHECK(recorder.dropped() == 2 * 9);
  ThreadPool pool(2);
  std::atomic<int> by_other{0};
  for (int tries = 0; tries < 1000 && by_other == 0; ++tries)
    pool.run(64, [&](int worker, std::int64_t) {
      const Traced span(&recorder, inner);
      by_other += worker == 1;
    });
  CHECK(recorder.dropped() == 2 * 9 + by_other);
  const Trace t(recorder.json(""));
  CHECK(t.count("outer") == 2);
  CHECK(t.overlap() == "");
}

TEST_CASE(
    "train --trace: the same metrics.csv; every layer, phase and worker is there, nested and as long as its parts") {
  const test::TemporaryFolder folder;
  REQUIRE(run({folder / "plain"}) == ExitCode::done);
  REQUIRE(run({.folder = folder / "watched", .trace = folder / "trace.json"}) == ExitCode::done);
  const std::string metrics = test::read_text(folder / "plain/metrics.csv");
  CHECK(metrics.size() > 500);
  CHECK(test::read_text(folder / "watched/metrics.csv") == metrics);

  const Trace t(test::read_text(folder / "trace.json"));
  CHECK(t.overlap() == "");
  CHECK(t.json["otherData"]["dropped"] == 0);
  for (const char* name : {"dense0 matmul add_row relu",
                           "dense1 matmul add_row relu",
                           "dense2 matmul add_row",
                           "loss cross_entropy",
                           "loss count_correct",
                           "dense0 weight_gradient backward",
                           "dense2 matmul gate backward",
                           "dense2 sum_samples backward",
                           "dense0 matmul add_row gate tangent",
                           "dense1 weight_gradient backward tangent",
                           "linearization",
                           "spectrum",
                           "warm Lanczos",
                           "cold Lanczos",
                           "A v",
                           "recurrence and sweep",
                           "Ritz pairs",
                           "product",
                           "evaluation",
                           "distances",
                           "records",
                           "update"}) {
    CAPTURE(name);
    CHECK(t.count(name) > 0);
  }
  CHECK(t.count("step", "main thread") == 4);
  CHECK(t.count("update", "main thread") == 3);
  // Four blocks of a batch of 400: each step's linearisation meets the first layer four times, and so does the evaluation's one.
  const auto first_step = std::ranges::find(t.events, "step", &test::TraceEvent::name);
  CHECK(std::count_if(first_step, t.events.end(),
                      [](const test::TraceEvent& e) { return e.name == "dense0 weight_gradient backward"; }) == 4 * 4);
  CHECK(t.count("memory plan", "main thread") == 1);
  for (const test::TraceEvent& e : t.events)
    if (e.name == "dense0 matmul add_row gate tangent" &&
        e.arguments["shapes"].get<std::string>().find("[128,784]") != std::string::npos)
      CHECK(e.arguments["flops"].get<std::int64_t>() == 128 * 8 * (2 * 784 + 2));  // with the bias and the gate
  double parts = 0;
  for (const char* name : {"linearization", "spectrum", "evaluation", "distances", "records", "update"})
    parts += t.total_us(name, "phase");
  CHECK(parts > 0);
  CHECK(parts <= t.total_us("step", "phase") + 1e-3 * static_cast<double>(t.events.size()));
}

TEST_CASE("a trace may lie in the run's own folder; where it cannot be written the run does not begin") {
  const test::TemporaryFolder folder;
  REQUIRE(run({.folder = folder / "a", .trace = folder / "a/trace.json"}) == ExitCode::done);
  CHECK(Trace(test::read_text(folder / "a/trace.json")).count("step") == 4);
  for (const std::string& bad : {folder / "none/trace.json", folder / "a"}) {
    CHECK_THROWS_AS(run({.folder = folder / "b", .trace = bad}), IoError);
    CHECK(!std::filesystem::exists(folder / "b"));
  }
  CHECK_THROWS_AS(run({.folder = folder / "b", .trace = folder / "t", .ranges = Ranges::phases}), UsageError);
  if (!has_cuda) CHECK_THROWS_AS(run({.folder = folder / "b", .ranges = Ranges::phases}), UsageError);
}

TEST_CASE("a diverged run has its trace, and one that an error ends has an empty one") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "trace.json";
  CHECK(run({.folder = folder / "a", .trace = path}, {"training.divergence_loss=0.001"}) == ExitCode::diverged);
  CHECK(Trace(test::read_text(path)).count("step") == 1);
  CHECK_THROWS_AS(run({.folder = folder / "a", .trace = path}), InUseError);
  CHECK(Trace(test::read_text(path)).events.empty());
}
