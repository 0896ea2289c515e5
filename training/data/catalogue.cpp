// SPDX-License-Identifier: MIT
#include "training/data/catalogue.h"

#include <algorithm>

#include "training/data/cifar.h"
#include "training/data/fashion_mnist.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/file.h"

namespace brink {

const std::vector<Collection>& collections() {
  static const CifarFiles cifar;
  static const std::vector<Collection> all{
      {.name = "cifar-10",
       .title = "CIFAR-10, binary version (A. Krizhevsky, 2009)",
       .licence = "as published by its author",
       .sets = {"cifar10-5k", "cifar10-50k", "cifar10-500k"},
       .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
                 "test_batch.bin"},
       .addresses = {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"},
       .largest_bytes = std::size_t{1} << 28,
       .parts = {{"training",
                  {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
                  50000,
                  cifar.train_checksum},
                 {"test", {"test_batch.bin"}, 10000, cifar.test_checksum}}},
      {.name = "fashion-mnist",
       .title = "Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017)",
       .licence = "MIT",
       .sets = {"fmnist4"},
       .files = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                 "t10k-labels-idx1-ubyte.gz"},
       .addresses = {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                     "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
       .largest_bytes = std::size_t{1} << 26,
       .parts = {{"training",
                  {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"},
                  fashion_train.records,
                  fashion_train.checksum},
                 {"test",
                  {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"},
                  fashion_test.records,
                  fashion_test.checksum}}}};
  return all;
}

const Collection* find_collection(std::string_view name) {
  for (const Collection& c : collections())
    if (c.name == name || std::ranges::find(c.sets, name) != c.sets.end()) return &c;
  return nullptr;
}

FileBytes bytes_from(const Collection& c, const std::string& directory) {
  return [&c, directory](std::string_view file) -> NamedBytes {
    const std::string path = find_file(directory, file);
    return {path, read_file(path, c.largest_bytes)};
  };
}

std::string checksum_of(const Collection::Part& part, const FileBytes& bytes) {
  if (!part.files[0].ends_with(".bin")) {
    NamedBytes images = bytes(part.files[0]), labels = bytes(part.files[1]);
    return records_checksum(parse_fashion_mnist(std::move(images), std::move(labels), part.records));
  }
  RecordSum sum;
  const auto of_each = part.records / static_cast<std::int64_t>(part.files.size());
  for (const std::string_view file : part.files) {
    const NamedBytes found = bytes(file);
    parse_cifar(found.name, found.bytes, of_each, [&](auto record) { sum.add(record); });
  }
  return sum.text();
}

}  // namespace brink
