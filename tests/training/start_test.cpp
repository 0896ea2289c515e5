// SPDX-License-Identifier: MIT
// Parameters and eigenvectors in files, runs that start from such a file, and what a resumed run has read.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/support/networks.h"
#include "tests/support/numpy_files.h"
#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/io/safetensors.h"
#include "training/run/inputs.h"
#include "training/run/start_file.h"

using namespace brink;

namespace {

using Sets = std::vector<std::string>;

Sets small(const Sets& more) {
  Sets out{"data.train=200", "data.test=8", "model.hidden=[3]", "training.steps=6", "training.learning_rate=0.5"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::string refusal_of_config(const Sets& more) {
  try {
    load_config({{}, small(more), {}});
  } catch (const UsageError& e) { return e.what(); }
  return "accepted";
}

const ParameterLayout layout({{"a", {2, 2}, 2}, {"b", {3}, 0}});

/// What reading the start says, without the path.
std::string refusal(const test::TemporaryFolder& folder, std::span<const NamedView> tensors, Dtype dtype = Dtype::f32) {
  write_safetensors(Folder(folder.path()), "s", tensors);
  const Array theta = layout.make_vector(dtype);
  try {
    read_start(folder / "s", layout, theta.view());
  } catch (const DataError& e) { return std::string(e.what()).substr(folder.path().size() + 4); }
  return "accepted";
}

}  // namespace

TEST_CASE("parameters: a run that starts from a file of another has the same bytes, in both precisions") {
  for (const char* precision : {"float32", "float64"}) {
    const std::string in = std::string("run.precision=") + precision;
    const test::SmallRun from(small({in, "measure.parameters.steps=[4, 0]", "model.init=he"}));
    const test::SmallRun plain(small({in, "model.init=he"}));
    CHECK(from.read("metrics.csv") == plain.read("metrics.csv"));
    CHECK(from.read("run.json").find("\"start\"") == std::string::npos);
    const auto file = [&](const char* step) {
      return "model.start_file=" + from.folder() + "/parameters/step-" + step + ".safetensors";
    };
    const test::SmallRun again(small({in, file("000000")}));
    CHECK(again.read("metrics.csv") == plain.read("metrics.csv"));
    CHECK(again.read("run.json").find("\"start\"") != std::string::npos);
    CHECK(test::SmallRun(small({in, file("000004")})).read("metrics.csv") != plain.read("metrics.csv"));
    CHECK(config_hash(again.config) != config_hash(plain.config));
    CHECK(to_toml(load_config({again.folder() + "/config.toml", {}, {}})) == to_toml(again.config));
    const auto files = std::filesystem::directory_iterator(from.folder() + "/parameters");
    CHECK(std::distance(begin(files), end(files)) == 2);
    // The digest of the row is that of the file.
    const Safetensors read = Safetensors::read(from.folder() + "/parameters/step-000004.safetensors");
    CHECK(read.metadata().at("step") == "4");
    CHECK(read.tensors().size() == 4);
  }
}

TEST_CASE("parameters: a start of float32 is exact in float64; what is not exact in float32 is refused") {
  const test::SmallRun single(small({"measure.parameters.every=6"}));
  const std::string start = single.folder() + "/parameters/step-000000.safetensors";
  const test::SmallRun wide(
      small({"run.precision=float64", "model.start_file=" + start, "measure.parameters.steps=[0]"}));
  const Safetensors a = Safetensors::read(start),
                    b = Safetensors::read(wide.folder() + "/parameters/step-000000.safetensors");
  for (const auto& [name, tensor] : a.tensors()) CHECK(a.load_doubles(name) == b.load_doubles(name));
  CHECK(std::filesystem::exists(single.folder() + "/parameters/step-000006.safetensors"));
  CHECK(!std::filesystem::exists(single.folder() + "/parameters/step-000003.safetensors"));
}

TEST_CASE("a start file that does not fit is refused, and the message names the parameter") {
  test::TemporaryFolder folder;
  std::vector<float> a{1, 2, 3, 4}, b{5, 6, 7};
  std::vector<double> wide{1, 2, 0.1};
  std::vector<std::int32_t> whole{1, 2, 3};
  const NamedView good_a{"a", view_of(a.data(), {2, 2})}, good_b{"b", view_of(b.data(), {3})};
  CHECK(refusal(folder, std::vector{good_b, good_a}) == "accepted");
  CHECK(refusal(folder, std::vector{good_a}) ==
        "expected the parameter b [3] of this network, found none (the file has a)");
  CHECK(refusal(folder, std::vector{good_a, good_b, NamedView{"c", view_of(b.data(), {3})}}) ==
        "expected only the parameters of this network, found c as well");
  CHECK(refusal(folder, std::vector{NamedView{"a", view_of(a.data(), {4})}, good_b}) ==
        "a: expected the shape [2,2], found [4]");
  CHECK(refusal(folder, std::vector{good_a, NamedView{"b", view_of(whole.data(), {3})}}) ==
        "b: expected float32 or float64, found int32; save it as one of these");
  for (const auto& [dtype, bytes, name] :
       {std::tuple{"F16", 2, "float16"}, {"BF16", 2, "bfloat16"}, {"I64", 8, "int64"}, {"F8_E4M3", 1, "float8"}}) {
    const std::string header = std::string(R"({"a":{"dtype":")") + dtype + R"(","shape":[2,2],"data_offsets":[0,)" +
                               std::to_string(4 * bytes) + "]}}";
    test::write_text(folder / "half", support::little_endian(header.size(), 8) + header +
                                          std::string(static_cast<std::size_t>(4 * bytes), '\0'));
    const ParameterLayout only_a({{"a", {2, 2}, 2}});
    try {
      read_start(folder / "half", only_a, only_a.make_vector(Dtype::f32).view());
      FAIL_CHECK("accepted");
    } catch (const DataError& e) {
      CHECK(std::string(e.what()) ==
            folder / "half: a: expected float32 or float64, found " + name + "; save it as one of these");
    }
  }
  CHECK(refusal(folder, std::vector{good_a, NamedView{"b", view_of(wide.data(), {3})}}) ==
        "b, element 2: expected a number that float32 holds exactly, found 0.1; save the parameters as float32, or "
        "choose run.precision = \"float64\"");
  CHECK(refusal(folder, std::vector{good_a, NamedView{"b", view_of(wide.data(), {3})}}, Dtype::f64) == "accepted");
  b[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(refusal(folder, std::vector{good_a, good_b}) == "b, element 1: expected a finite number, found nan");
  const Array theta = layout.make_vector(Dtype::f32);
  CHECK_THROWS_AS(read_start(folder / "none", layout, theta.view()), DataError);
  CHECK(refusal_of_config({"model.start_file="}) ==
        "--set model.start_file=: model.start_file: expected the path of a file, got the string \"\"");
}

TEST_CASE("eigenvectors: unit vectors with their eigenvalues, the same bytes with other threads and chunks") {
  const Sets sets = small({"measure.eigenvectors.every=2", "measure.top=2"});
  const test::SmallRun run(sets), other(sets, {{"threads", "2"}, {"chunk", "128"}});
  const std::string table = run.read("metrics.csv");
  for (const char* step : {"000000", "000002", "000004", "000006"}) {
    const std::string name = std::string("eigenvectors/step-") + step + ".safetensors";
    CHECK(run.read(name) == other.read(name));
    const Safetensors file = Safetensors::read(run.folder() + "/" + name);
    CHECK(file.tensors().size() == 3 * 4);
    for (const std::string vector : {"1", "2", "min"}) {
      double squares = 0;
      for (const char* parameter : {"dense0.weight", "dense0.bias", "dense1.weight", "dense1.bias"})
        for (const double x : file.load_doubles("u_" + vector + "/" + parameter)) squares += x * x;
      CHECK(squares == doctest::Approx(1).epsilon(1e-5));
      CHECK(table.find("," + file.metadata().at("lambda_" + vector) + ",") != std::string::npos);
      CHECK(table.find("," + file.metadata().at("residual_" + vector) + ",") != std::string::npos);
    }
  }
  const auto files = std::filesystem::directory_iterator(run.folder() + "/eigenvectors");
  CHECK(std::distance(begin(files), end(files)) == 4);
}

TEST_CASE("files at chosen steps: settings that cannot be met are refused") {
  CHECK(refusal_of_config({"measure.parameters.steps=[0, 6]"}) == "accepted");
  CHECK(refusal_of_config({"measure.parameters.steps=[]"}) ==
        "--set measure.parameters.steps=[]: measure.parameters.steps: expected the steps at which files are written, "
        "such as [0, 100], or a number of steps between two files in measure.parameters.every");
  CHECK(refusal_of_config({"measure.parameters.steps=[0, 7]"}) ==
        "--set measure.parameters.steps=[0, 7]: measure.parameters.steps: expected steps up to training.steps = 6, got "
        "7");
  CHECK(refusal_of_config({"measure.eigenvectors.steps=[0, 3]", "measure.every=2"}) ==
        "--set measure.eigenvectors.steps=[0, 3]: measure.eigenvectors.steps: expected multiples of measure.every = 2, "
        "at which the spectrum is measured, got 3");
  CHECK(refusal_of_config({"measure.eigenvectors.every=3", "measure.every=2"}) ==
        "--set measure.eigenvectors.every=3: measure.eigenvectors.every: expected a multiple of measure.every = 2, at "
        "which the spectrum is measured, got 3");
  CHECK(refusal_of_config({"measure.eigenvectors.steps=[0]", "measure.top=0", "measure.bottom=0"}) ==
        "--set measure.eigenvectors.steps=[0]: measure.eigenvectors.steps: has no meaning with measure.top = 0 and "
        "measure.bottom = 0");
}

TEST_CASE("a resumed run has read what it began with") {
  test::TemporaryFolder folder;
  const Folder run(folder.path());
  RunRecord record;
  record.train_checksum = "aa";
  record.start_digest = "cc";
  require_same_inputs(run, record);  // nothing was recorded yet
  Config config;
  config.start_file = "s";
  test::write_text(folder / "run.json", run_json(config, record));
  require_same_inputs(run, record);
  RunRecord other = record;
  other.train_checksum = "bb";
  try {
    require_same_inputs(run, other);
    FAIL_CHECK("accepted");
  } catch (const DataError& e) {
    CHECK(std::string(e.what()) ==
          folder.path() +
              ": --resume: expected the training samples with which the run began (checksum aa), found others (bb); "
              "restore the file, or begin a new run with another --out");
  }
  other = record;
  other.start_digest = "dd";
  CHECK_THROWS_AS(require_same_inputs(run, other), DataError);
}
