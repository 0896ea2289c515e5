// SPDX-License-Identifier: MIT
// The table of wrong configs with the exact messages (R3 of docs/promises.md).
#include <doctest/doctest.h>

#include <algorithm>

#include "models/activation.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/run/config.h"
#include "training/run/config/hints.h"
#include "training/run/config/keys.h"

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

/// "a", "b" or "c": the names of a list.
std::string one_of(const auto& list) {
  std::string out;
  for (std::size_t i = 0; i < std::size(list); ++i)
    out += (i == 0 ? "\"" : i + 1 < std::size(list) ? ", \"" : " or \"") + std::string(list[i].name) + "\"";
  return out;
}

/// The message with each list in place of its name, so that a new entry changes no row of the tables.
std::string with_lists(std::string_view message) {
  std::string out(message);
  for (const auto& [name, names] : {std::pair{"{data sets}", one_of(data_kinds())},
                                    {"{rules}", one_of(rule_kinds())},
                                    {"{activations}", one_of(activations)}})
    if (const std::size_t at = out.find(name); at != std::string::npos)
      out.replace(at, std::string_view(name).size(), names);
  return out;
}

struct FileCase {
  std::string_view text, message;  // the message follows "FILE:"; "{rules}" stands for the names of the list
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
    {"[data]\nédition = 1\n", "2:1: expected a key or a table, found \"é\""},
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
    {"[data]\nname = [\"fmnist4\"]\n", "2:8: data.name: expected {data sets}, got an array"},
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
     "2:29: expected an integer of at most 64 bits, found 99999999999999999999"},
    {"[model]\nname = \"vgg\"\nchannels = []\n", "3:12: model.channels: expected at least 1 entry, got 0"},
    {"[model]\nhidden = [32, 0]\n",
     "2:10: model.hidden: entry 2: expected an integer from 1 to 65536, got the integer 0"},
    {"[measure]\ntolerance = 0\n",
     "2:13: measure.tolerance: expected a finite number above 0 and below 1, got the integer 0"},
    {"[measure]\ntolerance = 1.5\n",
     "2:13: measure.tolerance: expected a finite number above 0 and below 1, got the float 1.5"},
    {"[measure]\ntop = -1\n", "2:7: measure.top: expected an integer from 0 to 50, got the integer -1"},
    {"[measure]\nevery = 0\n", "2:9: measure.every: expected an integer of at least 1, got the integer 0"},
    {"[measure]\nbudget = 0\n", "2:10: measure.budget: expected an integer from 1 to 1000000000, got the integer 0"},
    {"[measure]\ntop = 0\n[measure.effective]\nevery = 2\n",
     "2:7: measure.top: [measure.effective] needs measure.top = 1 or more, got 0"},
    {"[measure]\nbottom = 2\n", "2:10: measure.bottom: expected an integer from 0 to 1, got the integer 2"},
    {"[model]\nname = \"dln\"\ntarget = 0.5\n",
     "3:10: model.target: expected 0 or 1 for training.loss = \"cross_entropy\", got 0.5"},
    {"[model]\nname = \"dln\"\nterms = \"theta0*theta2\"\n",
     "3:9: model.terms: expected products of theta0 to theta1, joined by +; \"theta2\" is no parameter, got "
     "\"theta0*theta2\""},
    {"[model]\nname = \"valley\"\ncurvatures = [1, 2, 3]\n[training]\nloss = \"mse\"\n",
     "3:14: model.curvatures: expected 2 entries, as many as model.start has, got [1.0, 2.0, 3.0]"},
    {"[model]\nname = \"valley\"\n[training]\nloss = \"cross_entropy\"\n",
     "4:8: training.loss: expected \"mse\" for model.name = \"valley\", whose loss is half a sum of squares, got "
     "\"cross_entropy\""},
    {"[events]\nmerge_gap = -1\n", "2:13: events.merge_gap: expected an integer of at least 0, got the integer -1"},
    {"[events]\nminimum_length = 0\n",
     "2:18: events.minimum_length: expected an integer of at least 1, got the integer 0"},
    {"[run]\nthreads = 0\n", "2:11: run.threads: expected an integer from 1 to 1024 or \"all\", got the integer 0"},
    {"[run]\nchunk = 100\n",
     "2:9: run.chunk: expected a multiple of the group of 128 samples, or at least 1000 for the whole batch, got 100"},
    {"[run]\nmemory = \"2GB\"\n",
     "2:10: run.memory: expected \"auto\", bytes as an integer, or a size such as \"2GiB\" (KiB, MiB, GiB), got the "
     "string "
     "\"2GB\""},
    {"[data]\ntrain = 1001\n", "2:9: data.train: expected a multiple of the 4 classes, got 1001"},
    {"[data]\ntest = 0\n", "2:8: data.test: expected an integer from 4 to 10000000, got the integer 0"},
    {"[data]\nname = \"fmnist4\"\ndirectory = \"d\"\ntrain = 24004\n",
     "4:9: data.train: expected at most 24000 for \"fmnist4\", got 24004"},
    {"[data]\nname = \"fmnist5\"\n", "2:8: data.name: expected {data sets}, got the string \"fmnist5\""},
    {"[model]\nactivation = \"swish\"\n", "2:14: model.activation: expected {activations}, got the string \"swish\""},
    {"[training]\nloss = \"hinge\"\n",
     "2:8: training.loss: expected \"cross_entropy\" or \"mse\", got the string \"hinge\""},
    // Written as elsewhere.
    {"[training]\nlearning_rate = .1\n", "2:17: expected a digit, found \".\"; write 0.1"},
    {"[training]\nlearning_rate = 1.\n", "2:19: expected a digit, found the end of the line; write 1.0"},
    {"[training]\nlearning_rate = +.5e-1 # η\n", "2:18: expected a digit, found \".\"; write 0.5e-1"},
    {"[training]\nlearning_rate = 0.1f\n", "2:20: expected a digit, found \"f\"; write 0.1"},
    {"[training]\nsteps = 007\n", "2:12: expected a number without zeros before it; write 7"},
    {"[model]\nname = \"dln\"\nstart = [2.5, .5]\n", "3:15: expected a digit, found \".\"; write 0.5"},
    {"[model]\nname = dln\n",
     "2:8: expected a number, true, false, a list, or a text in quotation marks, found something else; a string needs "
     "quotes: \"dln\""},
    {"[measure]\ntop = True\n", "2:7: expected true, found \"T\"; write true"},
    // Named as elsewhere.
    {"[training]\nlr = 0.1\n", "2:1: unknown key training.lr; the nearest is training.learning_rate"},
    {"[training]\nLearning-Rate = 0.1\n",
     "2:1: unknown key training.Learning-Rate; the nearest is training.learning_rate"},
    {"[training]\nbatch_size = 128\n", "2:1: unknown key training.batch_size; the nearest is training.batch"},
    {"[training]\nepochs = 3\n",
     "2:1: unknown key training.epochs; the nearest is training.steps (a step is one update; without training.batch it "
     "uses all training samples)"},
    {"[measure]\ntol = 0.1\n", "2:1: unknown key measure.tol; the nearest is measure.tolerance"},
    {"[optimizer]\nlr = 0.1\n", "1:2: unknown table [optimizer]; the nearest is [training]"},
    {"[Model]\nname = \"mlp\"\n", "1:2: unknown table [Model]; the nearest is [model]"},
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
    {"[training]\nsteps = 3\nsteps = 4\n", "3:9: the key \"steps\" stands twice; remove one"},
    {"[training]\nsteps = 3\n[training]\nseed = 4\n",
     "3:1: the table [training] stands twice; put its keys under one of the two"},
    {"[training]\nsteps = \n", "2:9: expected a value, found the end of the line"},
    {"[training\nsteps = 3\n", "1:10: expected \"]\" after the name of a table, found the end of the line"},
    {"[training]\nlearning_rate = 0,1\n", "2:18: expected the end of the line or a comment, found \",\"; write 0.1"},
    // The first place in the text, not the first in the alphabet.
    {"[training]\nsteps = -1\n[data]\nname = \"no\"\n",
     "2:9: training.steps: expected an integer from 0 to 1000000000, got the integer -1"},
    {"[run]\narithmetic = \"vendor\"\n",
     "2:14: run.arithmetic: \"vendor\" needs run.device = \"cuda\"; the CPU has \"exact\" only"},
    {"[run]\narithmetic = \"fast\"\n",
     "2:14: run.arithmetic: expected \"exact\" or \"vendor\", got the string \"fast\""},
    // What belongs to later versions.
    {"[training]\nrule = \"none of these\"\n",
     "2:8: training.rule: expected {rules}, got the string \"none of these\""},
    {"[[training.change]]\nat_step = 3\n",
     "1:1: training.change 1: expected set = { … }, the keys of [training] that change"},
    {"[training]\ndrop_every = 3\n", "2:1: training.drop_every: has no meaning for training.schedule = \"constant\""},
    {"[training]\ncomplete_evaluations = 3\n",
     "2:1: training.complete_evaluations: has no meaning for a run without training.complete_accuracy"},
    {"[training]\nschedule = \"step\"\ndrop_every = 1\ndrop_factor = 0.01\n",
     "2:12: training.schedule: the learning rate at step 400 is 0.0: expected a schedule that ends with a positive, "
     "finite one"},
    {"[measure.densities]\nevery = 3\n", "1:10: unknown key measure.densities; the nearest is [measure.density]"},
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
     "4:9: run.chunk: expected a multiple of the group of 32 samples, or at least 1000 for the whole batch, got 48"},
    {"[model]\nname = \"resnet20\"\nghost_batch = 30\n[run]\nchunk = 128\n",
     "5:9: run.chunk: expected a multiple of the group of 30 samples, or at least 1000 for the whole batch, got 128"},
    {"[training]\nbatch = -1\n", "2:9: training.batch: expected an integer from 0 to 10000000, got the integer -1"},
    {"[training]\nbatch = 1001\n",
     "2:9: training.batch: expected at most the 1000 samples of data.train, or 0 for all of them, got 1001"},
    {"[training]\nbatch = 48\n[model]\nname = \"vgg\"\n",
     "2:9: training.batch: expected a multiple of model.ghost_batch = 32, because a ghost group is never cut, or 0 for "
     "all samples, got 48"},
    {"[training]\nbatch = 8\n[model]\nname = \"dln\"\n",
     "2:1: training.batch: has no meaning for model.name = \"dln\""},
    {"[training]\nrule = \"sgd\"\n",
     "2:8: training.rule: \"sgd\" needs minibatches: set training.batch, the number of samples of each, for example "
     "training.batch = 128; training.rule = \"gd\" needs none"},
    {"[training]\nrule = \"noise_scaled\"\n[model]\nname = \"dln\"\n",
     "2:8: training.rule: \"noise_scaled\" needs minibatches, and \"dln\" has no samples: choose another rule, such as "
     "\"gd\""},
    {"[training]\nnoise_scale = 1.0\n", "2:1: training.noise_scale: has no meaning for training.rule = \"gd\""},
    {"[training]\nproject_most = 3\n", "2:1: training.project_most: has no meaning for training.project = \"off\""},
    {"[training]\nproject = \"remove\"\nbatch = 100\n",
     "2:11: training.project: a projected update needs the whole training set: set training.batch = 0"},
    {"[training]\nproject = \"keep\"\n[measure]\nevery = 2\n",
     "2:11: training.project: a projected update needs eigenvectors of every step: set measure.every = 1 and "
     "measure.row_every = 1"},
    {"[training]\nproject = \"keep\"\n[measure]\ntop = 0\n",
     "2:11: training.project: a projected update needs the largest eigenvalues: set measure.top = 1 or more"},
    {"[training]\nproject = \"keep\"\n[model]\nname = \"vgg\"\nnorm_mode = \"evaluation\"\n",
     "2:11: training.project: a projected update needs the Hessian of the loss that is descended: set model.norm_mode "
     "= "
     "\"training\""},
    {"[measure]\nrow_every = 0\n",
     "2:13: measure.row_every: expected an integer of at least 1 or \"epoch\", got the integer 0"},
    {"[data]\nname = \"cifar10-5k\"\n",
     "2:8: data.name: \"cifar10-5k\" needs data.directory, the folder that holds the CIFAR-10 files"},
    {"[data]\nname = \"arrays\"\ntrain_file = \"a.npz\"\n[training]\nbatch = 16\n",
     "5:9: training.batch: minibatches need data.train, the number of samples to take, which is \"all\": set it; "
     "`brink "
     "data check arrays` says how many the file has"},
    {"[run]\ncheckpoint_evry = 10\n", "2:1: unknown key run.checkpoint_evry; the nearest is run.checkpoint_every"},
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
    {{"lr=3"}, {}, "--set lr=3: unknown key lr; the nearest is training.learning_rate"},
    {{"training.learning_rate=.1"},
     {},
     "--set training.learning_rate=.1: training.learning_rate: expected a finite number above 0, got the string "
     "\".1\"; write 0.1"},
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
     "\"0,1\"; write 0.1"},
    {{"training.rule=none of these"},
     {},
     "--set training.rule=none of these: training.rule: expected {rules}, got the string \"none of these\""},
    {{"measure.densities.every=5"},
     {},
     "--set measure.densities.every=5: unknown key measure.densities.every; the nearest is [measure.density]"},
    {{"training.steps=3", "training.steps=4"},
     {},
     "--set training.steps=4: training.steps was already given by --set training.steps=3"},
    {{"run.threads=2"}, {{"threads", "2"}}, "--threads 2: run.threads was already given by --set run.threads=2"},
    {{},
     {{"threads", "two"}},
     "--threads two: run.threads: expected an integer from 1 to 1024 or \"all\", got the string \"two\""},
    {{},
     {{"chunk", "130"}},
     "--chunk 130: run.chunk: expected a multiple of the group of 128 samples, or at least 1000 for the whole batch, "
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
    CHECK(message_of({file, {}, {}}) == file + ":" + with_lists(c.message));
  }
}

TEST_CASE("the lists of names in the tables are written as messages write them") {
  constexpr Activation three[] = {{"a", nullptr}, {"b", nullptr}, {"c", nullptr}};
  CHECK(one_of(three) == "\"a\", \"b\" or \"c\"");
  CHECK(with_lists("x: expected {rules}, got y") == "x: expected " + one_of(rule_kinds()) + ", got y");
}

TEST_CASE("a wrong argument is quoted") {
  for (const ArgumentCase& c : argument_cases) CHECK(message_of({"", c.sets, c.flags}) == with_lists(c.message));
}

TEST_CASE("a config file that cannot be read is named") {
  test::TemporaryFolder folder;
  CHECK(message_of({folder / "none.toml", {}, {}}) ==
        (folder / "none.toml") + ": the config file cannot be read: No such file or directory");
  CHECK(message_of({folder.path(), {}, {}}) == folder.path() + ": the config file cannot be read: Is a directory");
  test::write_text(folder / "large.toml", std::string((1 << 20) + 1, '#'));
  CHECK(message_of({folder / "large.toml", {}, {}}) ==
        (folder / "large.toml") + ": expected a config of at most 1 MiB, found more");
}

TEST_CASE("hints: every other name of a key leads to a key, and is none itself; only what is no TOML is rewritten") {
  for (const config::Synonym& s : config::synonyms()) {
    CAPTURE(s.word);
    CHECK(std::ranges::count(config::all_paths(), s.path) == 1);
    CHECK(std::ranges::none_of(config::all_paths(),
                               [&](const std::string& path) { return path.substr(path.rfind('.') + 1) == s.word; }));
    CHECK(std::ranges::count(config::synonyms(), s.word, &config::Synonym::word) == 1);
  }
  for (const char* right :
       {"0.1", "-1e-3", "7", "0", "true", "inf", "-inf", "nan", "\"a\"", "[1, 2]", "", "--", "1.2.3", "1e"})
    CHECK(config::hint_for_value(right, true).empty());
  for (const auto& [wrong, hint] : {std::pair{".1", "0.1"},
                                    {"-.1", "-0.1"},
                                    {"1.", "1.0"},
                                    {"0,25", "0.25"},
                                    {"1.e5", "1.0e5"},
                                    {"00.5", "0.5"},
                                    {"2d", "2"},
                                    {"Inf", "inf"},
                                    {"-Infinity", "-inf"},
                                    {"-Inf", "-inf"},
                                    {"NaN", "nan"},
                                    {"False", "false"},
                                    {"yes", "true"}})
    CHECK(config::hint_for_value(wrong, false) == std::string("; write ") + hint);
  CHECK(config::hint_for_value("mlp", false).empty());  // an argument needs no quotes
}

TEST_CASE("the same tables accept what is right") {
  // The control of the tables above: a neighbour of each kind of wrong config is accepted.
  test::TemporaryFolder folder;
  const std::string file = folder / "config.toml";
  test::write_text(
      file, "[training]\nlearning_rate = 1\nsteps = 0\n[run]\nchunk = 128\nmemory = \"2GiB\"\nthreads = \"all\"\n");
  CHECK(message_of({file, {"data.train=1004"}, {{"precision", "float64"}}}) == "accepted");
  test::write_text(file, "[training]\nlearning_rate = 0.1\nsteps = 7\n[model]\nname = \"mlp\"\n");
  CHECK(message_of({file, {}, {}}) == "accepted");
}
