// SPDX-License-Identifier: MIT
// What it is: the table of wrong configs with the exact messages (promise R3).
#include <doctest/doctest.h>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/run/config.h"

using namespace brink;

namespace {

std::string message_of(const ConfigSources& sources) {
  try {
    load_config(sources);
  } catch (const UsageError& e) {
    CHECK(e.code() == ExitCode::usage);
    return e.what();
  }
  return "accepted";
}

struct FileCase {
  std::string_view text, message;  // the message follows "FILE:"
};
constexpr FileCase file_cases[] = {
    // Unknown names, with the nearest.
    {"[training]\nlerning_rate = 0.1\n",
     "2:1: unknown key training.lerning_rate; the nearest is training.learning_rate"},
    {"[training]\n  step = 3\n", "2:3: unknown key training.step; the nearest is training.steps"},
    {"[trainig]\nsteps = 3\n", "1:2: unknown table [trainig]; the nearest is [training]"},
    {"steps = 3\n", "1:1: unknown key steps outside any table; the nearest is training.steps"},
    {"[model]\nlearning_rate = 0.1\n", "2:1: unknown key model.learning_rate; the nearest is training.learning_rate"},
    {"[run]\nthread = 2\n", "2:1: unknown key run.thread; the nearest is run.threads"},
    {"[measure]\nTop = 2\n", "2:1: unknown key measure.Top; the nearest is measure.top"},
    {"[events]\nmerge = 2\n", "2:1: unknown key events.merge; the nearest is events.merge_gap"},
    {"[data]\nédition = 1\n",
     "2:1: Error while parsing root table: expected keys, tables, whitespace or comments, saw 'é'"},
    {"data = 3\n", "1:8: data: expected a table, got the integer 3"},
    {"[[data]]\nseed = 3\n", "1:1: data: expected a table, got an array"},
    // Wrong types.
    {"[training]\nsteps = \"many\"\n",
     "2:9: training.steps: expected an integer from 0 to 1000000000, got the string \"many\""},
    {"[training]\nsteps = 400.0\n",
     "2:9: training.steps: expected an integer from 0 to 1000000000, got the float 400.0"},
    {"[training]\nlearning_rate = \"0,1\"\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the string \"0,1\""},
    {"[training]\nlearning_rate = true\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the boolean true"},
    {"[training]\nseed = 2026-11-22\n", "2:8: training.seed: expected an integer of at least 0, got a date or time"},
    {"[data]\ndirectory = 7\n", "2:13: data.directory: expected the path of a folder, got the integer 7"},
    {"[data]\nname = [\"fmnist4\"]\n",
     "2:8: data.name: expected \"synthetic\", \"synthetic-cifar\", \"fmnist4\", \"cifar10-5k\", \"cifar10-50k\" or "
     "\"cifar10-500k\", got an array"},
    {"[model]\nhidden = 32\n",
     "2:10: model.hidden: expected a list, each entry an integer from 1 to 65536, got the integer 32"},
    {"[model]\nhidden = [32, \"32\"]\n",
     "2:10: model.hidden: entry 2: expected an integer from 1 to 65536, got the string \"32\""},
    {"[training.steps]\nvalue = 3\n", "1:1: training.steps: expected an integer from 0 to 1000000000, got a table"},
    // Out of range.
    {"[training]\nsteps = -1\n", "2:9: training.steps: expected an integer from 0 to 1000000000, got the integer -1"},
    {"[training]\nlearning_rate = nan\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the float nan"},
    {"[training]\nlearning_rate = inf\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the float inf"},
    {"[training]\nlearning_rate = -0.1\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the float -0.1"},
    {"[training]\nlearning_rate = 0\n",
     "2:17: training.learning_rate: expected a finite number above 0, got the integer 0"},
    {"[training]\ndivergence_loss = nan\n",
     "2:19: training.divergence_loss: expected a number above 0, got the float nan"},
    {"[training]\nseed = -3\n", "2:8: training.seed: expected an integer of at least 0, got the integer -3"},
    {"[training]\nsteps = 99999999999999999999\n",
     "2:29: Error while parsing decimal integer: '99999999999999999999' is not representable in 64 bits"},
    {"[model]\nname = \"vgg\"\nchannels = []\n", "3:12: model.channels: expected at least 1 entry, got 0"},
    {"[model]\nhidden = [32, 0]\n",
     "2:10: model.hidden: entry 2: expected an integer from 1 to 65536, got the integer 0"},
    {"[measure]\ntolerance = 1.5\n",
     "2:13: measure.tolerance: expected a finite number above 0 and below 1, got the float 1.5"},
    {"[measure]\ntop = -1\n", "2:7: measure.top: expected an integer from 0 to 50, got the integer -1"},
    {"[measure]\nevery = 0\n", "2:9: measure.every: expected an integer of at least 1, got the integer 0"},
    {"[measure]\nbudget = 0\n", "2:10: measure.budget: expected an integer from 1 to 1000000000, got the integer 0"},
    {"[measure]\nbottom = 2\n", "2:10: measure.bottom: expected an integer from 0 to 1, got the integer 2"},
    {"[model]\nname = \"dln\"\ntarget = 0.5\n",
     "3:10: model.target: expected 0 or 1 for training.loss = \"cross_entropy\", got 0.5"},
    {"[events]\nmerge_gap = -1\n", "2:13: events.merge_gap: expected an integer of at least 0, got the integer -1"},
    {"[events]\nminimum_length = 0\n",
     "2:18: events.minimum_length: expected an integer of at least 1, got the integer 0"},
    {"[run]\nthreads = 0\n", "2:11: run.threads: expected an integer from 1 to 1024 or \"all\", got the integer 0"},
    {"[run]\nchunk = 100\n",
     "2:9: run.chunk: expected a multiple of the group of 128 samples, or 1000 and more for the whole batch, got 100"},
    {"[run]\nmemory = \"2GB\"\n",
     "2:10: run.memory: expected \"auto\", bytes as an integer, or a size such as \"2GiB\" (KiB, MiB, GiB), got the "
     "string "
     "\"2GB\""},
    {"[data]\ntrain = 1001\n", "2:9: data.train: expected a multiple of the 4 classes, got 1001"},
    {"[data]\ntest = 0\n", "2:8: data.test: expected an integer from 4 to 10000000, got the integer 0"},
    {"[data]\nname = \"fmnist4\"\ndirectory = \"d\"\ntrain = 24004\n",
     "4:9: data.train: expected at most 24000 for \"fmnist4\", got 24004"},
    {"[data]\nname = \"fmnist5\"\n",
     "2:8: data.name: expected \"synthetic\", \"synthetic-cifar\", \"fmnist4\", \"cifar10-5k\", \"cifar10-50k\" or "
     "\"cifar10-500k\", got the string \"fmnist5\""},
    {"[model]\nactivation = \"swish\"\n",
     "2:14: model.activation: expected \"relu\", \"tanh\", \"softplus\" or \"gelu\", got the string \"swish\""},
    {"[training]\nloss = \"hinge\"\n",
     "2:8: training.loss: expected \"cross_entropy\" or \"mse\", got the string \"hinge\""},
    // Together.
    {"[data]\nname = \"fmnist4\"\n",
     "2:8: data.name: \"fmnist4\" needs data.directory, the folder that holds the Fashion-MNIST files"},
    {"[data]\ndirectory = \"d\"\n", "2:13: data.directory: has no meaning for data.name = \"synthetic\""},
    {"[model]\nname = \"dln\"\nhidden = [3]\n", "3:1: model.hidden: has no meaning for model.name = \"dln\""},
    {"[data]\nname = \"synthetic\"\n[model]\nname = \"dln\"\n",
     "2:1: data.name: has no meaning for model.name = \"dln\""},
    {"[data]\ntrain = 400\n[model]\nname = \"dln\"\n", "2:1: data.train: has no meaning for model.name = \"dln\""},
    {"[data]\ntest = 400\n[model]\nname = \"dln\"\n", "2:1: data.test: has no meaning for model.name = \"dln\""},
    {"[data]\nseed = 1\n[model]\nname = \"dln\"\n", "2:1: data.seed: has no meaning for model.name = \"dln\""},
    {"[data]\ndirectory = \"d\"\n[model]\nname = \"dln\"\n",
     "2:1: data.directory: has no meaning for model.name = \"dln\""},
    {"[model]\nstart = [1.0]\n", "2:1: model.start: has no meaning for model.name = \"mlp\""},
    // Duplicates and syntax.
    {"[training]\nsteps = 3\nsteps = 4\n",
     "3:9: duplicate key or table (Error while parsing key-value pair: cannot redefine existing integer 'steps')"},
    {"[training]\nsteps = 3\n[training]\nseed = 4\n",
     "3:1: duplicate key or table (Error while parsing table header: cannot redefine existing table 'training')"},
    {"[training]\nsteps = \n", "2:9: Error while parsing key-value pair: expected value, saw '\\n'"},
    {"[training\nsteps = 3\n", "1:10: Error while parsing table header: expected ']', saw '\\n'"},
    {"[training]\nlearning_rate = 0,1\n",
     "2:18: Error while parsing key-value pair: expected a comment or whitespace, saw ','"},
    // The first place in the text, not the first in the alphabet.
    {"[training]\nsteps = -1\n[data]\nname = \"no\"\n",
     "2:9: training.steps: expected an integer from 0 to 1000000000, got the integer -1"},
    {"[run]\narithmetic = \"vendor\"\n",
     "2:14: run.arithmetic: \"vendor\" is for run.device = \"cuda\" so far; the CPU computes \"exact\" only"},
    {"[run]\narithmetic = \"fast\"\n",
     "2:14: run.arithmetic: expected \"exact\" or \"vendor\", got the string \"fast\""},
    // What belongs to later versions.
    {"[training]\nrule = \"adagrad\"\n",
     "2:8: training.rule: expected \"gd\", \"momentum\", \"rmsprop\", \"adam\" or \"clipped_ada\", got the string "
     "\"adagrad\""},
    {"[[training.change]]\nat_step = 3\n", "1:12: unknown key training.change; the nearest is run.chunk"},
    {"[measure.density]\nevery = 3\n", "1:10: unknown key measure.density; the nearest is model.dense"},
    {"[model]\nghost_batch = 32\n", "2:1: model.ghost_batch: has no meaning for model.name = \"mlp\""},
    {"[model]\nname = \"vgg\"\nghost_batch = 0\n",
     "3:15: model.ghost_batch: expected an integer from 1 to 10000000, got the integer 0"},
    {"[model]\nname = \"vgg\"\nshort_group = \"drop\"\n",
     "3:15: model.short_group: expected \"keep\" or \"join\", got the string \"drop\""},
    {"[model]\nname = \"alexnet\"\nnorm_mode = \"evaluation\"\n",
     "3:1: model.norm_mode: has no meaning for model.name = \"alexnet\""},
    {"[model]\nname = \"resnet20\"\nwidths = [8, 4, 16]\n",
     "3:10: model.widths: expected three non-decreasing widths, because a shortcut appends channels, got [8, 4, 16]"},
    {"[model]\nname = \"alexnet\"\n[run]\nchunk = 48\n",
     "4:9: run.chunk: expected a multiple of the group of 32 samples, or 1000 and more for the whole batch, got 48"},
    {"[model]\nname = \"resnet20\"\nghost_batch = 30\n[run]\nchunk = 128\n",
     "5:9: run.chunk: expected a multiple of the group of 30 samples, or 1000 and more for the whole batch, got 128"},
    {"[training]\nbatch = 128\n", "2:1: unknown key training.batch; the nearest is training.beta2"},
    {"[data]\nname = \"cifar10-5k\"\n",
     "2:8: data.name: \"cifar10-5k\" needs data.directory, the folder that holds the CIFAR-10 files"},
    {"[run]\ncheckpoint_every = 10\n", "2:1: unknown key run.checkpoint_every; the nearest is measure.every"},
};

struct ArgumentCase {
  std::vector<std::string> sets;
  std::vector<std::pair<std::string, std::string>> flags;
  std::string_view message;
};
const ArgumentCase argument_cases[] = {
    {{"training.steps=-5"},
     {},
     "--set training.steps=-5: training.steps: expected an integer from 0 to 1000000000, got the integer -5"},
    {{"training.steps=many"},
     {},
     "--set training.steps=many: training.steps: expected an integer from 0 to 1000000000, got the string \"many\""},
    {{"training.steps=3\nseed = 4"},
     {},
     "--set training.steps=3\nseed = 4: training.steps: expected an integer from 0 to 1000000000, got the string "
     "\"3\\u000aseed = 4\""},
    {{"training.steps"}, {}, "--set training.steps: expected key=value"},
    {{"=3"}, {}, "--set =3: expected key=value"},
    {{"training.steps="},
     {},
     "--set training.steps=: training.steps: expected an integer from 0 to 1000000000, got the string \"\""},
    {{"training.stepps=3"}, {}, "--set training.stepps=3: unknown key training.stepps; the nearest is training.steps"},
    {{"traning.steps=3"}, {}, "--set traning.steps=3: unknown table [traning]; the nearest is [training]"},
    {{"steps=3"}, {}, "--set steps=3: unknown key steps; the nearest is training.steps"},
    {{"training.steps.x=3"},
     {},
     "--set training.steps.x=3: unknown key training.steps.x; the nearest is training.steps"},
    {{"training.learning_rate=nan"},
     {},
     "--set training.learning_rate=nan: training.learning_rate: expected a finite number above 0, got the float nan"},
    {{"training.learning_rate=0,1"},
     {},
     "--set training.learning_rate=0,1: training.learning_rate: expected a finite number above 0, got the string "
     "\"0,1\""},
    {{"training.rule=adagrad"},
     {},
     "--set training.rule=adagrad: training.rule: expected \"gd\", \"momentum\", \"rmsprop\", \"adam\" or "
     "\"clipped_ada\", got the string \"adagrad\""},
    {{"measure.density.every=5"},
     {},
     "--set measure.density.every=5: unknown key measure.density.every; the nearest is model.dense"},
    {{"training.steps=3", "training.steps=4"},
     {},
     "--set training.steps=4: training.steps was given already by --set training.steps=3"},
    {{"run.threads=2"}, {{"threads", "2"}}, "--threads 2: run.threads was given already by --set run.threads=2"},
    {{},
     {{"threads", "two"}},
     "--threads two: run.threads: expected an integer from 1 to 1024 or \"all\", got the string \"two\""},
    {{},
     {{"chunk", "130"}},
     "--chunk 130: run.chunk: expected a multiple of the group of 128 samples, or 1000 and more for the whole batch, "
     "got 130"},
    {{"data.name=fmnist4"},
     {},
     "--set data.name=fmnist4: data.name: \"fmnist4\" needs data.directory, the folder that holds the Fashion-MNIST "
     "files"},
    {{"model.name=vgg", "model.channels=[]"},
     {},
     "--set model.channels=[]: model.channels: expected at least 1 entry, got 0"},
};

}  // namespace

TEST_CASE("a wrong config file is refused with its place and the exact message") {
  test::TemporaryFolder folder;
  const std::string file = folder / "config.toml";
  static_assert(std::size(file_cases) >= 40);
  for (const FileCase& c : file_cases) {
    CAPTURE(c.text);
    test::write_text(file, c.text);
    CHECK(message_of({file, {}, {}}) == file + ":" + std::string(c.message));
  }
}

TEST_CASE("a wrong argument is quoted") {
  for (const ArgumentCase& c : argument_cases) CHECK(message_of({"", c.sets, c.flags}) == c.message);
}

TEST_CASE("a config file that cannot be read is named") {
  test::TemporaryFolder folder;
  CHECK(message_of({folder / "none.toml", {}, {}}) ==
        (folder / "none.toml") + ": the config cannot be read: No such file or directory");
  CHECK(message_of({folder.path(), {}, {}}) == folder.path() + ": the config cannot be read: Is a directory");
  test::write_text(folder / "large.toml", std::string((1 << 20) + 1, '#'));
  CHECK(message_of({folder / "large.toml", {}, {}}) == (folder / "large.toml") + ": a config of more than 1 MiB");
}

TEST_CASE("the same tables accept what is right") {
  // The control of the tables above: a neighbour of each kind of wrong config passes.
  test::TemporaryFolder folder;
  const std::string file = folder / "config.toml";
  test::write_text(
      file, "[training]\nlearning_rate = 1\nsteps = 0\n[run]\nchunk = 128\nmemory = \"2GiB\"\nthreads = \"all\"\n");
  CHECK(message_of({file, {"data.train=1004"}, {{"precision", "float64"}}}) == "accepted");
}
