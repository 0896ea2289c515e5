// SPDX-License-Identifier: MIT
// What a run folder says of its settings and rows, when its files have been changed, copied in part, or are removed while they are read.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "tests/replay/replay_runs.h"
#include "training/io/json.h"
#include "training/replay/measure.h"
#include "training/replay/segments.h"
#include "training/run/checkpoint.h"
#include "training/run/folder.h"
#include "training/run/summary.h"

using namespace brink;
using namespace brink::test;

namespace {

namespace fs = std::filesystem;

/// As `brink train --resume --out FOLDER`, under the folder's own settings.
ExitCode resume(const std::string& folder) {
  Said said;
  return train(load_config({folder + "/config.toml", {}, {}}), {.folder = folder, .resume = true}, said.console());
}

void replace(const std::string& path, std::string_view from, std::string_view to) {
  std::string text = read_text(path);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_text(path, text.replace(at, from.size(), to));
}

std::string copied(const std::string& from, const std::string& to) {
  fs::copy(from, to, fs::copy_options::recursive);
  return to;
}

/// What does not tell of times and processes.
std::map<std::string, std::string> numbers(const std::string& folder) {
  auto out = contents(folder);
  for (const char* name : {".lock", "run.json", "timing.csv", "report.html"}) out.erase(name);
  std::erase_if(out, [](const auto& file) { return file.first.starts_with("checkpoints/"); });
  return out;
}

}  // namespace

TEST_CASE("a config.toml that was edited after the run began is refused by every command, which names the keys") {
  const TemporaryFolder t;
  REQUIRE(run(t / "over", small_mlp()) == ExitCode::done);
  REQUIRE(run(t / "begun", small_mlp(), 20) == ExitCode::interrupted);
  for (const char* name : {"over", "begun"})
    for (const char* steps : {"60", "16"}) {
      CAPTURE(name);
      CAPTURE(steps);
      const std::string folder = copied(t / name, t / (std::string(name) + steps));
      replace(folder + "/config.toml", "steps = 40", std::string("steps = ") + steps);
      replace(folder + "/config.toml", "merge_gap = 1", "merge_gap = 3");
      const auto before = contents(folder);
      const std::string keys =
          std::string(
              "expected the settings with which the run began, found others: events.merge_gap = 3 (there "
              "1), training.steps = ") +
          steps + " (there 40); ";
      const auto [code, said] = refusal([&] { resume(folder); });
      CHECK(code == ExitCode::usage);
      CHECK(said.starts_with(folder + ": --resume: " + keys + folder + "/config.toml was changed: restore it"));
      Said out;
      const auto expect_refused = [&](auto&& action) {
        const auto [also, why] = refusal(action);
        CHECK(also == ExitCode::bad_data);
        CHECK(why == folder + "/config.toml: " + keys + "restore the file");
      };
      expect_refused(
          [&] { fork_run({.parent = folder, .at = 9, .sets = {}, .flags = {}, .folder = t / "fork"}, out.console()); });
      expect_refused([&] {
        measure_run({.run = folder, .steps = {0, 9}, .sets = {"measure.rotation.every=1"}, .flags = {}}, out.console());
      });
      expect_refused([&] {
        RecordedRun recorded;
        read_recorded_run(recorded, folder);
      });
      CHECK(contents(folder) == before);
    }
  // What changes no number may be edited.
  const std::string allowed = copied(t / "begun", t / "allowed");
  replace(allowed + "/config.toml", "checkpoint_every = 7", "checkpoint_every = 9");
  CHECK(resume(allowed) == ExitCode::done);
}

TEST_CASE("without run.json the checkpoints say whether config.toml was edited, and are not replaced") {
  const TemporaryFolder t;
  REQUIRE(run(t / "run", small_mlp(), 20) == ExitCode::interrupted);
  for (const char* run_json : {"", "{}", "{\"status\": 3}"}) {
    CAPTURE(run_json);
    const std::string folder = copied(t / "run", t / "edited");
    write_text(folder + "/run.json", run_json);
    const std::string same = copied(folder, t / "same");
    CHECK(resume(same) == ExitCode::done);
    replace(folder + "/config.toml", "steps = 40", "steps = 50");
    const auto before = contents(folder + "/checkpoints");
    const auto [code, said] = refusal([&] { resume(folder); });
    CHECK(code == ExitCode::usage);
    CHECK(said.find("restore config.toml, or choose another --out") != std::string::npos);
    CHECK(contents(folder + "/checkpoints") == before);
    fs::remove_all(folder);
    fs::remove_all(same);
  }
}

TEST_CASE("a finished run that has lost rows is not finished: they are computed again") {
  const TemporaryFolder t;
  REQUIRE(run(t / "run", small_mlp({"measure.track_above=0.5"})) == ExitCode::done);
  REQUIRE(run(t / "diverged", small_mlp({"training.learning_rate=100"})) == ExitCode::diverged);
  const auto cut = [](const std::string& path) { fs::resize_file(path, fs::file_size(path) - 3); };
  const auto remove = [](const std::string& path) { fs::remove(path); };
  const auto empty = [](const std::string& path) { write_text(path, ""); };
  int tried = 0;
  for (const char* name : {"run", "diverged"}) {
    const auto whole = numbers(t / name);
    const std::string changed = t / "changed";
    for (const std::function<void(const std::string&)>& change :
         {std::function<void(const std::string&)>(cut), {remove}, {empty}})
      for (const char* file : {"/metrics.csv", "/events.csv", "/spectra.csv"}) {
        if (!fs::exists((t / name) + file) || fs::file_size((t / name) + file) == 0) continue;
        CAPTURE(name);
        CAPTURE(file);
        copied(t / name, changed);
        CHECK(RunFolder::is_over(RunFolder::look(changed)));  // control
        change(changed + file);
        CHECK(RunFolder::look(changed) == RunFolder::Opened::unfinished);
        CHECK(RunFolder::is_over(RunFolder::look(t / name)));
        CHECK(resume(changed) == (std::string_view(name) == "run" ? ExitCode::done : ExitCode::diverged));
        CHECK(numbers(changed) == whole);
        CHECK(RunFolder::is_over(RunFolder::look(changed)));
        fs::remove_all(changed);
        ++tried;
      }
  }
  CHECK(tried >= 15);
}

TEST_CASE("rows that were changed inside a finished run are named, and nothing is overwritten") {
  const TemporaryFolder t;
  REQUIRE(run(t / "run", small_mlp()) == ExitCode::done);
  const auto whole = numbers(t / "run");
  std::string text = read_text(t / "run/metrics.csv");
  char& digit = text[text.size() / 2];
  digit = digit == '1' ? '2' : '1';
  copied(t / "run", t / "digit");
  write_text(t / "digit/metrics.csv", text);
  CHECK(RunFolder::look(t / "digit") == RunFolder::Opened::unfinished);
  CHECK(refusal([&] { resume(t / "digit"); }).code == ExitCode::check_failed);
  std::vector<std::string> all = lines(t / "run/metrics.csv");
  std::string without;
  for (std::size_t i = 0; i < all.size(); ++i) without += i == 30 ? "" : all[i];
  write_text(t / "run/metrics.csv", without);
  const auto before = contents(t / "run");
  const auto [code, said] = refusal([&] { resume(t / "run"); });
  CHECK(code == ExitCode::check_failed);
  CHECK(said.find("step 29, column step: recorded 30, computed again 29") != std::string::npos);
  CHECK(said.find("move " + (t / "run/metrics.csv") + " out of the folder first") != std::string::npos);
  for (const char* file : {"metrics.csv", "events.csv", "run.json", "config.toml"})
    CHECK(read_text(t / "run/" + file) == before.at(file));
  fs::rename(t / "run/metrics.csv", t / "moved.csv");  // as the message says
  CHECK(resume(t / "run") == ExitCode::done);
  CHECK(numbers(t / "run") == whole);
}

TEST_CASE("a copy of a run folder without its hidden lock is a run") {
  const TemporaryFolder t;
  REQUIRE(run(t / "whole", small_mlp()) == ExitCode::done);
  REQUIRE(run(t / "begun", small_mlp(), 20) == ExitCode::interrupted);
  fs::remove(t / "begun/.lock");
  CHECK(RunFolder::look(t / "begun") == RunFolder::Opened::unfinished);
  const auto [code, said] = refusal([&] { run(t / "begun", small_mlp()); });
  CHECK(code == ExitCode::in_use);
  CHECK(said ==
        (t / "begun") +
            " exists already (a run that did not finish, not in use); --resume continues it, or choose another --out");
  CHECK(!fs::exists(t / "begun/.lock"));
  CHECK(resume(t / "begun") == ExitCode::done);
  CHECK(numbers(t / "begun") == numbers(t / "whole"));
  fs::remove(t / "begun/.lock");
  const auto before = contents(t / "begun");
  CHECK(resume(t / "begun") == ExitCode::done);
  CHECK(contents(t / "begun") == before);
  fs::create_directory(t / "other");  // control
  write_text(t / "other/config.toml", "");
  CHECK(refusal([&] { RunFolder::open(t / "other", true); }).code == ExitCode::usage);
}

TEST_CASE("checkpoints that a run removes while its steps are computed again can still be read") {
  const TemporaryFolder t;
  REQUIRE(run(t / "run", small_mlp({"run.keep_checkpoints=[10]"}), 25) == ExitCode::interrupted);
  RecordedRun recorded;
  {
    const RunFolder in_use = RunFolder::open(t / "run", true);
    read_recorded_run(recorded, t / "run");
  }
  REQUIRE(recorded.checkpoints.size() == 3);
  CHECK(std::ranges::count_if(recorded.checkpoints, [](const auto& file) { return file.held != nullptr; }) == 2);
  for (const CheckpointFile& file : recorded.checkpoints)
    if (file.held) fs::remove(file.path);
  Said said;
  const Recomputed r = recompute(recorded, said.console());
  CHECK(r.first_row.empty());
  CHECK(std::ranges::all_of(r.checkpoints, [](const auto& c) { return c.parts == 0; }));
  RecordedRun later;  // control: nobody writes into the folder now
  read_recorded_run(later, t / "run");
  REQUIRE(later.checkpoints.size() == 1);
  fs::remove(later.checkpoints[0].path);
  CHECK(refusal([&] { recompute(later, said.console()); }).code == ExitCode::bad_data);
}

TEST_CASE("a folder of checkpoints that cannot be listed is not taken for an empty one") {
  const TemporaryFolder t;
  fs::create_directory(t / "run");
  CHECK(list_checkpoints(t / "run").bad.empty());
  write_text(t / "run/checkpoints", "");
  REQUIRE(list_checkpoints(t / "run").bad.size() == 1);
  CHECK(list_checkpoints(t / "run").bad[0].starts_with(
      (t / "run") + "/checkpoints: expected a folder that can be read, found none: "));
}

TEST_CASE("files of tensors are compared with what is computed again") {
  const TemporaryFolder t;
  REQUIRE(run(t / "run", small_mlp({"measure.parameters.every=10", "measure.eigenvectors.every=10"})) ==
          ExitCode::done);
  const auto differing = [&] {
    RecordedRun recorded;
    read_recorded_run(recorded, t / "run");
    Said said;
    std::map<std::string, std::pair<std::int64_t, std::string>> out;
    for (const TensorDifferences& d : recompute(recorded, said.console()).tensors) out[d.kind] = {d.files, d.first};
    return out;
  };
  using Pair = std::pair<std::int64_t, std::string>;
  CHECK(differing() == std::map<std::string, Pair>{{"eigenvectors", {0, ""}}, {"parameters", {0, ""}}});
  const std::string theta = t / "run/parameters/step-000020.safetensors",
                    vectors = t / "run/eigenvectors/step-000010.safetensors";
  std::string bytes = read_text(theta);
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  write_text(theta, bytes);
  fs::remove(vectors);
  fs::resize_file(t / "run/eigenvectors/step-000030.safetensors", 12);
  const auto found = differing();
  CHECK(found.at("parameters").first == 1);
  CHECK(found.at("parameters").second.starts_with(theta + ": dense"));
  CHECK(found.at("parameters").second.ends_with("]: recorded another number"));
  CHECK(found.at("eigenvectors").first == 2);
  CHECK(found.at("eigenvectors").second == vectors + ": expected the file, found none");
}
