// SPDX-License-Identifier: MIT
#include "training/run/config.h"

#include <doctest/doctest.h>

#include <clocale>
#include <locale>

#include "tests/training/config_with.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/run/records.h"

using namespace brink;

namespace {

constexpr std::string_view defaults = R"([data]
name = "synthetic"
train = 1000
test = 1000
seed = 0

[model]
name = "mlp"
hidden = [32, 32, 32, 32]
activation = "relu"
init = "lecun"

[training]
rule = "gd"
learning_rate = 0.1
schedule = "constant"
warmup = 0
steps = 400
loss = "cross_entropy"
batch = 0
seed = 0
divergence_loss = inf
project = "off"
weight_decay = 0.0

[measure]
top = 1
bottom = 1
tolerance = 0.001
accuracy = "vector"
certify = "residual"
row_every = "epoch"
every = 1
cold_check = 25
budget = 400

[events]
merge_gap = 2
minimum_length = 8

[run]
device = "cpu"
precision = "float32"
threads = "all"
chunk = "auto"
memory = "auto"
arithmetic = "exact"
checkpoint_every = "auto"
keep_checkpoints = []
)";

using brink::test::with;

}  // namespace

TEST_CASE("the defaults, written out") { CHECK(to_toml(with({})) == defaults); }

TEST_CASE("a resolved config reads back as itself") {
  test::TemporaryFolder folder;
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"data.name=fmnist4", "data.directory=/d/ü \"q\" \\ ", "data.train=4000", "run.precision=float64"},
      {"model.name=dln", "model.start=[1, -2.5e-30, 3e300]", "model.target=1", "training.loss=mse"},
      {"training.learning_rate=1", "training.divergence_loss=1e6", "run.threads=3", "run.chunk=256", "run.memory=3MiB"},
      {"model.hidden=[]"},
      {"model.hidden=[1]", "model.activation=tanh", "model.init=he", "measure.tolerance=1e-12"},
      {"training.learning_rate=0.30000000000000004", "training.seed=9223372036854775807"},
      {"training.rule=momentum", "training.momentum=0.5"},
      {"model.name=lenet", "data.name=synthetic-cifar", "model.filters=[4,5]"},
      {"measure.update_cosine.every=2"},
      {"training.complete_accuracy=0.9", "training.complete_evaluations=3"},
      {"training.project=remove", "training.project_most=7"},
      {"training.learning_rate=0.05", "training.compensate=0.1"},
      {"training.schedule=cosine", "training.cosine_end=0.5", "training.warmup=7"},
      {"training.rule=clipped_ada", "training.clip=0.25", "training.clip_on=moment", "training.weight_decay=0.01"},
      {"training.change=[{at_step = 3, set = {rule = 'adam', beta1 = 0.5}}, {at_accuracy = 0.5, set = {divergence_loss "
       "= 9}}]"},
      {"measure.parameters.steps=[1, 4]", "measure.eigenvectors.every=2", "measure.effective.every=3"},
      {"run.checkpoint_every=5", "run.keep_checkpoints=[2, 9]"},
      {"training.rule=noise_scaled", "training.noise_scale=0.25", "training.batch=64", "measure.row_every=3"},
  };
  for (const auto& sets : cases) {
    const Config c = with(sets);
    const std::string text = to_toml(c);
    test::write_text(folder / "config.toml", text);
    const Config again = load_config({folder / "config.toml", {}, {}});
    CHECK(to_toml(again) == text);
    CHECK(config_hash(again) == config_hash(c));
  }
}

TEST_CASE("values arrive") {
  const Config c =
      with({"data.directory=2026", "data.name=fmnist4", "model.hidden=[8,9]", "training.learning_rate=0.25",
            " training.steps = 12 ", "run.memory=1GiB", "run.chunk=5000", "model.activation='tanh'"});
  CHECK(c.data.directory == "2026");  // a number, but the key is text
  CHECK(c.data.set.kind->name == "fmnist4");
  CHECK(c.model.options.integers("hidden") == std::vector<std::int64_t>{8, 9});
  CHECK(c.model.options.text("activation") == "tanh");
  CHECK(c.training.learning_rate == 0.25);
  CHECK(c.training.steps == 12);
  CHECK(c.run.memory_bytes == std::int64_t{1} << 30);
  CHECK(c.run.chunk == 5000);
}

TEST_CASE("the command line overrides the file") {
  test::TemporaryFolder folder;
  test::write_text(folder / "c.toml", "[training]\nsteps = 3\nseed = 4\n[run]\nthreads = 1\n");
  const Config c = load_config({folder / "c.toml", {"training.steps=5"}, {{"threads", "2"}}});
  CHECK(c.training.steps == 5);
  CHECK(c.training.seed == 4);
  CHECK(c.run.threads == 2);
}

TEST_CASE("the hash follows what decides numbers and nothing else") {
  const std::string base = config_hash(with({}));
  for (const char* same : {"run.threads=2", "run.chunk=128", "run.memory=1GiB", "training.learning_rate=1e-1"})
    CHECK(config_hash(with({same})) == base);
  for (const char* other : {"run.precision=float64", "training.learning_rate=0.2", "training.seed=1", "measure.top=2",
                            "model.hidden=[32,32,32]", "data.train=996", "events.merge_gap=3"})
    CHECK(config_hash(with({other})) != base);
  CHECK(config_hash(with({"data.name=fmnist4", "data.directory=a"})) ==
        config_hash(with({"data.name=fmnist4", "data.directory=b"})));
  CHECK(default_folder(with({})) == "runs/synthetic-mlp-" + base);
}

TEST_CASE("a model without data says nothing of data") {
  const auto mentions_data = [](const Config& c) {
    const std::string all = to_toml(c) + default_folder(c) + run_json(c, {});
    return to_toml(c).find("[data]") != std::string::npos || all.find("synthetic") != std::string::npos ||
           all.find("checksum") != std::string::npos;
  };
  CHECK_FALSE(mentions_data(with({"model.name=dln"})));
  CHECK(mentions_data(with({})));  // control
  CHECK(default_folder(with({"model.name=dln"})) == "runs/dln-" + config_hash(with({"model.name=dln"})));
  CHECK(with({"model.name=dln", "run.chunk=3"}).run.chunk == 3);  // there is no group of samples to split
}

TEST_CASE("a decimal comma changes nothing (R7)") {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const std::string c_before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"})
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  test::TemporaryFolder folder;
  test::write_text(folder / "c.toml", std::string(defaults));
  CHECK(to_toml(load_config({folder / "c.toml", {"training.learning_rate=0.1", "training.steps=400"}, {}})) ==
        defaults);
  std::setlocale(LC_ALL, c_before.c_str());
  std::locale::global(before);
}
