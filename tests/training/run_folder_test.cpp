// SPDX-License-Identifier: MIT
// One folder for one run (S7 of docs/promises.md), and the rows of its files.
#include "training/run/folder.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/support/networks.h"
#include "tests/training/faulty_system.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/loop.h"
#include "training/run/records.h"

using namespace brink;

namespace {

std::string host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

std::string refusal(const std::string& path, bool resume = false) {
  try {
    RunFolder::open(path, resume);
  } catch (const InUseError& e) {
    CHECK(e.code() == ExitCode::in_use);
    return e.what();
  }
  return "opened";
}

}  // namespace

TEST_CASE("a folder is made once") {
  test::TemporaryFolder t;
  const std::string path = t / "runs/ä b/run";
  {
    const RunFolder run = RunFolder::open(path + "//", false);
    CHECK(run.path() == path);
    CHECK(run.opened() == RunFolder::Opened::fresh);
    CHECK(run.notes().empty());
    CHECK(refusal(path) == path + " is in use by process " + std::to_string(getpid()) + " on " + host());
    CHECK(refusal(path, true) == path + " is in use by process " + std::to_string(getpid()) + " on " + host());
    run.folder().write_file("config.toml", to_toml({}));
  }
  CHECK(refusal(path) ==
        path +
            " exists already (a run that did not finish, not in use); --resume continues it, or choose another --out");
  std::filesystem::create_directory(t / "other");
  test::write_text(t / "other/notes", "");
  CHECK(refusal(t / "other") ==
        (t / "other") + " exists already and is neither empty nor a run of brink; choose another --out");
  std::filesystem::create_directory(t / "empty");
  {
    const RunFolder run = RunFolder::open(t / "empty", false);
    CHECK(run.opened() == RunFolder::Opened::fresh);
    CHECK(run.notes().empty());
    CHECK(refusal(t / "empty") ==
          (t / "empty") + " is in use by process " + std::to_string(getpid()) + " on " + host());
  }
  CHECK(RunFolder::open(t / "empty", false).opened() == RunFolder::Opened::fresh);  // nothing has been written yet
  test::write_text(t / "empty/config.toml", "");
  CHECK(refusal(t / "empty").find("exists already (a run that did not finish, not in use)") != std::string::npos);
  test::write_text(t / "file", "");
  CHECK_THROWS_AS(RunFolder::open(t / "file", false), UsageError);
  CHECK_THROWS_AS(RunFolder::open(t / "file/below", false), UsageError);
  CHECK_THROWS_AS(RunFolder::open(t / std::string(300, 'x'), false), UsageError);
  CHECK_THROWS_AS(RunFolder::open("", false), UsageError);
  for (const auto& entry : std::filesystem::directory_iterator(t.path()))
    CHECK(entry.path().filename().string().find(".brink") != 0);  // no temporary is left
}

TEST_CASE("resume") {
  test::TemporaryFolder t;
  const std::string dead = std::to_string(test::dead_process());
  const std::string path = t / "run";
  {
    const RunFolder run = RunFolder::open(path, true);
    CHECK(run.opened() == RunFolder::Opened::fresh);
    REQUIRE(run.notes().size() == 1);
    CHECK(run.notes()[0] == path + " does not exist; starting at step 0");
    test::write_text(path + "/run.json.tmp." + dead, "torn");
    test::write_text(path + "/run.json.tmp.1", "of a living process");
    test::write_text(path + "/notes.tmp." + dead, "not ours");
  }
  {
    const RunFolder run = RunFolder::open(path, true);
    CHECK(run.opened() == RunFolder::Opened::unfinished);
    CHECK(run.notes().empty());
    CHECK(!std::filesystem::exists(path + "/run.json.tmp." + dead));
    CHECK(std::filesystem::exists(path + "/run.json.tmp.1"));
    CHECK(std::filesystem::exists(path + "/notes.tmp." + dead));
    Config config;
    RunFolder::require_same_config(path, config);
    run.folder().write_file("config.toml", to_toml(config));
    config.run.threads = 7;
    RunFolder::require_same_config(path, config);
    config.training.seed = 7;
    config.training.learning_rate = 0.25;
    CHECK_THROWS_WITH_AS(RunFolder::require_same_config(path, config),
                         (path + ": --resume: expected the settings with which the run began, found others: "
                                 "training.learning_rate = 0.25 (there 0.1), training.seed = 7 (there 0); leave them "
                                 "out, or choose another --out")
                             .c_str(),
                         UsageError);
    CHECK(RunFolder::look(path) == RunFolder::Opened::unfinished);
    CHECK(RunFolder::is_in_use(path));
    run.folder().write_file("metrics.csv", "step\n");
    RunRecord record;
    record.status = "diverged";
    run.folder().write_file("run.json", run_json({}, record));
  }
  {
    const RunFolder run = RunFolder::open(path, true);
    CHECK(run.opened() == RunFolder::Opened::diverged);
    RunRecord record;
    record.status = "finished";
    run.folder().write_file("run.json", run_json({}, record));
  }
  {
    const RunFolder run = RunFolder::open(path, true);
    CHECK(run.opened() == RunFolder::Opened::finished);
    CHECK(run.notes() == std::vector<std::string>{path + " is finished; nothing is left to do"});
  }
  CHECK(refusal(path).find("exists already (a finished run, not in use)") != std::string::npos);
  std::filesystem::create_directory(t / "photos");
  test::write_text(t / "photos/a.jpg", "");
  CHECK_THROWS_AS(RunFolder::open(t / "photos", true), UsageError);
}

TEST_CASE("a folder that a killed process was about to make is removed, another's is not (F15)") {
  test::TemporaryFolder t;
  const std::string dead = t / (".brink-" + std::to_string(test::dead_process()) + "-0.tmp");
  const std::string living = t / ".brink-1-0.tmp", not_ours = dead.substr(0, dead.size() - 4) + ".txt";
  for (const std::string& path : {dead, living, not_ours}) {
    std::filesystem::create_directory(path);
    test::write_text(path + "/.lock", "");
  }
  RunFolder::open(t / "first", false);
  CHECK(!std::filesystem::exists(dead));
  CHECK(std::filesystem::exists(living + "/.lock"));
  CHECK(std::filesystem::exists(not_ours + "/.lock"));
  std::filesystem::create_directory(dead);
  test::write_text(dead + "/mine", "");  // something else in it: never removed
  RunFolder::open(t / "second", false);
  CHECK(std::filesystem::exists(dead + "/mine"));
}

TEST_CASE("the lock of a killed process is stale and is said to be") {
  test::TemporaryFolder t;
  const std::string path = t / "run";
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const RunFolder run = RunFolder::open(path, false);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char c;
  REQUIRE(read(ready[0], &c, 1) == 1);
  CHECK(refusal(path) == path + " is in use by process " + std::to_string(child) + " on " + host());
  CHECK(RunFolder::is_in_use(path));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(!RunFolder::is_in_use(path));
  CHECK(refusal(path).find("did not finish, not in use") != std::string::npos);
  const RunFolder run = RunFolder::open(path, true);
  REQUIRE(run.notes().size() == 1);
  CHECK(run.notes()[0] == "the lock of process " + std::to_string(child) + " on " + host() +
                              " is stale: that run ended without finishing");
}

TEST_CASE("200 races: one process gets the folder, the others name it") {
  for (int race = 0; race < 200; ++race) {
    test::TemporaryFolder t;
    const std::string path = t / "runs/run";
    const bool resume = race % 2 == 1;
    if (resume && race % 4 == 1) RunFolder::open(path, false);                // present and free
    if (!resume && race % 4 == 0) std::filesystem::create_directories(path);  // present and empty
    int go[2], hold[2], results[2];
    REQUIRE(pipe(go) == 0);
    REQUIRE(pipe(hold) == 0);
    REQUIRE(pipe(results) == 0);
    constexpr int racers = 3;
    pid_t children[racers];
    for (pid_t& child : children) {
      child = fork();
      if (child != 0) continue;
      close(go[1]);
      close(hold[1]);
      char c;
      if (read(go[0], &c, 1) < 0) _exit(9);
      pid_t said = 0;
      try {
        const RunFolder run = RunFolder::open(path, resume);
        said = -getpid();
        if (write(results[1], &said, sizeof said) < 0) _exit(9);
        if (read(hold[0], &c, 1) < 0) _exit(9);  // until all have tried
      } catch (const InUseError& e) {
        const std::string text = e.what();
        const std::size_t at = text.find("in use by process ");
        if (at != std::string::npos && text.find(" on " + host()) != std::string::npos)
          said = static_cast<int>(std::strtol(text.c_str() + at + 18, nullptr, 10));
        if (write(results[1], &said, sizeof said) < 0) _exit(9);
      } catch (...) {
        if (write(results[1], &said, sizeof said) < 0) _exit(9);
      }
      _exit(0);
    }
    close(go[0]);
    close(hold[0]);
    close(go[1]);  // go
    pid_t winner = 0;
    std::vector<pid_t> named;
    for (int i = 0; i < racers; ++i) {
      pid_t said = 0;
      REQUIRE(read(results[0], &said, sizeof said) == sizeof said);
      if (said < 0) {
        CHECK(winner == 0);
        winner = -said;
      } else {
        named.push_back(said);
      }
    }
    close(hold[1]);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    CHECK(winner != 0);
    for (const pid_t pid : named) CHECK(pid == winner);
    close(results[0]);
    close(results[1]);
  }
}

TEST_CASE("a fault while the folder is made leaves nothing behind") {
  int failures = 0;
  for (int at = 0;; ++at) {
    test::TemporaryFolder t;
    test::FaultySystem system(at, ENOSPC);
    try {
      RunFolder::open(t / "run", false, system);
    } catch (const IoError& e) {
      ++failures;
      CHECK(std::string(e.what()).find("No space left on device") != std::string::npos);
      CHECK(std::filesystem::is_empty(t.path()));
    }
    if (at >= system.calls()) break;
  }
  CHECK(failures >= 5);
}

TEST_CASE("rows") {
  const support::Network n({.samples = 8});
  Device device;
  TrainerOptions options;
  options.tracker = TrackerOptions{.top = 2, .bottom = 1, .budget = 20, .max_basis = 24};
  CHECK(
      metrics_header(Trainer(device, n.objective, n.data(), {}, options, n.theta.view()).row()) ==
      "step,loss,train_accuracy,test_accuracy,learning_rate,gradient_norm,lambda_1,lambda_2,residual_1,residual_2,"
      "lambda_min,residual_min,products,surplus,jump,period2_distance,digest,scale,converged,redone,asymmetry,lambda_1_"
      "upper,lambda_min_lower,certificate,jump_u1\n");
  std::vector<Column> columns;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) columns.push_back({name, "", "a number", {}});
  Row row(columns);
  row.step = 7;
  const std::vector<Cell> cells{0.1,  {},   1e-30, std::numeric_limits<double>::quiet_NaN(), std::int64_t{12}, -0.0,
                                "ab", true, false};
  std::ranges::copy(cells, row.cells().begin());
  std::string out;
  append_row(out, row);
  CHECK(out == "7,0.1,,1e-30,nan,12,-0,ab,1,0\n");
  out.clear();
  columns.resize(3);
  append_row(out, Row(columns));
  CHECK(out == "0,,,\n");
  out.clear();
  append_row(out, TimingRow{3, 1.23456, 0, 1e9, 0, 0});
  CHECK(out == "3,1.235,0.000,1000000000.000,0.000,0.000\n");
}

TEST_CASE("run.json") {
  RunRecord r;
  r.diverged_at = 17;
  const auto j = nlohmann::json::parse(run_json({}, r));
  CHECK(j["diverged_at"] == 17);
  for (const char* unknown : {"instabilities", "steps_done", "final_digest", "ended"}) CHECK(j[unknown].is_null());
  CHECK(j["config_hash"] == config_hash({}));
  CHECK(j["machine"]["instruction_set"].is_string());
  const std::string now = utc_now();
  CHECK(now.size() == 20);
  CHECK(now[10] == 'T');
  CHECK(now[19] == 'Z');
}
