// SPDX-License-Identifier: MIT
// The choice of samples from the official Fashion-MNIST files.
// The whole files are checked against the official records even if few samples are used, because nothing else finds a flipped
// pixel of an unpacked file.
#include "training/data/fashion_mnist.h"

#include <filesystem>

#include "training/data/dataset.h"
#include "training/data/idx.h"
#include "training/data/kind.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::size_t largest_bytes = std::size_t{1} << 26;

struct Selection {
  Records records;
  std::vector<std::int64_t> rows;
};

Selection read_part(const std::string& directory, const FashionPart& part, std::int64_t classes, std::int64_t samples) {
  const auto read = [&](const char* what) {
    // The packed file where both are there: it carries a checksum of its own.
    const std::string path = find_file(directory, std::string(part.name) + what + ".gz");
    return NamedBytes{path, read_file(path, largest_bytes)};
  };
  NamedBytes images = read("-images-idx3-ubyte"), labels = read("-labels-idx1-ubyte");
  const std::string image_path = images.name, label_path = labels.name;
  const Records all = parse_fashion_mnist(std::move(images), std::move(labels), part.records);
  if (const std::string found = records_checksum(all); found != part.checksum)
    throw DataError(image_path + " and " + label_path + ": expected the official Fashion-MNIST records (checksum " +
                    std::string(part.checksum) + "), found others (" + found + ")" + remedy_for_packed(image_path) +
                    remedy_for_packed(label_path));

  Selection out{{all.picture, {}, {}}, {}};
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

Records parse_fashion_mnist(NamedBytes images, NamedBytes labels, std::int64_t records) {
  const auto parse = [](NamedBytes& file, int dimensions) {
    try {
      return parse_idx(file.name, std::move(file.bytes), dimensions);
    } catch (const DataError& e) { throw DataError(e.what() + remedy_for_packed(file.name)); }
  };
  const IdxFile pictures = parse(images, 3), classes = parse(labels, 1);
  if (pictures.extent != std::vector<std::int64_t>{records, 28, 28})
    throw DataError(images.name + ": expected " + number_text(records) + " pictures of 28x28, found " +
                    number_text(pictures.extent[0]) + " of " + number_text(pictures.extent[1]) + "x" +
                    number_text(pictures.extent[2]));
  if (classes.extent[0] != records)
    throw DataError(labels.name + ": expected " + number_text(records) + " labels, found " +
                    number_text(classes.extent[0]));
  const auto bytes = [](std::span<const std::byte> b) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(b.data());
    return std::vector<std::uint8_t>(p, p + b.size());
  };
  return {{28, 28, 1}, bytes(pictures.elements()), bytes(classes.elements())};
}

DataPair load_fashion_mnist(const std::string& directory, std::int64_t classes, std::int64_t train, std::int64_t test,
                            Dtype dtype) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    throw DataError(directory + ": expected the folder that holds the Fashion-MNIST files, found " +
                    (std::filesystem::exists(directory, ignored) ? "something else" : "nothing"));
  Selection a = read_part(directory, fashion_train, classes, train),
            b = read_part(directory, fashion_test, classes, test);
  DataPair out = normalise(std::move(a.records), std::move(b.records), classes, dtype);
  out.train.kept_rows = std::move(a.rows);
  out.test.kept_rows = std::move(b.rows);
  out.provenance = "Fashion-MNIST, official files, classes 0-" + number_text(classes - 1) + ", the first " +
                   number_text(train / classes) + " (training) and " + number_text(test / classes) +
                   " (evaluation) of each class";
  return out;
}

namespace data_sets {

DataKind fmnist4() {
  return {.name = "fmnist4",
          .picture = {28, 28, 1},
          .classes = 4,
          .train = 1000,
          .test = 1000,
          .most_train = 24000,
          .most_test = 4000,
          .files = "Fashion-MNIST",
          .load = [](const DataRequest& r, const Options&) {
            return load_fashion_mnist(r.directory, 4, r.train, r.test, r.dtype);
          }};
}

}  // namespace data_sets

}  // namespace brink
