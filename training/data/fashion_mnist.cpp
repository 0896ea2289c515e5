// SPDX-License-Identifier: MIT
// What it is: the choice of samples from the official Fashion-MNIST files. What it is not: a reader of other sets in
// the same format. Decision: the whole files are checked against the official records even where few samples are used;
// a flipped pixel of an unpacked file is found in no other way.
#include <filesystem>

#include "training/data/dataset.h"
#include "training/data/idx.h"
#include "training/errors.h"
#include "training/text.h"

namespace brink {

namespace {

struct Part {
  const char* name;
  std::int64_t records;
  std::string_view checksum;  // of all records of the official files
};
constexpr Part train_part{"train", 60000, "31ae625785ac3f96b4b9cd5e0ad39f12"};
constexpr Part test_part{"t10k", 10000, "91d2b3c379a764e04447b722e071af64"};

/// The .gz file where both are there: it carries a checksum of its own.
std::string find_file(const std::string& directory, const std::string& name) {
  for (const char* ending : {".gz", ""}) {
    std::string path = directory + "/" + name + ending;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  throw DataError(directory + "/" + name + ": expected this file, or the same with .gz, found neither");
}

struct Chosen {
  Records records;
  std::vector<std::int64_t> rows;
};

Chosen read_part(const std::string& directory, const Part& part, std::int64_t classes, std::int64_t samples) {
  const std::string image_path = find_file(directory, std::string(part.name) + "-images-idx3-ubyte");
  const std::string label_path = find_file(directory, std::string(part.name) + "-labels-idx1-ubyte");
  const IdxFile images = read_idx(image_path, 3), labels = read_idx(label_path, 1);
  if (images.extent != std::vector<std::int64_t>{part.records, 28, 28})
    throw DataError(image_path + ": expected " + number_text(part.records) + " pictures of 28x28, found " +
                    number_text(images.extent[0]) + " of " + number_text(images.extent[1]) + "x" +
                    number_text(images.extent[2]));
  if (labels.extent[0] != part.records)
    throw DataError(label_path + ": expected " + number_text(part.records) + " labels, found " +
                    number_text(labels.extent[0]));

  const auto bytes = [](std::span<const std::byte> b) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(b.data());
    return std::vector<std::uint8_t>(p, p + b.size());
  };
  const Records all{{28, 28, 1}, bytes(images.elements()), bytes(labels.elements())};
  if (const std::string found = records_checksum(all); found != part.checksum)
    throw DataError(image_path + " and " + label_path + ": expected the official Fashion-MNIST records (checksum " +
                    std::string(part.checksum) + "), found others (" + found + ")");

  Chosen out{{all.picture, {}, {}}, {}};
  std::vector<std::int64_t> left(static_cast<std::size_t>(classes), samples / classes);
  for (std::int64_t i = 0; i < all.size(); ++i) {
    const std::uint8_t label = all.labels[static_cast<std::size_t>(i)];
    if (label >= classes || left[label] == 0) continue;
    --left[label];
    out.records.labels.push_back(label);
    const auto p = all.picture_of(i);
    out.records.pixels.insert(out.records.pixels.end(), p.begin(), p.end());
    out.rows.push_back(i);
  }
  if (out.records.size() != samples)
    throw DataError(label_path + ": expected " + number_text(samples / classes) + " samples of each of " +
                    number_text(classes) + " classes, found fewer");
  return out;
}

}  // namespace

DataPair load_fashion_mnist(const std::string& directory, std::int64_t classes, std::int64_t train, std::int64_t test,
                            Dtype dtype) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    throw DataError(directory + ": expected the folder that holds the Fashion-MNIST files, found " +
                    (std::filesystem::exists(directory, ignored) ? "something else" : "nothing"));
  Chosen a = read_part(directory, train_part, classes, train), b = read_part(directory, test_part, classes, test);
  DataPair out = normalise(std::move(a.records), std::move(b.records), classes, dtype);
  out.train.kept_rows = std::move(a.rows);
  out.test.kept_rows = std::move(b.rows);
  out.provenance = "Fashion-MNIST, official files, classes 0-" + number_text(classes - 1) + ", the first " +
                   number_text(train / classes) + " (training) and " + number_text(test / classes) +
                   " (evaluation) of each class";
  return out;
}

}  // namespace brink
