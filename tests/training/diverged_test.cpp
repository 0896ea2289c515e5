// SPDX-License-Identifier: MIT
// What a diverged run leaves: last_finite.safetensors holds the parameters of the last step with a finite loss, bit for bit (promise R2).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tests/training/temporary_folder.h"
#include "training/digest.h"
#include "training/io/console.h"
#include "training/io/safetensors.h"
#include "training/run/train.h"

using namespace brink;

namespace {

const std::vector<std::pair<std::string, Shape>> parameters{
    {"dense0.weight", {784, 8}}, {"dense0.bias", {8}}, {"dense1.weight", {8, 4}}, {"dense1.bias", {4}}};

ExitCode run(const std::string& folder, const std::vector<std::string>& sets) {
  std::vector<std::string> all{"data.train=400",   "data.test=40",  "training.steps=200", "model.hidden=[8]",
                               "measure.bottom=0", "run.threads=1", "training.loss=mse"};
  all.insert(all.end(), sets.begin(), sets.end());
  Console silent(-1);
  return train(load_config({{}, all, {}}), {.folder = folder}, silent);
}

/// A column of a run's metrics.csv.
std::vector<std::string> column(const std::string& folder, const std::string& name) {
  const auto cells = [](const std::string& line) {
    std::vector<std::string> out(1);
    for (const char c : line)
      if (c == ',')
        out.emplace_back();
      else
        out.back() += c;
    return out;
  };
  std::vector<std::string> out;
  std::size_t index = 0;
  const std::string text = test::read_text(folder + "/metrics.csv");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::vector<std::string> line = cells(text.substr(begin, end - begin));
    if (begin == 0)
      while (line.at(index) != name) ++index;
    else
      out.push_back(line.at(index));
    begin = end + 1;
  }
  return out;
}

/// The digest of what a file holds; `flipped`: with one bit of its last entry changed.
std::string digest_of_file(const Safetensors& file, bool flipped = false) {
  std::vector<Array> arrays;
  std::vector<View> views;
  for (const auto& [name, shape] : parameters) {
    CHECK(file.tensor(name).shape == shape);
    arrays.push_back(file.load(name));
  }
  if (flipped) static_cast<unsigned char*>(arrays.back().view().data)[3 * size_of(arrays.back().view().dtype)] ^= 1;
  for (const Array& a : arrays) views.push_back(a.view());
  return digest(views);
}

}  // namespace

TEST_CASE("last_finite.safetensors: the parameters of the last step with a finite loss, with the digest of that row") {
  const test::TemporaryFolder folder;
  struct Row {
    std::vector<std::string> sets;
    bool finite_end;  // the run ends at a loss that is too large, and not at one that is not finite
  };
  const Row rows[] = {{{"training.learning_rate=3"}, false},
                      {{"training.learning_rate=3", "run.precision=float64"}, false},
                      {{"training.learning_rate=3", "training.divergence_loss=1e6"}, true},
                      {{"training.learning_rate=3", "training.rule=momentum"}, false},
                      {{"training.learning_rate=3", "training.divergence_loss=1e-9"}, true}};
  int number = 0;
  for (const Row& row : rows) {
    CAPTURE(number);
    const std::string at = folder / ("run" + std::to_string(number++));
    REQUIRE(run(at, row.sets) == ExitCode::diverged);
    const std::vector<std::string> digests = column(at, "digest"), losses = column(at, "loss");
    const Safetensors file = Safetensors::read(at + "/last_finite.safetensors");
    CHECK(file.tensors().size() == parameters.size());
    const std::size_t last = digests.size() - 1, step = last - (row.finite_end ? 0 : 1);
    CHECK(file.metadata().at("step") == std::to_string(step));
    CHECK(std::isfinite(std::strtod(losses.at(step).c_str(), nullptr)));
    CHECK(std::isfinite(std::strtod(losses.back().c_str(), nullptr)) == row.finite_end);
    CHECK(digest_of_file(file) == digests.at(step));
    // The control: neither one bit more nor a neighbouring step would pass.
    CHECK(digest_of_file(file, true) != digests.at(step));
    if (step > 0) CHECK(digests.at(step - 1) != digests.at(step));
    if (step < last) CHECK(digests.at(step + 1) != digests.at(step));
  }
  REQUIRE(run(folder / "finished", {"training.learning_rate=0.001"}) == ExitCode::done);
  CHECK(!std::filesystem::exists(folder / "finished/last_finite.safetensors"));
}
