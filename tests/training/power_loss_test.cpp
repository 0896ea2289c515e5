// SPDX-License-Identifier: MIT
// A loss of power costs at most what came after the last checkpoint (S2 of docs/promises.md).
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "tests/training/temporary_folder.h"
#include "tests/training/traced_system.h"
#include "training/errors.h"
#include "training/run/checkpoint.h"
#include "training/run/train.h"

using namespace brink;
using test::read_text;

namespace {

const std::vector<std::string> settings{"data.train=40",     "data.test=20",      "model.hidden=[4]",
                                        "training.steps=20", "measure.budget=20", "run.checkpoint_every=5"};

ExitCode quietly(const TrainOptions& options) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Console console(nowhere);
  const ExitCode code = train(load_config({{}, settings, {{"threads", "1"}}}), options, console);
  close(nowhere);
  return code;
}

struct Outcome {
  int states = 0, behind = 0, other_files = 0;
};

/// Resumes from `count` states after a loss of power at random moments. behind: states in which a checkpoint that had been
/// written completely before is not there or not good.
Outcome lose_power(bool syncs, int count) {
  test::TemporaryFolder t;
  std::filesystem::create_directory(t / "run");
  test::TracedSystem system(t / "run", syncs);
  REQUIRE(quietly({.folder = t / "run", .system = &system}) == ExitCode::done);
  const std::string whole = read_text(t / "run/metrics.csv");
  // After which operation each checkpoint was written, by a trace in which syncs count.
  test::TemporaryFolder other;
  std::filesystem::create_directory(other / "run");
  test::TracedSystem model(other / "run");
  REQUIRE(quietly({.folder = other / "run", .system = &model}) == ExitCode::done);
  std::mt19937 random(3);
  Outcome out;
  for (; out.states < count; ++out.states) {
    const double moment = static_cast<double>(random() % 10000) / 10000;
    const auto at = static_cast<std::size_t>(moment * static_cast<double>(system.operations()));
    const auto in_model = static_cast<std::size_t>(moment * static_cast<double>(model.operations()));
    std::int64_t safe = 0;
    for (const std::string& name : model.safe_names("checkpoints/", syncs ? at : in_model))
      safe = std::max(safe, checkpoint_step(name).value_or(0));
    const std::string folder = t / ("crashed" + std::to_string(out.states));
    system.crash(
        at, [&] { return static_cast<double>(random() % 1000) / 1000; }, folder);
    const CheckpointList list = list_checkpoints(folder);
    const std::int64_t found = list.good.empty() ? 0 : list.good.back().step;
    if (found < safe) ++out.behind;
    if (!std::filesystem::exists(folder + "/.lock")) test::write_text(folder + "/.lock", "");
    bool same = false;
    try {
      same =
          quietly({.folder = folder, .resume = true}) == ExitCode::done && read_text(folder + "/metrics.csv") == whole;
    } catch (const Error&) {}  // counted as other files
    if (!same) ++out.other_files;
    std::filesystem::remove_all(folder);
  }
  return out;
}

}  // namespace

TEST_CASE("after a loss of power at any moment a run goes on from its last checkpoint, to the same files") {
  const Outcome out = lose_power(true, 300);
  CHECK(out.behind == 0);
  CHECK(out.other_files == 0);
}

TEST_CASE("control: without syncs a loss of power takes checkpoints away") {
  const Outcome out = lose_power(false, 60);
  CHECK(out.behind > 0);
}
