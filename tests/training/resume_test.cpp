// SPDX-License-Identifier: MIT
// Runs that are interrupted and go on (B5, S1, S3 and R1 of docs/promises.md).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/faulty_system.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/io/json.h"
#include "training/loop.h"
#include "training/run/checkpoint.h"
#include "training/run/folder.h"
#include "training/run/train.h"

using namespace brink;
using test::read_text;
using test::write_text;

namespace {

namespace fs = std::filesystem;
using Flags = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string> small_mlp{
    "data.train=140",       "data.test=20",      "model.hidden=[6]",          "training.steps=24",
    "measure.cold_check=5", "measure.budget=40", "training.learning_rate=0.9"};

struct Result {
  ExitCode code{};
  std::string said, error;
};

/// `train` with what it prints; an Error becomes its code and message.
Result run(const std::vector<std::string>& sets, const TrainOptions& options, Flags flags = {{"threads", "1"}}) {
  Result out;
  int ends[2];
  REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  {
    Console console(ends[1]);
    try {
      out.code = train(load_config({{}, sets, std::move(flags)}), options, console);
    } catch (const Error& e) {
      out.code = e.code();
      out.error = e.what();
    }
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) out.said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  return out;
}
Result interrupt(const std::vector<std::string>& sets, const std::string& folder, std::int64_t before) {
  return run(sets, {.folder = folder, .stop_before = before});
}
Result resume(const std::vector<std::string>& sets, const std::string& folder, Flags flags = {{"threads", "1"}}) {
  return run(sets, {.folder = folder, .resume = true}, std::move(flags));
}

bool says(const Result& r, std::string_view text) { return r.said.find(text) != std::string::npos; }

std::string status_of(const std::string& folder) {
  return parse_json("run.json", read_text(folder + "/run.json")).at("status").get<std::string>();
}
std::string final_digest_of(const std::string& folder) {
  return parse_json("run.json", read_text(folder + "/run.json")).at("final_digest").get<std::string>();
}
std::string record(const std::string& folder) {
  return read_text(folder + "/metrics.csv") + read_text(folder + "/events.csv");
}

void copy_folder(const std::string& from, const std::string& to) { fs::copy(from, to, fs::copy_options::recursive); }

void replace(const std::string& path, std::string_view from, std::string_view to) {
  std::string text = read_text(path);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_text(path, text.replace(at, from.size(), to));
}

/// Interrupts the run before every step, and continues it in turn on the same threads, on more, and in other chunks.
void expect_resumable(const std::vector<std::string>& sets, std::int64_t steps, const std::string& chunk) {
  test::TemporaryFolder t;
  REQUIRE(run(sets, {.folder = t / "whole"}).code == ExitCode::done);
  const std::string whole = record(t / "whole");
  for (std::int64_t step = 0; step <= steps; ++step) {
    CAPTURE(step);
    const std::string folder = t / std::to_string(step);
    const Result first = interrupt(sets, folder, step);
    REQUIRE(first.code == ExitCode::interrupted);
    REQUIRE(says(first, fmt::format("interrupted before step {} of {}; --resume continues the run", step, steps)));
    REQUIRE(status_of(folder) == "interrupted");
    const Flags flags = step % 3 == 1   ? Flags{{"threads", "3"}}
                        : step % 3 == 2 ? Flags{{"threads", "2"}, {"chunk", chunk}}
                                        : Flags{{"threads", "1"}};
    const Result second = resume(sets, folder, flags);
    REQUIRE(second.code == ExitCode::done);
    REQUIRE(says(second, step == 0 ? folder + " holds no valid checkpoint; starting at step 0"
                                   : "going on from step " + std::to_string(step)));
    REQUIRE(record(folder) == whole);
    REQUIRE(final_digest_of(folder) == final_digest_of(t / "whole"));
    REQUIRE(status_of(folder) == "finished");
    REQUIRE(list_checkpoints(folder).good.back().step == steps);
  }
}

}  // namespace

TEST_CASE("a run resumed at every step ends in the same files, also with other threads and chunks (B5)") {
  expect_resumable(small_mlp, 24, "128");
}

TEST_CASE("the same under adaptive rules with minibatches, while rule, batch and learning rate change (B5)") {
  std::vector<std::string> sets = small_mlp;
  std::erase_if(sets, [](const std::string& set) { return set.starts_with("training."); });
  for (const char* set :
       {"training.steps=16", "training.rule=adam", "training.learning_rate=0.02", "training.schedule=cosine",
        "training.warmup=4", "training.batch=48", "measure.effective.every=1", "measure.test_loss.every=2",
        ("training.change=[{at_step = 6, set = {rule = \"clipped_ada\", clip = 0.05, clip_on = \"moment\"}}, "
         "{at_step = 8, set = {batch = 64}}, {at_step = 11, set = {rule = \"rmsprop\", batch = 0}}, "
         "{at_step = 13, set = {learning_rate = 0.01}}]")})
    sets.emplace_back(set);
  expect_resumable(sets, 16, "128");
}

TEST_CASE("a small VGG resumed at random steps ends in the same files (B5)") {
  const std::vector<std::string> vgg{"data.name=synthetic-cifar",
                                     "data.train=20",
                                     "data.test=10",
                                     "model.name=vgg",
                                     "model.channels=[3]",
                                     "model.ghost_batch=16",
                                     "training.steps=8",
                                     "training.rule=momentum",
                                     "measure.budget=8",
                                     "measure.update_cosine.every=2"};
  test::TemporaryFolder t;
  REQUIRE(run(vgg, {.folder = t / "whole"}).code == ExitCode::done);
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const std::string folder = t / std::to_string(i);
    const std::int64_t step = 1 + random() % 8;
    CAPTURE(step);
    REQUIRE(interrupt(vgg, folder, step).code == ExitCode::interrupted);
    const Flags flags = i % 2 == 0 ? Flags{{"threads", "2"}} : Flags{{"threads", "3"}, {"chunk", "16"}};
    REQUIRE(resume(vgg, folder, flags).code == ExitCode::done);
    REQUIRE(record(folder) == record(t / "whole"));
  }
}

TEST_CASE("rows after the checkpoint are compared; a difference ends the run by name and changes nothing") {
  test::TemporaryFolder t;
  // Rows 0 to 19, with a checkpoint at step 10 only.
  REQUIRE(interrupt(small_mlp, t / "run", 10).code == ExitCode::interrupted);
  REQUIRE(run(small_mlp, {.folder = t / "run", .resume = true, .stop_before = 20, .checkpoints = false}).code ==
          ExitCode::interrupted);
  const std::string metrics = read_text(t / "run/metrics.csv");
  REQUIRE(std::ranges::count(metrics, '\n') == 21);
  REQUIRE(run(small_mlp, {.folder = t / "whole"}).code == ExitCode::done);

  copy_folder(t / "run", t / "torn");
  write_text(t / "torn/metrics.csv", std::string_view(metrics).substr(0, metrics.size() - 25));
  CHECK(resume(small_mlp, t / "torn").code == ExitCode::done);
  CHECK(record(t / "torn") == record(t / "whole"));

  // A loss of power may leave zeros where data had not been written.
  copy_folder(t / "run", t / "zeros");
  std::string zeros = metrics;
  for (std::size_t i = zeros.size() - 300; i < zeros.size() - 40; ++i) zeros[i] = '\0';
  write_text(t / "zeros/metrics.csv", zeros);
  const Result repaired = resume(small_mlp, t / "zeros");
  CHECK(repaired.code == ExitCode::done);
  CHECK(says(repaired, "metrics.csv: 260 bytes that a loss of power had left as zeros were written again"));
  CHECK(record(t / "zeros") == record(t / "whole"));

  // A changed digit in the row of step 15.
  std::size_t row = 0;
  for (int i = 0; i < 16; ++i) row = metrics.find('\n', row) + 1;
  const std::size_t cell = metrics.find(',', row) + 1, end = metrics.find(',', cell);
  std::string changed = metrics;
  changed[end - 1] = changed[end - 1] == '1' ? '2' : '1';
  copy_folder(t / "run", t / "changed");
  write_text(t / "changed/metrics.csv", changed);
  const Result refused = resume(small_mlp, t / "changed");
  CHECK(refused.code == ExitCode::check_failed);
  CHECK(refused.error.starts_with((t / "changed/metrics.csv") + ": step 15, column loss: recorded " +
                                  changed.substr(cell, end - cell) + ", computed again " +
                                  metrics.substr(cell, end - cell) + ": "));
  CHECK(read_text(t / "changed/metrics.csv") == changed);

  // The same before the checkpoint: it is passed over, and the run starts at step 0.
  copy_folder(t / "run", t / "early");
  replace(t / "early/metrics.csv", "\n3,", "\n7,");
  const Result early = resume(small_mlp, t / "early");
  CHECK(early.code == ExitCode::check_failed);
  CHECK(says(early, "metrics.csv or events.csv lacks rows that were recorded before it, or has others"));
  CHECK(early.error.find(": step 3, column step: recorded 7, computed again 3: ") != std::string::npos);

  copy_folder(t / "run", t / "header");
  replace(t / "header/metrics.csv", "step,loss", "step,lost");
  CHECK(resume(small_mlp, t / "header").error.find(": header, column 2: recorded lost, computed again loss: ") !=
        std::string::npos);

  // Rows that the run does not have.
  copy_folder(t / "run", t / "more");
  write_text(t / "more/events.csv", read_text(t / "run/events.csv") + "900,901,1,0,0,900,0.5,1,900\n");
  const Result more = resume(small_mlp, t / "more");
  CHECK(more.code == ExitCode::check_failed);
  CHECK(more.error.find("events.csv: ") != std::string::npos);

  // Rows that a loss of power took away, from before the checkpoint.
  copy_folder(t / "run", t / "lost");
  write_text(t / "lost/metrics.csv", std::string_view(metrics).substr(0, 200));
  const Result lost = resume(small_mlp, t / "lost");
  CHECK(lost.code == ExitCode::done);
  CHECK(says(lost, "holds no valid checkpoint; starting at step 0"));
  CHECK(record(t / "lost") == record(t / "whole"));
}

TEST_CASE("timing.csv keeps its rows, one for each step") {
  test::TemporaryFolder t;
  REQUIRE(interrupt(small_mlp, t / "run", 10).code == ExitCode::interrupted);
  REQUIRE(run(small_mlp, {.folder = t / "run", .resume = true, .stop_before = 20, .checkpoints = false}).code ==
          ExitCode::interrupted);
  const std::string before = read_text(t / "run/timing.csv");
  write_text(t / "run/timing.csv", before + "20,1");  // torn
  REQUIRE(resume(small_mlp, t / "run").code == ExitCode::done);
  const std::string after = read_text(t / "run/timing.csv");
  CHECK(after.starts_with(before));
  CHECK(std::ranges::count(after, '\n') == 26);
  CHECK(after.find("\n20,1\n") == std::string::npos);
}

TEST_CASE("a resume falls back over bad checkpoints and names each; a newer format is refused") {
  test::TemporaryFolder t;
  std::vector<std::string> sets = small_mlp;
  sets.emplace_back("run.checkpoint_every=4");
  REQUIRE(interrupt(sets, t / "run", 14).code == ExitCode::interrupted);
  const CheckpointList list = list_checkpoints(t / "run");
  REQUIRE(list.good.size() == 2);
  CHECK(list.good[0].step == 12);
  CHECK(list.good[1].step == 14);
  REQUIRE(run(small_mlp, {.folder = t / "whole"}).code == ExitCode::done);

  copy_folder(t / "run", t / "one");
  const std::string newest = (t / "one/checkpoints/") + checkpoint_name(14);
  const std::string bytes = read_text(newest);
  write_text(newest, std::string_view(bytes).substr(0, 1000));
  const Result one = resume(sets, t / "one");
  CHECK(one.code == ExitCode::done);
  CHECK(says(one, "passed over " + newest + ": expected a checkpoint, which ends with a footer; found 1000 bytes"));
  CHECK(says(one, "going on from step 12"));
  CHECK(record(t / "one") == record(t / "whole"));

  copy_folder(t / "run", t / "all");
  for (const std::int64_t step : {12, 14}) {
    const std::string path = (t / "all/checkpoints/") + checkpoint_name(step);
    std::string flipped = read_text(path);
    flipped[flipped.size() / 2] ^= 1;
    write_text(path, flipped);
  }
  const Result all = resume(sets, t / "all");
  CHECK(all.code == ExitCode::done);
  CHECK(says(all, checkpoint_name(12) + ": damaged checkpoint: expected the hash "));
  CHECK(says(all, "holds no valid checkpoint; starting at step 0"));
  CHECK(record(t / "all") == record(t / "whole"));
}

TEST_CASE("resume needs the settings of the run, and a run that is over needs nothing") {
  test::TemporaryFolder t;
  REQUIRE(interrupt(small_mlp, t / "run", 3).code == ExitCode::interrupted);
  std::vector<std::string> other = small_mlp;
  other.emplace_back("training.seed=4");
  const Result changed = resume(other, t / "run");
  CHECK(changed.code == ExitCode::usage);
  CHECK(changed.error == (t / "run") +
                             ": --resume: expected the settings with which the run began, found others: "
                             "training.seed = 4 (there 0); leave them out, or choose another --out");
  REQUIRE(resume(small_mlp, t / "run").code == ExitCode::done);
  const std::string before = read_text(t / "run/run.json");
  // Its data are out of reach.
  std::vector<std::string> gone{"data.name=fmnist4", "data.directory=" + (t / "none")};
  fs::create_directory(t / "over");
  write_text(t / "over/.lock", "");
  write_text(t / "over/config.toml", to_toml(load_config({{}, gone, {}})));
  write_text(t / "over/metrics.csv", "step\n");
  write_text(t / "over/run.json", R"({"status":"finished"})");
  const Result over = resume(gone, t / "over");
  CHECK(over.code == ExitCode::done);
  CHECK(says(over, (t / "over") + " is finished; nothing is left to do"));
  write_text(t / "over/run.json", R"({"status":"interrupted"})");
  CHECK(resume(gone, t / "over").code == ExitCode::bad_data);  // control
}

TEST_CASE("a run folder that is deleted, moved or replaced is noticed") {
  for (const char* what : {"deleted", "moved", "replaced", "metrics.csv"}) {
    CAPTURE(what);
    test::TemporaryFolder t;
    /// Acts on the folder when the tenth row is written.
    struct Acting final : System {
      ssize_t write(int file, const void* data, std::size_t bytes) override {
        const ssize_t n = System::write(file, data, bytes);
        // The second one: the row of timing.csv follows that of metrics.csv.
        if (std::string_view(static_cast<const char*>(data), bytes).starts_with("10,") && ++rows == 2) act();
        return n;
      }
      int rows = 0;
      std::function<void()> act;
    } system;
    system.act = [&] {
      const std::string name = what;
      if (name == "deleted") fs::remove_all(t / "run");
      if (name == "moved" || name == "replaced") fs::rename(t / "run", t / "elsewhere");
      if (name == "replaced") fs::create_directory(t / "run");
      if (name == "metrics.csv") fs::remove(t / "run/metrics.csv");
    };
    const Result r = run(small_mlp, {.folder = t / "run", .system = &system});
    CHECK(r.code == ExitCode::io);
    const std::string name = what;
    if (name == "metrics.csv")
      CHECK(r.error == (t / "run/metrics.csv") + ": the file was deleted while the run was writing into it");
    else
      CHECK(r.error == (t / "run") +
                           (name == "replaced" ? ": another folder has taken its place"
                                               : ": the run folder was deleted or moved") +
                           " while the run was writing into it; put it back and continue with --resume");
  }
}

TEST_CASE(
    "a fault at any call of a run with checkpoints: exit 4 by name, and a resume that ends in the same files (S3)") {
  test::TemporaryFolder t;
  std::vector<std::string> sets = small_mlp;
  std::erase_if(sets, [](const std::string& set) { return set.starts_with("training.steps"); });
  for (const char* set : {"training.steps=5", "run.checkpoint_every=2"}) sets.emplace_back(set);
  REQUIRE(run(sets, {.folder = t / "whole"}).code == ExitCode::done);
  int faults = 0;
  for (const auto& [error, short_write] : {std::pair(ENOSPC, false), {ENOSPC, true}, {EIO, false}}) {
    for (int at = 0;; ++at) {
      CAPTURE(at);
      const std::string folder = t / "run";
      fs::remove_all(folder);
      test::FaultySystem system(at, error, short_write);
      const Result r = run(sets, {.folder = folder, .system = &system});
      if (at >= system.calls()) break;
      if (r.code == ExitCode::done) {
        CHECK(record(folder) == record(t / "whole"));  // a close or an unlink that nobody needs
        continue;
      }
      ++faults;
      REQUIRE(r.code == ExitCode::io);
      // A file of the run, or a folder above it that was to be made.
      REQUIRE((r.error.starts_with(t.path()) || t.path().starts_with(r.error.substr(0, r.error.find(':')))));
      REQUIRE(r.error.find(error == EIO ? "Input/output error" : "No space left on device") != std::string::npos);
      if (!fs::exists(folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(folder))
        REQUIRE(entry.path().string().find(".tmp.") == std::string::npos);
      REQUIRE(list_checkpoints(folder).bad.empty());
      REQUIRE(resume(sets, folder).code == ExitCode::done);
      REQUIRE(record(folder) == record(t / "whole"));
    }
  }
  CHECK(faults > 100);
}

TEST_CASE("a step that is left between two products can be done again") {
  const support::Network n({.samples = 100, .dtype = Dtype::f32});
  Device device;
  int left = -1;  // products until the step is left; negative: never
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(0.9);
  options.tracker = TrackerOptions{.top = 2, .bottom = 1, .cold_check = 3, .budget = 60, .max_basis = 24};
  options.abandons = [&] { return left >= 0 && left-- == 0; };
  const auto fresh = [&] {
    return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), options, n.theta.view());
  };
  std::vector<std::string> rows;
  const auto whole = fresh();
  for (int t = 0; t < 12; ++t) rows.push_back(support::text_of(whole->step()));
  int times = 0;
  for (int products = 0; products < 60; products += products < 12 ? 1 : 7) {
    const auto interrupted = fresh();
    for (int t = 0; t < 12; ++t) {
      CAPTURE(t);
      CAPTURE(products);
      left = products;
      try {
        const std::string row = support::text_of(interrupted->step());
        REQUIRE(row == rows[static_cast<std::size_t>(t)]);
        continue;
      } catch (const StepAbandoned&) { ++times; }
      left = -1;
      // What was left goes on here, and from its state elsewhere.
      CHECK(interrupted->steps_done() == t);
      const auto elsewhere = fresh();
      restore_state(device, *elsewhere, save_state(device, *interrupted));
      REQUIRE(support::text_of(elsewhere->step()) == rows[static_cast<std::size_t>(t)]);
      REQUIRE(support::text_of(interrupted->step()) == rows[static_cast<std::size_t>(t)]);
    }
  }
  CHECK(times > 100);
}
