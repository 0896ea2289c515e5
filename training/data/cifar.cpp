// SPDX-License-Identifier: MIT
#include "training/data/cifar.h"
#include "training/data/kind.h"
#include "training/data/official_file.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::int64_t classes = 10;
constexpr std::size_t picture_bytes = static_cast<std::size_t>(cifar_record_bytes) - 1;

/// The moments of the official training pixels, rounded as is customary.
const Normalisation normalisation{{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};

/// Keeps, of each class, the records with the smallest hashes; its memory is that of the kept records.
class Chooser {
 public:
  Chooser(std::int64_t of_each_class, std::int64_t seed)
      : seed_(static_cast<std::uint64_t>(seed)), room_(static_cast<std::size_t>(of_each_class)), heaps_(classes) {
    pixels_.resize(room_ * classes * picture_bytes);
  }

  void add(std::span<const std::uint8_t> record, std::int64_t row) {
    const XXH128_hash_t h = XXH3_128bits_withSeed(record.data(), record.size(), seed_);
    std::vector<Kept>& heap = heaps_[record[0]];
    Kept kept{h.low64, h.high64, row, record[0] * room_ + heap.size()};
    if (heap.size() == room_) {
      if (room_ == 0 || !taken_before(kept, heap.front())) return;
      std::ranges::pop_heap(heap, taken_before);
      kept.slot = heap.back().slot;
      heap.pop_back();
    }
    std::ranges::copy(record.subspan(1), pixels_.begin() + static_cast<std::ptrdiff_t>(kept.slot * picture_bytes));
    heap.push_back(kept);
    std::ranges::push_heap(heap, taken_before);
  }

  struct Chosen {
    Records records;
    std::vector<std::int64_t> rows;
  };
  /// The kept records in their final order. Throws DataError if a class has too few.
  Chosen take(const std::string& where) {
    std::vector<Kept> all;
    Chosen out{{{32, 32, 3}, {}, {}}, {}};
    for (std::size_t c = 0; c < heaps_.size(); ++c) {
      if (heaps_[c].size() < room_)
        throw DataError(where + ": expected " + number_text(room_) + " records of class " + number_text(c) +
                        ", found " + number_text(heaps_[c].size()));
      all.insert(all.end(), heaps_[c].begin(), heaps_[c].end());
    }
    std::ranges::sort(
        all, [](const Kept& a, const Kept& b) { return a.order != b.order ? a.order < b.order : a.choice < b.choice; });
    // Moved along the cycles of the permutation, because a copy of the pixels of cifar10-50k would take 150 MB more.
    std::vector<std::size_t> source(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      source[i] = all[i].slot;
      out.records.labels.push_back(static_cast<std::uint8_t>(all[i].slot / room_));
      out.rows.push_back(all[i].row);
    }
    const auto slot = [&](std::size_t i) { return pixels_.begin() + static_cast<std::ptrdiff_t>(i * picture_bytes); };
    std::vector<std::uint8_t> first(picture_bytes);
    for (std::size_t start = 0; start < source.size(); ++start) {
      if (source[start] == start) continue;
      std::copy_n(slot(start), picture_bytes, first.begin());
      std::size_t to = start;
      for (std::size_t from = source[to]; from != start; from = source[to]) {
        std::copy_n(slot(from), picture_bytes, slot(to));
        source[to] = to;
        to = from;
      }
      std::ranges::copy(first, slot(to));
      source[to] = to;
    }
    out.records.pixels = std::move(pixels_);
    return out;
  }

 private:
  struct Kept {
    std::uint64_t choice, order;
    std::int64_t row;
    std::size_t slot;
  };
  static bool taken_before(const Kept& a, const Kept& b) {
    return a.choice != b.choice ? a.choice < b.choice : a.order < b.order;
  }

  std::uint64_t seed_;
  std::size_t room_;
  std::vector<std::vector<Kept>> heaps_;  // for each class, a heap with the largest hash in front
  std::vector<std::uint8_t> pixels_;
};

Chooser::Chosen choose(const CifarRequest& request, const CifarFiles& files, bool training, std::int64_t samples,
                       System& system) {
  Chooser chooser(samples / classes, request.seed);
  RecordSum sum;
  std::int64_t row = 0;
  for (std::int64_t f = training ? 1 : 0; f <= (training ? files.train_files : 0); ++f)
    read_cifar(
        find_file(request.directory, cifar_file_name(f)), files.records,
        [&](auto record) {
          sum.add(record);
          chooser.add(record, row++);
        },
        system);
  const std::string where =
      request.directory + "/" +
      (training ? "data_batch_1.bin to " + cifar_file_name(files.train_files) : cifar_file_name(0));
  const std::string& expected = training ? files.train_checksum : files.test_checksum;
  if (sum.text() != expected)
    throw DataError(where + ": expected the official CIFAR-10 records, in any order (checksum " + expected +
                    "), found others (" + sum.text() + ")");
  return chooser.take(where);
}

using Visit = FunctionRef<void(std::span<const std::uint8_t>)>;

/// `begin`: the file's first bytes.
void expect_size(const std::string& path, std::uint64_t bytes, std::int64_t records, std::span<const std::byte> begin) {
  const auto record_bytes = static_cast<std::uint64_t>(cifar_record_bytes);
  if (bytes == static_cast<std::uint64_t>(records) * record_bytes) return;
  const std::uint64_t whole = bytes / record_bytes, rest = bytes % record_bytes;
  throw DataError(path + ": expected " + number_text(records * cifar_record_bytes) + " bytes (" + number_text(records) +
                  " records of " + number_text(cifar_record_bytes) + "), found " + number_text(bytes) + " (" +
                  number_text(whole) + " records" + (rest == 0 ? "" : " and " + number_text(rest) + " bytes more") +
                  ")" + remedy_for_contents(begin));
}

/// `part`: whole records; `first` is the number of the first one within the file.
void visit_records(const std::string& path, std::span<const std::byte> part, std::int64_t first, Visit visit) {
  const auto count = static_cast<std::int64_t>(part.size()) / cifar_record_bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto* record = reinterpret_cast<const std::uint8_t*>(part.data()) + i * cifar_record_bytes;
    if (record[0] >= classes)
      throw DataError(path + ": byte " + number_text((first + i) * cifar_record_bytes) + " (record " +
                      number_text(first + i) + "): expected a label from 0 to 9, found " +
                      number_text(static_cast<int>(record[0])));
    visit({record, static_cast<std::size_t>(cifar_record_bytes)});
  }
}

}  // namespace

std::string cifar_file_name(std::int64_t number) {
  return number == 0 ? "test_batch.bin" : "data_batch_" + number_text(number) + ".bin";
}

void read_cifar(const std::string& path, std::int64_t records, FunctionRef<void(std::span<const std::uint8_t>)> visit,
                System& system) {
  InputFile file(path, system);
  if (file.bytes() != static_cast<std::uint64_t>(records * cifar_record_bytes)) {
    std::vector<std::byte> begin(std::min<std::size_t>(file.bytes(), 512));
    file.read(begin);
    expect_size(path, file.bytes(), records, begin);
  }
  constexpr std::int64_t records_a_piece = 256;
  std::vector<std::byte> piece(static_cast<std::size_t>(records_a_piece * cifar_record_bytes));
  for (std::int64_t first = 0; first < records; first += records_a_piece) {
    const std::int64_t count = std::min(records_a_piece, records - first);
    const std::span<std::byte> part = std::span(piece).first(static_cast<std::size_t>(count * cifar_record_bytes));
    file.read(part);
    visit_records(path, part, first, visit);
  }
}

void parse_cifar(const std::string& name, std::span<const std::byte> file, std::int64_t records,
                 FunctionRef<void(std::span<const std::uint8_t>)> visit) {
  expect_size(name, file.size(), records, file);
  visit_records(name, file, 0, visit);
}

DataPair load_cifar10(const CifarRequest& request, const CifarFiles& files, System& system) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(request.directory, ignored))
    throw DataError(request.directory +
                    ": expected the folder that holds the CIFAR-10 files (data_batch_1.bin …), found " +
                    (std::filesystem::exists(request.directory, ignored) ? "something else" : "nothing"));
  const std::int64_t all = files.records * files.train_files;
  Chooser::Chosen train = choose(request, files, true, request.augmented ? all : request.train, system);
  Chooser::Chosen test = choose(request, files, false, request.test, system);

  DataPair out;
  out.normalisation = normalisation;
  const auto make = [&](Records& records, std::int64_t samples, std::optional<std::int64_t> seed) {
    auto shared = std::make_shared<const Records>(std::move(records));
    auto rows = std::make_shared<const PictureRows>(std::move(shared), normalisation, request.dtype, samples, seed);
    return make_dataset(std::move(rows), {32, 32, 3}, classes, seed ? Keep::records_only : Keep::array);
  };
  const std::string each = number_text(request.train / classes), of_test = number_text(request.test / classes);
  if (request.augmented) {
    out.train = make(train.records, request.train, request.seed);
    out.provenance = "CIFAR-10, official records, " + number_text(request.train) +
                     " samples made of all training pictures by crops and mirroring, ";
  } else {
    out.train = make(train.records, request.train, {});
    out.train.kept_rows = std::move(train.rows);
    out.provenance = "CIFAR-10, official records, " + each + " of each class for training, ";
  }
  out.test = make(test.records, request.test, {});
  out.test.kept_rows = std::move(test.rows);
  out.provenance +=
      of_test + " of each class of the test file, chosen and ordered by seed " + number_text(request.seed);
  return out;
}

namespace data_sets {

namespace {

constexpr std::int64_t cifar_train = 50'000, cifar_test = 10'000, augmentations = 10;

DataKind cifar_kind(std::string_view name, std::int64_t train, std::int64_t test) {
  return {.name = name,
          .picture = {32, 32, 3},
          .classes = 10,
          .train = train,
          .test = test,
          .most_train = cifar_train,
          .most_test = cifar_test,
          .files = "CIFAR-10",
          .load = [](const DataRequest& r, const Options&) {
            return load_cifar10(
                {.directory = r.directory, .train = r.train, .test = r.test, .seed = r.seed, .dtype = r.dtype});
          }};
}

}  // namespace

DataKind cifar10_5k() { return cifar_kind("cifar10-5k", 5000, 2000); }
DataKind cifar10_50k() { return cifar_kind("cifar10-50k", cifar_train, cifar_test); }
DataKind cifar10_500k() {
  DataKind kind = cifar_kind("cifar10-500k", augmentations * cifar_train, cifar_test);
  kind.most_train = augmentations * cifar_train;
  kind.shared_records = cifar_train;
  kind.load = [](const DataRequest& r, const Options&) {
    return load_cifar10({.directory = r.directory,
                         .train = r.train,
                         .test = r.test,
                         .seed = r.seed,
                         .dtype = r.dtype,
                         .augmented = true});
  };
  return kind;
}

}  // namespace data_sets

}  // namespace brink
