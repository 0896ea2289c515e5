// SPDX-License-Identifier: MIT
// A run computed again between its checkpoints: every difference is named by step and by column or tensor.
#include "training/replay/segments.h"

#include <csignal>
#include <set>

#include "tests/replay/replay_runs.h"
#include "training/replay/measure.h"
#include "training/run/checkpoint.h"
#include "training/run/stop_signals.h"

using namespace brink;
using namespace brink::test;

namespace {

Recomputed again(const std::string& folder, const Sets& sets = {}) {
  RecordedRun run;
  read_recorded_run(run, folder, sets);
  Said said;
  return recompute(run, said.console());
}

/// More eigenvalues than one are unstable for the first time at step 8.
Sets projected(const Sets& more) {
  return with({"training.steps=12", "training.learning_rate=0.07", "training.project=remove", "data.train=200",
               "data.test=100", "model.hidden=[16,12]", "measure.bottom=0"},
              more);
}

/// Whether nothing differs.
bool same(const Recomputed& r, const std::string& folder) {
  return r.header.empty() && r.first_row.empty() && r.events == read_text(folder + "/events.csv") &&
         std::ranges::all_of(r.columns, [](const auto& c) { return c.rows == 0; }) &&
         std::ranges::all_of(r.checkpoints, [](const auto& c) { return c.parts == 0; });
}

/// Parts of a state that was read, shown again.
class Shown final : public Stateful {
 public:
  explicit Shown(SavedState& state) : state_(state) {}
  void visit(StateVisitor& v) override {
    for (auto& [name, value] : state_.parts)
      std::visit(
          [&, &part = name]<class T>(T& x) {
            if constexpr (std::is_same_v<T, Array>)
              v.tensor(part, x.view());
            else if constexpr (std::is_same_v<T, std::string>)
              v.text(part, x);
            else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
              v.list(part, x);
            else
              v.number(part, x);
          },
          value);
  }

 private:
  SavedState& state_;
};

/// Changes a checkpoint, and writes it with a valid hash.
template <class Change>
void forge_by(const std::string& folder, const CheckpointFile& file, Change&& change) {
  Checkpoint from = read_checkpoint(file.path);
  change(from);
  Shown trainer(from.trainer), run(from.run);
  Device host;
  write_checkpoint(Folder(folder + "/checkpoints"), host, trainer, run, from.step, from.config_hash);
}

/// Flips the last bit of one element of θ.
void forge(const std::string& folder, const CheckpointFile& file, std::size_t element) {
  forge_by(folder, file, [&](Checkpoint& c) {
    reinterpret_cast<unsigned char*>(std::get<Array>(c.trainer.parts.at("theta0")).view().data)[4 * element] ^= 1;
  });
}

}  // namespace

TEST_CASE("recompute: segments between checkpoints, at once, on any number of threads") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, small_mlp({"run.keep_checkpoints=[10,20,30]"})) == ExitCode::done);
  const auto before = contents(path);
  Recomputed r = again(path);
  CHECK(same(r, path));
  CHECK(r.steps == 41);
  CHECK(r.segments >= 4);
  CHECK(r.checkpoints.front().step == 10);
  for (const char* threads : {"run.threads=1", "run.threads=3"}) CHECK(same(again(path, {threads}), path));
  CHECK(contents(path) == before);
}

TEST_CASE("recompute: one bit of θ in a checkpoint with a valid hash is named by step and tensor") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, small_mlp({"run.keep_checkpoints=[10,20,30]"})) == ExitCode::done);
  const CheckpointList list = list_checkpoints(path);
  const auto at = std::ranges::find(list.good, 20, &CheckpointFile::step);
  REQUIRE(at != list.good.end());
  forge(path, *at, 5);
  REQUIRE(list_checkpoints(path).bad.empty());
  const Recomputed r = again(path);
  CHECK_FALSE(same(r, path));
  const auto found = std::ranges::find(r.checkpoints, 20, &CheckpointDifferences::step);
  REQUIRE(found != r.checkpoints.end());
  CHECK(found->parts == 1);
  CHECK_MESSAGE(found->first.find("theta0: dense0.weight[5]") != std::string::npos, found->first);
  CHECK(std::ranges::find(r.checkpoints, 10, &CheckpointDifferences::step)->parts == 0);
  CHECK_MESSAGE(r.first_row.starts_with("step 20, column"), r.first_row);  // the segment that begins there
}

TEST_CASE("recompute: every part of a checkpoint is compared, those of the trainer and those of the command") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, small_mlp({"run.keep_checkpoints=[10,20,30]"})) == ExitCode::done);
  const CheckpointList list = list_checkpoints(path);
  const CheckpointFile file = *std::ranges::find(list.good, 20, &CheckpointFile::step);
  const std::string bytes = read_text(file.path);
  const Checkpoint whole = read_checkpoint(file.path);
  // Clocks differ from run to run; what is possible is accepted.
  const std::set<std::string> of_clocks{"elapsed_ms", "started", "resumed_at"};
  std::int64_t parts = 0;
  std::set<std::string> refused;
  const auto change_each = [&](SavedState Checkpoint::*state, const std::string& before) {
    for (const auto& part : (whole.*state).parts) {
      const std::string& name = part.first;
      if (of_clocks.contains(name.substr(name.rfind('/') + 1)) || (name == "step" && before.empty())) continue;
      CAPTURE(name);
      write_text(file.path, bytes);
      forge_by(path, file, [&](Checkpoint& c) {
        std::visit(
            []<class T>(T& x) {
              if constexpr (std::is_same_v<T, Array>)
                static_cast<unsigned char*>(x.view().data)[x.view().bytes() - 1] ^= 1;
              else if constexpr (std::is_same_v<T, std::string>)
                x += "0";
              else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
                x.push_back(3);
              else
                x += 1;
            },
            (c.*state).parts.at(name));
      });
      Recomputed r;
      try {
        r = again(path);
      } catch (const DataError&) {  // a list of another length, or an event after the step, is no state of this run
        refused.insert(name);
        continue;
      }
      const auto found = std::ranges::find(r.checkpoints, 20, &CheckpointDifferences::step);
      REQUIRE(found != r.checkpoints.end());
      CHECK(found->parts == 1);
      CHECK_MESSAGE(found->first.starts_with(before + name + ": "), found->first);
      ++parts;
    }
  };
  change_each(&Checkpoint::run, "run/");
  CHECK(parts == 4);
  change_each(&Checkpoint::trainer, "");
  CHECK(parts > 20);
  CHECK(refused.contains("events/last_step"));
  write_text(file.path, bytes);
  forge_by(path, file, [](Checkpoint& c) { c.run.parts["records/elapsed_ms"] = -1.0; });
  CHECK(again(path).checkpoints.at(1).first == "run/records/elapsed_ms: expected a time of at least 0 ms");
  write_text(file.path, bytes);
  forge_by(path, file, [](Checkpoint& c) { c.run.parts["resumed_at"] = std::vector<std::int64_t>{21}; });
  CHECK(again(path).checkpoints.at(1).first == "run/resumed_at: expected steps that ascend up to 20");
  write_text(file.path, bytes);
  forge_by(path, file, [](Checkpoint& c) { c.run.parts.erase("records/events/hash"); });
  CHECK(again(path).checkpoints.at(1).first == "run/records/events/hash: it is missing");
  forge_by(path, file, [](Checkpoint& c) { c.run.parts["more"] = std::int64_t{1}; });
  CHECK(again(path).checkpoints.at(1).first == "run/more: this program has no such part");
  write_text(file.path, bytes);
  CHECK(same(again(path), path));
}

TEST_CASE(
    "recompute: without the file of model.start_file from the first checkpoint on; without any, it says what to do") {
  const TemporaryFolder folder;
  const std::string source = folder / "source", path = folder / "run", start = folder / "start.safetensors";
  REQUIRE(run(source, small_mlp({"training.steps=1", "measure.parameters.steps=[1]"})) == ExitCode::done);
  std::filesystem::copy(source + "/parameters/step-000001.safetensors", start);
  REQUIRE(run(path, small_mlp({"model.start_file=" + start, "run.keep_checkpoints=[10,20]"})) == ExitCode::done);
  CHECK(again(path).left_out.empty());
  std::filesystem::rename(start, folder / "away");
  Recomputed r = again(path);
  CHECK(same(r, path));
  CHECK(r.steps == 31);
  CHECK(r.left_out == "steps 0 to 9");
  CHECK(r.why_left_out ==
        "not recomputed, because the file that model.start_file names, " + start + ", is not there; restore it");
  forge(path, list_checkpoints(path).good.front(), 0);  // the one with which it begins
  CHECK(again(path).first_row.starts_with("step 10, column "));
  for (const CheckpointFile& file : list_checkpoints(path).good) std::filesystem::remove(file.path);
  const Refusal refused = refusal([&] { (void)again(path); });
  CHECK(refused.code == ExitCode::bad_data);
  CHECK(refused.message ==
        start + ": expected the file that model.start_file names, found none, and " + path +
            " has no checkpoint before its last row from which steps could be computed: restore the file");
  std::filesystem::rename(folder / "away", start);
  CHECK(same(again(path), path));
}

TEST_CASE("resume: without the file of model.start_file from a checkpoint; without any, it says what to do") {
  const TemporaryFolder folder;
  const std::string source = folder / "source", start = folder / "start.safetensors";
  REQUIRE(run(source, small_mlp({"training.steps=1", "measure.parameters.steps=[1]"})) == ExitCode::done);
  std::filesystem::copy(source + "/parameters/step-000001.safetensors", start);
  const Sets sets = small_mlp({"model.start_file=" + start});
  REQUIRE(run(folder / "whole", sets) == ExitCode::done);
  REQUIRE(run(folder / "cut", sets, 25) == ExitCode::interrupted);
  REQUIRE(run(folder / "early", sets, 3) == ExitCode::interrupted);
  std::filesystem::remove(start);
  const auto resume = [&](const std::string& name) {
    Said said;
    TrainOptions options{folder / name};
    options.resume = true;
    return train(load_config({{}, sets, {}}), options, said.console());
  };
  CHECK(resume("cut") == ExitCode::done);
  CHECK(read_text(folder / "cut/metrics.csv") == read_text(folder / "whole/metrics.csv"));
  const auto started = [&](const std::string& name) {
    const std::string text = read_text(folder / name + "/run.json");
    const std::size_t at = text.find("\"digest\"");
    return text.substr(at, 45);
  };
  CHECK(started("cut") == started("whole"));
  std::filesystem::remove_all(folder / "early/checkpoints");
  CHECK(refusal([&] { (void)resume("early"); }).code == ExitCode::bad_data);
  CHECK(read_text(folder / "early/metrics.csv").size() > 0);
}

TEST_CASE("a signal ends what computes steps again with status 75, and leaves nothing") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, small_mlp()) == ExitCode::done);
  const auto before = contents(folder.path());
  const StopSignals signals;
  (void)raise(SIGTERM);
  REQUIRE(StopSignals::requested());
  Said said;
  const Refusal results[] = {
      refusal([&] { (void)again(path); }), refusal([&] {
        (void)fork_run({path, 15, {}, {}, folder / "fork"}, said.console());
      }),
      refusal([&] {
        (void)measure_run({path, {10, 20, 1}, {"measure.update_cosine.every=1"}, {}}, said.console());
      })};
  for (const Refusal& refused : results) {
    CHECK(refused.code == ExitCode::interrupted);
    CHECK_MESSAGE(refused.message.starts_with("interrupted by SIGTERM: "), refused.message);
  }
  CHECK(results[1].message ==
        "interrupted by SIGTERM: the fork has not begun, and nothing was written; the same command begins again");
  CHECK(contents(folder.path()) == before);
  // A run that has not begun is left before its first step, and goes on.
  CHECK(run(folder / "new", small_mlp()) == ExitCode::interrupted);
  CHECK(read_text(folder / "new/run.json").find("\"status\": \"interrupted\"") != std::string::npos);
}

TEST_CASE("recompute: one bit of a checkpoint, of metrics.csv and of events.csv") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, small_mlp({"run.keep_checkpoints=[10,20,30]"})) == ExitCode::done);
  const std::string file = list_checkpoints(path).good.at(1).path, bytes = read_text(file);
  std::string flipped = bytes;
  flipped[flipped.size() / 2] ^= 4;
  write_text(file, flipped);
  {
    RecordedRun run;
    read_recorded_run(run, path);
    REQUIRE(run.passed_over.size() == 1);
    CHECK(run.passed_over[0].find(file) != std::string::npos);
    Said said;
    CHECK(same(recompute(run, said.console()), path));  // over a longer segment
  }
  write_text(file, bytes);

  std::vector<std::string> all = lines(path + "/metrics.csv");
  const std::string metrics = read_text(path + "/metrics.csv");
  for (const auto& [row, column] : std::vector<std::pair<std::size_t, std::size_t>>{{1, 3}, {17, 3}, {41, 4}}) {
    std::vector<std::string> changed = all;
    changed[row][column] ^= 1;
    std::string text;
    for (const std::string& line : changed) text += line;
    write_text(path + "/metrics.csv", text);
    const Recomputed r = again(path);
    CHECK_MESSAGE(r.first_row.starts_with("step " + std::to_string(row - 1) + ", column "), r.first_row);
  }
  // The number of a step, a missing row, and one too many.
  std::string text = metrics;
  const std::size_t at = text.find("\n17,") + 1;
  text[at] ^= 2;
  write_text(path + "/metrics.csv", text);
  CHECK_MESSAGE(again(path).first_row.starts_with("step 17, column step"), again(path).first_row);
  write_text(path + "/metrics.csv", metrics.substr(0, metrics.size() - all.back().size()));
  CHECK(again(path).first_row == "step 40: not recorded");
  write_text(path + "/metrics.csv", metrics + all.back());
  CHECK(again(path).first_row == "step 40: not recomputed");
  write_text(path + "/metrics.csv", metrics);
  CHECK(same(again(path), path));
}

TEST_CASE(
    "recompute: an interrupted run as far as it is recorded, a fork, a diverged run, and one without checkpoints") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "cut", small_mlp({"training.steps=100000"}), 25) == ExitCode::interrupted);
  Recomputed r = again(folder / "cut");
  CHECK(r.steps == 25);
  CHECK(same(r, folder / "cut"));

  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  Said said;
  REQUIRE(fork_run({folder / "parent", 15, {"training.learning_rate=0.3"}, {}, folder / "fork"}, said.console()).code ==
          ExitCode::done);
  std::filesystem::remove_all(folder / "parent");
  r = again(folder / "fork");
  CHECK(r.steps == 26);
  CHECK(same(r, folder / "fork"));
  // Its first checkpoint is compared with its first row: nothing else leads to it.
  const CheckpointFile first = list_checkpoints(folder / "fork").good.front();
  forge(folder / "fork", first, 0);
  CHECK(again(folder / "fork").first_row.starts_with("step 15, column "));

  REQUIRE(run(folder / "lost", small_mlp({"training.divergence_loss=1.6", "training.learning_rate=30"})) ==
          ExitCode::diverged);
  CHECK(same(again(folder / "lost"), folder / "lost"));

  std::filesystem::remove_all(folder / "cut/checkpoints");
  r = again(folder / "cut");
  CHECK(r.segments == 1);
  CHECK(same(r, folder / "cut"));
}

TEST_CASE("recompute: a run of projected updates that was killed after any row") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  REQUIRE(run(path, projected({"training.project_most=14"})) == ExitCode::done);
  const std::vector<std::string> all = lines(path + "/metrics.csv");
  std::string record = read_text(path + "/run.json");
  record.replace(record.find("\"finished\""), 10, "\"running\"");
  write_text(path + "/run.json", record);
  std::filesystem::remove_all(path + "/checkpoints");
  std::string text = all[0];
  for (std::size_t row = 1; row < all.size(); ++row) {
    text += all[row];
    write_text(path + "/metrics.csv", text);
    const Recomputed r = again(path);
    CHECK_MESSAGE(r.first_row.empty(), r.first_row);
  }
}

TEST_CASE("a run that cannot project keeps the state before that step, from which a fork goes on") {
  const TemporaryFolder folder;
  const std::string path = folder / "run";
  Said said;
  REQUIRE(train(load_config({{}, projected({"training.project_most=1"}), {}}), {path}, said.console()) ==
          ExitCode::usage);
  const std::string advice = "set a larger training.project_most: `brink fork " + path +
                             " --at 8 --set training.project_most=…` goes on from the state before this step";
  CHECK_MESSAGE(said.text().find(advice) != std::string::npos, said.text());
  const std::string record = read_text(path + "/run.json");
  CHECK(record.find("\"status\": \"interrupted\"") != std::string::npos);
  CHECK(record.find("\"interrupted_because\": \"training.project: at step 8 ") != std::string::npos);
  REQUIRE(list_checkpoints(path).good.back().step == 8);
  const Recomputed r = again(path);
  CHECK(same(r, path));
  CHECK(r.checkpoints.back().step == 8);

  // Continued as it is, it ends in the same way, and nothing changes.
  const std::string metrics = read_text(path + "/metrics.csv");
  TrainOptions options{path};
  options.resume = true;
  CHECK(train(load_config({{}, projected({"training.project_most=1"}), {}}), options, said.console()) ==
        ExitCode::usage);
  CHECK(read_text(path + "/metrics.csv") == metrics);
  CHECK(list_checkpoints(path).good.back().step == 8);
  CHECK(fork_run({path, 8, {"training.project_most=5"}, {}, folder / "fork"}, said.console()).code == ExitCode::done);
  CHECK(cell(folder / "fork/metrics.csv", 8, "projected") == "2");
  CHECK(refusal([&] { (void)fork_run({path, 9, {}, {}, folder / "later"}, said.console()); }).code == ExitCode::usage);
}
