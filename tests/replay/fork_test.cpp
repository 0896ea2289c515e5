// SPDX-License-Identifier: MIT
// Forks: exact without a change, reproducible with one, whole without their parent, and refused where there is nothing to fork.
#include "training/replay/fork.h"

#include <limits>
#include <random>

#include "tests/replay/replay_runs.h"
#include "training/events.h"
#include "training/replay/measure.h"
#include "training/replay/segments.h"
#include "training/run/checkpoint.h"

using namespace brink;
using namespace brink::test;

namespace {

Forked fork(const std::string& parent, std::int64_t at, const std::string& folder, const Sets& sets = {},
            const std::vector<std::pair<std::string, std::string>>& flags = {}, std::string* text = nullptr) {
  Said said;
  Forked out = fork_run({parent, at, sets, flags, folder}, said.console());
  if (text) *text = said.text();
  return out;
}

/// A fork without a change, on other threads and chunks, has the parent's rows from its step on, and its events from there on.
void require_same_from(const std::string& parent, std::int64_t at, const std::string& folder,
                       const std::vector<std::pair<std::string, std::string>>& flags) {
  CAPTURE(at);
  CHECK(fork(parent, at, folder, {}, flags).code == ExitCode::done);
  CHECK(read_text(folder + "/metrics.csv") == metrics_from(parent, at));
  const std::string events = read_text(folder + "/events.csv"), all = read_text(parent + "/events.csv");
  const std::size_t header = all.find('\n') + 1;
  CHECK(events.substr(0, header) == all.substr(0, header));
  CHECK(all.ends_with(events.substr(header)));
}

std::vector<std::int64_t> random_steps(int count, std::int64_t last, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int64_t> out{0, last};
  while (std::ssize(out) < count) out.push_back(static_cast<std::int64_t>(random() % static_cast<unsigned>(last + 1)));
  return out;
}

}  // namespace

TEST_CASE("fork without a change: the same bytes from there on, at 20 steps of an MLP, with other threads and chunks") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  REQUIRE(lines(folder / "parent/events.csv").size() >= 3);  // so that forks inside instabilities are among them
  const auto before = contents(folder / "parent");
  int i = 0;
  for (const std::int64_t at : random_steps(20, 40, 1)) {
    const std::string fork = folder / ("fork" + std::to_string(i));
    require_same_from(folder / "parent", at, fork,
                      {{"threads", std::to_string(1 + i % 3)}, {"chunk", i % 2 ? "128" : "auto"}});
    ++i;
  }
  CHECK(contents(folder / "parent") == before);
}

TEST_CASE("fork without a change: the same bytes from there on, at 20 steps of a VGG") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_vgg()) == ExitCode::done);
  int i = 0;
  for (const std::int64_t at : random_steps(20, 7, 2)) {
    require_same_from(folder / "parent", at, folder / ("fork" + std::to_string(i)),
                      {{"threads", std::to_string(1 + i % 2)}, {"chunk", i % 2 ? "16" : "auto"}});
    ++i;
  }
}

TEST_CASE("fork with another learning rate: twice the same, other rows than the parent's, and without the parent") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  for (const char* name : {"a", "b"})
    REQUIRE(fork(folder / "parent", 17, folder / name, {"training.learning_rate=0.2"}).code == ExitCode::done);
  CHECK(read_text(folder / "a/metrics.csv") == read_text(folder / "b/metrics.csv"));
  CHECK(read_text(folder / "a/events.csv") == read_text(folder / "b/events.csv"));
  const std::string a = folder / "a/metrics.csv", parent = folder / "parent/metrics.csv";
  // θ of step 17 is the parent's, and the first update is the fork's own.
  CHECK(cell(a, 17, "digest") == cell(parent, 17, "digest"));
  CHECK(cell(a, 17, "lambda_1") == cell(parent, 17, "lambda_1"));
  CHECK(cell(a, 17, "surplus") != cell(parent, 17, "surplus"));
  CHECK(cell(a, 18, "digest") != cell(parent, 18, "digest"));
  CHECK(metrics_from(folder / "a", 18, 17) != metrics_from(folder / "parent", 18));

  const Config config = load_config({folder / "a/config.toml", {}, {}});
  REQUIRE(config.fork);
  CHECK(config.fork->at_step == 17);
  CHECK(config.fork->digest == cell(parent, 17, "digest"));
  CHECK(config.fork->parent_hash == config_hash(load_config({folder / "parent/config.toml", {}, {}})));
  Config plain = config;
  plain.fork.reset();
  CHECK(config_hash(plain) != config_hash(config));
  CHECK(list_checkpoints(folder / "a").good.front().step == 17);  // kept beside the newest two
}

TEST_CASE("fork of a fork has the bytes of the first parent") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  REQUIRE(fork(folder / "parent", 11, folder / "child").code == ExitCode::done);
  std::filesystem::remove_all(folder / "parent/checkpoints");
  REQUIRE(fork(folder / "child", 23, folder / "grandchild").code == ExitCode::done);
  CHECK(read_text(folder / "grandchild/metrics.csv") == metrics_from(folder / "parent", 23));
  const Refusal refused = refusal([&] { fork(folder / "child", 10, folder / "x"); });
  CHECK(refused.code == ExitCode::usage);
  CHECK(refused.message.find("a fork that begins at step 11") != std::string::npos);
  // What the parent no longer has is computed again from step 0.
  std::string said;
  REQUIRE(fork(folder / "parent", 5, folder / "old", {}, {}, &said).code == ExitCode::done);
  CHECK(said.find("5 steps computed again, from the start") != std::string::npos);
}

TEST_CASE("a fork that was killed goes on without its parent, and not without its first checkpoint") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  REQUIRE(fork(folder / "parent", 9, folder / "fork", {"training.learning_rate=0.3"}).code == ExitCode::done);
  std::filesystem::remove_all(folder / "parent");
  const std::string metrics = read_text(folder / "fork/metrics.csv"), events = read_text(folder / "fork/events.csv");

  // As kill -9 leaves it: rows up to some step, the first checkpoint only, and a record that says running.
  const auto kill_at = [&](std::size_t rows) {
    std::string cut;
    const std::vector<std::string> all = lines(folder / "fork/metrics.csv");
    for (std::size_t i = 0; i < rows; ++i) cut += all.at(i);
    write_text(folder / "fork/metrics.csv", cut);
    write_text(folder / "fork/events.csv", lines(folder / "fork/events.csv").at(0));
    std::string record = read_text(folder / "fork/run.json");
    const std::size_t at = record.find("finished");
    if (at != std::string::npos) write_text(folder / "fork/run.json", record.replace(at, 8, "running"));
    for (const CheckpointFile& file : list_checkpoints(folder / "fork").good)
      if (file.step != 9) std::filesystem::remove(file.path);
  };
  const auto resume = [&] {
    Said said;
    return train(load_config({folder / "fork/config.toml", {}, {}}), {folder / "fork", true}, said.console());
  };
  kill_at(15);
  CHECK(resume() == ExitCode::done);
  CHECK(read_text(folder / "fork/metrics.csv") == metrics);
  CHECK(read_text(folder / "fork/events.csv") == events);

  kill_at(15);
  std::filesystem::remove_all(folder / "fork/checkpoints");
  const Refusal refused = refusal(resume);
  CHECK(refused.code == ExitCode::bad_data);
  CHECK(refused.message.find("fork " + (folder / "parent") + " again") != std::string::npos);
  // Nor does a config with [fork] begin a run.
  Said said;
  CHECK(refusal([&] {
          train(load_config({folder / "fork/config.toml", {}, {}}), {folder / "new"}, said.console());
        }).code == ExitCode::usage);
  CHECK_FALSE(std::filesystem::exists(folder / "new"));
}

TEST_CASE("fork: a changed rule begins with zero vectors, and the same rule keeps them") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "gd", small_mlp()) == ExitCode::done);
  std::string said;
  REQUIRE(fork(folder / "gd", 12, folder / "momentum", {"training.rule=momentum"}, {}, &said).code == ExitCode::done);
  CHECK(said.find("at step 12: the vectors of the rule momentum are zero") != std::string::npos);
  CHECK(said.find("training.rule") != std::string::npos);
  // The first step of momentum from rest is one of gradient descent.
  const std::string a = folder / "gd/metrics.csv", b = folder / "momentum/metrics.csv";
  CHECK(cell(a, 13, "digest") == cell(b, 13, "digest"));
  CHECK(cell(a, 14, "digest") != cell(b, 14, "digest"));

  REQUIRE(fork(folder / "momentum", 20, folder / "same", {"training.rule=momentum"}, {}, &said).code == ExitCode::done);
  CHECK(said.find("are zero") == std::string::npos);
  CHECK(read_text(folder / "same/metrics.csv") == metrics_from(folder / "momentum", 20, 12));
  REQUIRE(fork(folder / "momentum", 20, folder / "slower", {"training.momentum=0.5"}, {}, &said).code ==
          ExitCode::done);
  CHECK(said.find("are zero") == std::string::npos);
  // Another number of tracked vectors, and another measurement.
  REQUIRE(
      fork(folder / "gd", 12, folder / "more", {"measure.top=3", "measure.update_cosine.every=1"}, {}, &said).code ==
      ExitCode::done);
  CHECK(said.find("random start") != std::string::npos);
  CHECK(cell(a, 30, "digest") == cell(folder / "more/metrics.csv", 30, "digest"));
}

TEST_CASE("fork before a resolution, and of a run whose settings change on the way") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  const std::vector<std::string> events = lines(folder / "parent/events.csv");
  const std::string& second = events.at(2);
  const std::string resolution = second.substr(second.find(',') + 1);
  Said said;
  ForkOptions options{folder / "parent", 0, {"training.learning_rate=0.15"}, {}, folder / "before"};
  options.before_resolution = 3;
  options.instability = 2;
  REQUIRE(fork_run(options, said.console()).code == ExitCode::done);
  CHECK(load_config({folder / "before/config.toml", {}, {}}).fork->at_step == std::stoll(resolution) - 3);

  // The parent changes its rate at step 12 and its rule at step 20.
  const std::string changes =
      "training.change=[{at_step=12,set={learning_rate=0.2}},{at_step=20,set={rule=\"momentum\"}}]";
  REQUIRE(run(folder / "changing", small_mlp({changes})) == ExitCode::done);
  for (const std::int64_t at : {5, 12, 16, 20, 27})
    require_same_from(folder / "changing", at, folder / ("same" + std::to_string(at)), {{"threads", "2"}});
  const Refusal refused = refusal([&] { fork(folder / "changing", 16, folder / "x", {"training.learning_rate=0.1"}); });
  CHECK(refused.code == ExitCode::usage);
  CHECK_MESSAGE(refused.message.find("training.change=[") != std::string::npos, refused.message);
  std::string text;
  REQUIRE(
      fork(folder / "changing", 27, folder / "none", {"training.change=[]", "training.learning_rate=0.1"}, {}, &text)
          .code == ExitCode::done);
  CHECK(cell(folder / "none/metrics.csv", 27, "digest") == cell(folder / "changing/metrics.csv", 27, "digest"));
  CHECK(cell(folder / "none/metrics.csv", 30, "learning_rate") == "0.1");
}

TEST_CASE(
    "other data or another start file: fork, measure and verify name the checksum, and the right ones are accepted") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "other", small_mlp({"training.seed=5", "measure.parameters.steps=[0]"})) == ExitCode::done);
  REQUIRE(run(folder / "first", small_mlp({"measure.parameters.steps=[0]"})) == ExitCode::done);
  const auto parameters = [&](const char* of) {
    return folder / (std::string(of) + "/parameters/step-000000.safetensors");
  };
  const std::string start = folder / "start.safetensors";
  std::filesystem::copy_file(parameters("first"), start);
  REQUIRE(run(folder / "run", small_mlp({"model.start_file=" + start})) == ExitCode::done);

  const auto each = [&](const char* recorded, const std::string& what) {
    CAPTURE(recorded);
    const auto refuses = [&](auto&& action) {
      const Refusal refused = refusal(action);
      CHECK(refused.code == ExitCode::bad_data);
      CHECK_MESSAGE(
          refused.message.find("expected the " + what + " with which the run began (checksum ") != std::string::npos,
          refused.message);
    };
    refuses([&] { fork(folder / recorded, 20, folder / "x"); });
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
    refuses([&] {
      Said said;
      measure_run({folder / recorded, {20, 25, 1}, {"measure.update_cosine.every=1"}, {}}, said.console());
    });
    CHECK_FALSE(std::filesystem::exists(folder / (std::string(recorded) + "/measured")));
    refuses([&] {
      Said said;
      RecordedRun read;
      read_recorded_run(read, folder / recorded);
      recompute(read, said.console());
    });
  };
  CHECK(fork(folder / "run", 20, folder / "same").code == ExitCode::done);  // control
  std::filesystem::copy_file(parameters("other"), start, std::filesystem::copy_options::overwrite_existing);
  each("run", "parameters at step 0");

  // A file that is gone is not needed from a checkpoint on, and needed before.
  std::filesystem::remove(start);
  CHECK(fork(folder / "run", 38, folder / "late").code == ExitCode::done);
  CHECK(read_text(folder / "late/metrics.csv") == metrics_from(folder / "run", 38));
  {
    Said said;
    const MeasureOptions late{folder / "run", {38, 39, 1}, {"measure.update_cosine.every=1"}, {}};
    CHECK(lines(measure_run(late, said.console())).size() == 3);
  }
  CHECK(refusal([&] { fork(folder / "run", 3, folder / "x"); }).message.find("model.start_file") != std::string::npos);

  // As if the files of the data had been replaced: the record names another checksum.
  const auto replace_checksum = [&](const std::string& key) {
    std::string record = read_text(folder / "first/run.json");
    const std::size_t at = record.find('"', record.find("\"" + key + "\"") + key.size() + 3) + 1;
    record[at] = record[at] == '0' ? '1' : '0';
    write_text(folder / "first/run.json", record);
  };
  CHECK(fork(folder / "first", 20, folder / "same2").code == ExitCode::done);  // control
  const std::string whole = read_text(folder / "first/run.json");
  replace_checksum("test_checksum");
  each("first", "test samples");
  write_text(folder / "first/run.json", whole);
  replace_checksum("train_checksum");
  each("first", "training samples");
}

TEST_CASE("a change before the beginning of a fork is refused, and those of the parent stay") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "plain", small_mlp()) == ExitCode::done);
  const std::string first = "{at_step=5,set={learning_rate=0.2}}", late = "{at_step=25,set={learning_rate=0.1}}";
  REQUIRE(run(folder / "changing", small_mlp({"training.change=[" + first + "]"})) == ExitCode::done);
  const std::int64_t resolution = parse_events(read_text(folder / "plain/events.csv")).at(0).resolution;
  struct Case {
    const char* parent;
    std::string changes;
    std::int64_t at, step;
  };
  for (const Case& c : std::vector<Case>{
           {"plain", first, 10, 5},
           {"plain", late + "," + first, 10, 5},
           {"plain", "{before_resolution={steps=1,instability=1},set={learning_rate=0.2}}", resolution, resolution - 1},
           {"changing", "{at_step=5,set={learning_rate=0.25}}", 10, 5},
           {"changing", "{at_step=6,set={learning_rate=0.2}}", 10, 6}}) {
    CAPTURE(c.changes);
    const Refusal refused =
        refusal([&] { fork(folder / c.parent, c.at, folder / "x", {"training.change=[" + c.changes + "]"}); });
    CHECK(refused.code == ExitCode::usage);
    CHECK_MESSAGE(refused.message.find("the change at step " + std::to_string(c.step) +
                                       " is too early, because the fork begins at step " + std::to_string(c.at)) !=
                      std::string::npos,
                  refused.message);
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
  }
  // At the first step of the fork, and together with what the parent has changed before.
  CHECK(fork(folder / "plain", 5, folder / "at", {"training.change=[" + first + "]"}).code == ExitCode::done);
  CHECK(read_text(folder / "at/metrics.csv") == metrics_from(folder / "changing", 5));
  CHECK(fork(folder / "changing", 10, folder / "more", {"training.change=[" + first + "," + late + "]"}).code ==
        ExitCode::done);
  CHECK(cell(folder / "more/metrics.csv", 24, "digest") == cell(folder / "changing/metrics.csv", 24, "digest"));
  CHECK(cell(folder / "more/metrics.csv", 24, "learning_rate") == "0.2");
  CHECK(cell(folder / "more/metrics.csv", 25, "learning_rate") == "0.1");
}

TEST_CASE("fork before a resolution that is too early, unknown or not there yet is refused") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  const std::vector<Instability> all = parse_events(read_text(folder / "parent/events.csv"));
  REQUIRE(all.size() >= 2);
  const std::int64_t resolution = all[0].resolution;
  REQUIRE(run(folder / "none", small_mlp({"training.learning_rate=1e-4"})) == ExitCode::done);
  REQUIRE(run(folder / "open", small_mlp({"training.steps=" + std::to_string(resolution - 1)})) == ExitCode::done);
  REQUIRE(parse_events(read_text(folder / "open/events.csv")).at(0).open);
  const auto refuses = [&](const char* parent, std::int64_t before, std::int64_t instability, const std::string& said) {
    CAPTURE(said);
    ForkOptions options{folder / parent, 0, {}, {}, folder / "x"};
    options.before_resolution = before, options.instability = instability;
    Said console;
    const Refusal refused = refusal([&] { fork_run(options, console.console()); });
    CHECK(refused.code == ExitCode::usage);
    CHECK_MESSAGE(refused.message.find(said) != std::string::npos, refused.message);
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
  };
  const std::string resolves = "the instability resolves at step " + std::to_string(resolution);
  refuses("parent", resolution + 1, 1, resolves);
  refuses("parent", std::numeric_limits<std::int64_t>::max(), 1, resolves);
  refuses("parent", 1, std::ssize(all) + 1, "give a smaller number, or the step of the fork itself");
  refuses("none", 1, 1, "has 0 instabilities; give the step of the fork itself");
  refuses("open", 1, 1, "still open");
  // In a fork, steps before its beginning are another run's.
  REQUIRE(fork(folder / "parent", 3, folder / "child").code == ExitCode::done);
  refuses("child", resolution - 2, 1, "begins at step 3: expected at most " + std::to_string(resolution - 3));
  ForkOptions whole{folder / "parent", 0, {}, {}, folder / "whole"};
  whole.before_resolution = resolution, whole.instability = 1;
  Said console;
  CHECK(fork_run(whole, console.console()).code == ExitCode::done);
  CHECK(read_text(folder / "whole/metrics.csv") == read_text(folder / "parent/metrics.csv"));
}

TEST_CASE("fork beyond the parent's last step, with more steps") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "short", small_mlp({"training.seed=3"})) == ExitCode::done);
  REQUIRE(run(folder / "long", small_mlp({"training.seed=3", "training.steps=52"})) == ExitCode::done);
  REQUIRE(fork(folder / "short", 40, folder / "fork", {"training.steps=52"}).code == ExitCode::done);
  CHECK(read_text(folder / "fork/metrics.csv") == metrics_from(folder / "long", 40));
}

TEST_CASE("fork: what cannot be forked is refused in one line, before a folder is made") {
  const TemporaryFolder folder;
  REQUIRE(run(folder / "parent", small_mlp()) == ExitCode::done);
  REQUIRE(run(folder / "cut", small_mlp(), 20) == ExitCode::interrupted);
  REQUIRE(run(folder / "lost", small_mlp({"training.divergence_loss=1e-3"})) == ExitCode::diverged);
  struct Case {
    const char* parent;
    std::int64_t at;
    Sets sets;
    ExitCode code;
    const char* said;
  };
  const Case cases[] = {
      {"parent", 41, {}, ExitCode::usage, "expected a step from 0 to 40"},
      {"parent", -13, {}, ExitCode::usage, "expected a step from 0 to 40"},
      {"parent", std::numeric_limits<std::int64_t>::max(), {}, ExitCode::usage, "expected a step from 0 to 40"},
      {"cut", 21, {}, ExitCode::usage, "--resume"},
      {"lost", 1, {}, ExitCode::usage, "diverged at step 0"},
      {"parent", 10, {"model.hidden=[9]"}, ExitCode::usage, "a fork has its parent's network"},
      {"parent", 10, {"data.train=200"}, ExitCode::usage, "a fork has its parent's data"},
      {"parent", 10, {"run.precision=float64"}, ExitCode::usage, "precision"},
      {"parent", 10, {"fork.at_step=3"}, ExitCode::usage, "writes this table itself"},
      {"parent", 10, {"training.steps=9"}, ExitCode::usage, "expected at least 10"},
      {"parent", 10, {"training.learning_rat=1"}, ExitCode::usage, "training.learning_rate"},
      {"none", 10, {}, ExitCode::bad_data, "none: expected the folder of a run, found nothing"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.said);
    const Refusal refused = refusal([&] { fork(folder / c.parent, c.at, folder / "fork", c.sets); });
    CHECK(refused.code == c.code);
    CHECK_MESSAGE(refused.message.find(c.said) != std::string::npos, refused.message);
    CHECK(refused.message.find('\n') == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "fork"));
  }
  CHECK(refusal([&] { fork(folder / "parent", 10, folder / "cut"); }).code == ExitCode::in_use);
  CHECK(fork(folder / "parent", 10, folder / "fork", {"training.learning_rate=0.1"}).code ==
        ExitCode::done);  // control

  // A parent whose rows cannot be reproduced is no parent.
  std::string metrics = read_text(folder / "parent/metrics.csv");
  std::filesystem::remove_all(folder / "parent/checkpoints");
  const std::size_t row = metrics.find("\n3,") + 3;
  metrics[row + 4] = metrics[row + 4] == '5' ? '6' : '5';
  write_text(folder / "parent/metrics.csv", metrics);
  const Refusal refused = refusal([&] { fork(folder / "parent", 10, folder / "again"); });
  CHECK(refused.code == ExitCode::check_failed);
  CHECK(refused.message.find("step 3, column loss") != std::string::npos);
}
