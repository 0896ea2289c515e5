// SPDX-License-Identifier: MIT
// CIFAR-10: files cut short, with flipped bits, of wrong sizes, on a failing disk (S4 and S5 of docs/promises.md); the sets
// against numbers that cifar_golden.py computed independently; rows made on demand.
#include "training/data/cifar.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/random/random.h"
#include "tests/support/networks.h"
#include "tests/training/cifar_files.h"
#include "tests/training/faulty_system.h"
#include "training/errors.h"
#include "training/io/text.h"

using namespace brink;

namespace {

std::string root() {
  const char* given = std::getenv("BRINK_SOURCE_ROOT");
  return given ? given : ".";
}
std::string cifar_folder() {
  const char* shared = std::getenv("BRINK_SHARED");
  return (shared ? shared : root() + "/../shared") + "/data/cifar-10-batches-bin";
}
nlohmann::json golden(const char* part) {
  return nlohmann::json::parse(test::read_text(root() + "/tests/training/cifar_golden.json"))[part];
}

std::string hash_of(const void* data, std::size_t bytes) {
  const XXH128_hash_t h = XXH3_128bits(data, bytes);
  return hex_text(h.high64) + hex_text(h.low64);
}

/// The result of reading so many records: the checksum, or the refusal.
std::string reading_of(const std::string& path, std::int64_t records, System& system = posix_system()) {
  RecordSum sum;
  try {
    read_cifar(
        path, records, [&](auto record) { sum.add(record); }, system);
  } catch (const DataError& e) {
    CHECK(e.code() == ExitCode::bad_data);
    CHECK(std::string(e.what()).starts_with(path + ": "));
    return std::string(e.what()).substr(path.size() + 2);
  }
  return sum.text();
}

std::string refusal_of(const CifarRequest& request, const CifarFiles& files, System& system = posix_system()) {
  try {
    load_cifar10(request, files, system);
  } catch (const DataError& e) { return e.what(); }
  return "accepted";
}

CifarRequest small_request(const std::string& folder, bool augmented = false) {
  return {folder, augmented ? 2000 : 50, 20, 3, Dtype::f64, augmented};
}

void check_sample(const RowMaker& rows32, const RowMaker& rows64, const Dataset& data, const nlohmann::json& expected) {
  const auto i = expected["sample"].get<std::int64_t>();
  std::vector<float> x32(3072);
  std::vector<double> x64(3072);
  rows32.fill(i, 1, x32.data());
  rows64.fill(i, 1, x64.data());
  CHECK(hash_of(x32.data(), 4 * 3072) == expected["float32"]);
  CHECK(hash_of(x64.data(), 8 * 3072) == expected["float64"]);
  CHECK(x64[0] == expected["values"][0]);
  CHECK(x64[1536] == expected["values"][1]);
  CHECK(x64[3071] == expected["values"][2]);
  CHECK(data.labels.span<std::int32_t>()[static_cast<std::size_t>(i)] == expected["label"]);
  const Augmentation a = dynamic_cast<const PictureRows&>(rows64).augmentation_of(i);
  CHECK(a.top == expected["top"]);
  CHECK(a.left == expected["left"]);
  CHECK(a.flip == expected["flip"]);
}

/// Compares both sets of a folder with the stored numbers.
void check_against(const nlohmann::json& expected, const std::string& folder, const CifarFiles& files,
                   std::int64_t augmented) {
  CifarRequest request{folder, expected["train"], expected["test"], expected["seed"], Dtype::f32, false};
  const DataPair f32 = load_cifar10(request, files);
  request.dtype = Dtype::f64;
  const DataPair f64 = load_cifar10(request, files);
  CHECK(f32.train.checksum == expected["subset_checksum"]);
  CHECK(f64.test.checksum == expected["test_subset_checksum"]);
  std::string labels;
  for (const std::int32_t label : f32.train.labels.span<std::int32_t>()) labels += static_cast<char>(label);
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += labels;
  CHECK(hash_of(nine.data(), nine.size()) == expected["labels"]);
  for (const auto& sample : expected["subset_samples"]) {
    check_sample(*f32.train.rows, *f64.train.rows, f32.train, sample);
    const auto row = f64.train.x.span<double>().subspan(sample["sample"].get<std::size_t>() * 3072, 3072);
    CHECK(hash_of(row.data(), row.size_bytes()) == sample["float64"]);
  }
  if (expected.contains("first_rows")) {
    const auto first = [](const std::vector<std::int64_t>& rows) {
      return std::vector<std::int64_t>(rows.begin(), rows.begin() + 20);
    };
    CHECK(first(f32.train.kept_rows) == expected["first_rows"].get<std::vector<std::int64_t>>());
    CHECK(first(f32.test.kept_rows) == expected["first_test_rows"].get<std::vector<std::int64_t>>());
  }
  request.augmented = true;
  request.train = augmented;
  const DataPair a64 = load_cifar10(request, files);
  request.dtype = Dtype::f32;
  const DataPair a32 = load_cifar10(request, files);
  CHECK(a64.train.x.view().data == nullptr);  // never stored
  CHECK(a64.train.samples() == augmented);
  for (const auto& sample : expected["augmented_samples"])
    check_sample(*a32.train.rows, *a64.train.rows, a32.train, sample);
}

/// A disk with one wrong bit in what is read at once.
struct FlippingSystem : System {
  std::size_t bit = 0;
  ssize_t read(int file, void* data, std::size_t bytes) override {
    const ssize_t n = System::read(file, data, bytes);
    if (n > static_cast<ssize_t>(bit / 8)) static_cast<unsigned char*>(data)[bit / 8] ^= 1 << bit % 8;
    return n;
  }
};

/// Reads little at a time.
struct SlowSystem : System {
  ssize_t read(int file, void* data, std::size_t bytes) override {
    return System::read(file, data, std::min<std::size_t>(bytes, 777));
  }
};

}  // namespace

TEST_CASE("CIFAR: the small sets are what an independent computation says") {
  test::TemporaryFolder folder;
  write_cifar(folder, test::small_records());
  const nlohmann::json expected = golden("small");
  CHECK(expected["train_checksum"] == test::small_cifar().train_checksum);
  CHECK(expected["test_checksum"] == test::small_cifar().test_checksum);
  check_against(expected, folder.path(), test::small_cifar(), 2000);

  CifarRequest request = small_request(folder.path(), true);
  request.train = 600;
  CHECK(load_cifar10(request, test::small_cifar()).train.checksum == expected["augmented_600_checksum"]);
}

TEST_CASE("CIFAR: the official files, in any order") {
  if (!std::filesystem::exists(cifar_folder())) {
    MESSAGE("[skip] CIFAR-10's official files: no " << cifar_folder() << " (BRINK_SHARED names the folder two above)");
    return;
  }
  const nlohmann::json expected = golden("official");
  CHECK(expected["train_checksum"] == CifarFiles{}.train_checksum);
  CHECK(expected["test_checksum"] == CifarFiles{}.test_checksum);
  check_against(expected, cifar_folder(), {}, 500'000);
}

TEST_CASE("CIFAR: ghost groups of the official sets hold a mix of classes") {
  if (!std::filesystem::exists(cifar_folder())) {
    MESSAGE("[skip] ghost groups of CIFAR-10's sets: no " << cifar_folder());
    return;
  }
  for (const auto& [train, augmented] : {std::pair{5000, false}, {50000, false}, {500'000, true}}) {
    CifarRequest request{cifar_folder(), train, 2000, 0, Dtype::f32, augmented};
    const DataPair data = load_cifar10(request);
    for (const Dataset* d : {&data.train, &data.test}) {
      const GroupMix mix = mix_of_groups(*d, 32);
      CHECK(mix.groups == d->samples() / 32);
      // Of 32 draws from ten classes 9.66 are seen on average; fewer than six in one group of 15,625 once in 10⁵ orders.
      CHECK(mix.fewest_classes >= 6);
      CHECK(mix.mean_classes > 9.5);
      CHECK(mix.largest_share <= 16);
    }
  }
}

TEST_CASE("groups of a sorted set are seen to be poor (control)") {
  Dataset sorted;
  sorted.classes = 10;
  sorted.labels = Array({5000}, Dtype::i32);
  for (std::size_t i = 0; i < 5000; ++i) sorted.labels.span<std::int32_t>()[i] = static_cast<std::int32_t>(i / 500);
  const GroupMix mix = mix_of_groups(sorted, 32);
  CHECK(mix.groups == 156);
  CHECK(mix.fewest_classes == 1);
  CHECK(mix.mean_classes < 1.1);
  CHECK(mix.largest_share == 32);
}

TEST_CASE("CIFAR: the order of the records in the files changes nothing but where they were") {
  test::TemporaryFolder folder, other;
  std::vector<std::string> records = test::small_records(), moved = records;
  write_cifar(folder, records);
  const std::vector<std::int32_t> p = permutation(RandomKey(1, Stream::test), 200);
  for (std::size_t i = 0; i < 200; ++i) moved[i] = records[static_cast<std::size_t>(p[i])];
  std::reverse(moved.begin() + 200, moved.end());
  write_cifar(other, moved);
  for (const bool augmented : {false, true}) {
    const DataPair a = load_cifar10(small_request(folder.path(), augmented), test::small_cifar());
    const DataPair b = load_cifar10(small_request(other.path(), augmented), test::small_cifar());
    CHECK(a.train.checksum == b.train.checksum);
    CHECK(a.test.checksum == b.test.checksum);
    CHECK(support::same_bytes(a.train.labels.view(), b.train.labels.view()));
    CHECK(support::same_bytes(a.test.x.view(), b.test.x.view()));
    if (!augmented) {
      CHECK(support::same_bytes(a.train.x.view(), b.train.x.view()));
      CHECK(a.train.kept_rows != b.train.kept_rows);
    }
  }
  // A training record in the test file is no change of order.
  std::swap(moved[0], moved[239]);
  write_cifar(other, moved);
  CHECK(refusal_of(small_request(other.path()), test::small_cifar()).find("expected the official CIFAR-10 records") !=
        std::string::npos);
}

TEST_CASE("CIFAR: classes are shared equally, seeds differ, no record is taken twice") {
  test::TemporaryFolder folder;
  write_cifar(folder, test::small_records());
  CifarRequest request = small_request(folder.path());
  std::set<std::string> sums;
  for (request.seed = 0; request.seed < 4; ++request.seed) {
    const DataPair d = load_cifar10(request, test::small_cifar());
    std::vector<int> count(10);
    for (const std::int32_t label : d.train.labels.span<std::int32_t>()) ++count[static_cast<std::size_t>(label)];
    CHECK(count == std::vector<int>(10, 5));
    CHECK(std::set<std::int64_t>(d.train.kept_rows.begin(), d.train.kept_rows.end()).size() == 50);
    CHECK(!std::is_sorted(d.train.labels.span<std::int32_t>().begin(), d.train.labels.span<std::int32_t>().end()));
    sums.insert(d.train.checksum);
  }
  CHECK(sums.size() == 4);
  request.train = 210;
  CHECK(refusal_of(request, test::small_cifar()) ==
        folder / "data_batch_1.bin to data_batch_5.bin: expected 21 records of class 0, found 20");
}

TEST_CASE("CIFAR: every truncation is refused (S4)") {
  test::TemporaryFolder folder;
  const std::string path = folder / "two.bin", text = test::small_record(3) + test::small_record(4);
  test::write_text(path, text);
  const std::string good = reading_of(path, 2);
  CHECK(good.size() == 32);
  for (std::size_t n = text.size(); n-- > 0;) {
    std::filesystem::resize_file(path, n);
    const std::string said = reading_of(path, 2);
    CHECK(said.starts_with("expected 6146 bytes (2 records of 3073), found " + number_text(n) + " "));
  }
  test::write_text(path, text + '\0');
  CHECK(reading_of(path, 2) == "expected 6146 bytes (2 records of 3073), found 6147 (2 records and 1 bytes more)");
  test::write_text(path, text + text);
  CHECK(reading_of(path, 2) == "expected 6146 bytes (2 records of 3073), found 12292 (4 records)");
}

TEST_CASE("CIFAR: every flipped bit is refused or changes the checksum (S4)") {
  test::TemporaryFolder folder;
  const std::string path = folder / "two.bin";
  const std::string text = test::small_record(3) + test::small_record(4);
  test::write_text(path, text);
  const std::string good = reading_of(path, 2);
  int refused = 0, changed = 0;
  FlippingSystem system;
  for (system.bit = 0; system.bit < 8 * text.size(); ++system.bit) {
    const std::size_t byte = system.bit / 8;
    const int found = static_cast<unsigned char>(text[byte]) ^ 1 << system.bit % 8;
    const std::string said = reading_of(path, 2, system);
    if (byte % 3073 == 0 && found > 9) {
      ++refused;
      CHECK(said == "byte " + number_text(byte) + " (record " + number_text(byte / 3073) +
                        "): expected a label from 0 to 9, found " + number_text(found));
    } else {
      changed += said != good && said.size() == 32;
    }
  }
  CHECK(refused + changed == 8 * 6146);
  CHECK(refused >= 8);
}

TEST_CASE("CIFAR: what is wrong with a folder is said before anything is made of it") {
  test::TemporaryFolder folder;
  std::vector<std::string> records = test::small_records();
  const CifarRequest request = small_request(folder.path());
  CHECK(refusal_of({"/nowhere"}, {}) ==
        "/nowhere: expected the folder that holds the CIFAR-10 files (data_batch_1.bin …), found nothing");
  CHECK(refusal_of(request, test::small_cifar()) == folder / "data_batch_1.bin: expected this file, found none");
  write_cifar(folder, records);
  CHECK(refusal_of(request, {}) ==
        folder / "data_batch_1.bin: expected 30730000 bytes (10000 records of 3073), found 122920 (40 records)");
  for (const std::size_t at : {std::size_t{0}, std::size_t{77}, std::size_t{239}}) {
    const char old = records[at][100];
    records[at][100] = static_cast<char>(old ^ 4);
    write_cifar(folder, records);
    const std::string said = refusal_of(request, test::small_cifar());
    CHECK(said.find(at < 200
                        ? "data_batch_1.bin to data_batch_5.bin: expected the official CIFAR-10 records, in any order"
                        : "test_batch.bin: expected the official CIFAR-10 records, in any order") != std::string::npos);
    records[at][100] = old;
  }
  records[43][0] = 12;
  write_cifar(folder, records);
  CHECK(refusal_of(request, test::small_cifar()) ==
        folder / "data_batch_2.bin: byte 9219 (record 3): expected a label from 0 to 9, found 12");
  std::filesystem::remove(folder / "test_batch.bin");
  std::filesystem::create_directory(folder / "test_batch.bin");
  CHECK(reading_of(folder / "test_batch.bin", 40) == "expected a regular file, found something else");
  std::filesystem::remove(folder / "test_batch.bin");
  REQUIRE(mkfifo((folder / "test_batch.bin").c_str(), 0600) == 0);
  CHECK(reading_of(folder / "test_batch.bin", 40) == "expected a regular file, found something else");
}

TEST_CASE("CIFAR: a disk that fails at any call, that gives little at a time, a file that shrinks") {
  test::TemporaryFolder folder;
  write_cifar(folder, test::small_records());
  const CifarRequest request = small_request(folder.path());
  for (const bool short_read : {false, true}) {
    int refused = 0;
    for (int at = 0;; ++at) {
      test::FaultySystem system(at, EIO, short_read);
      const std::string said = refusal_of(request, test::small_cifar(), system);
      if (said != "accepted") {
        ++refused;
        CHECK(said.find("Input/output error") != std::string::npos);
        CHECK(said.starts_with(folder.path() + "/"));
      }
      if (at >= system.calls()) break;
    }
    CHECK(refused == 12);  // six opens, six reads
  }
  SlowSystem slow;
  CHECK(load_cifar10(request, test::small_cifar(), slow).train.checksum ==
        load_cifar10(request, test::small_cifar()).train.checksum);

  struct Shrinking : System {
    std::string path;
    ssize_t read(int file, void* data, std::size_t bytes) override {
      std::filesystem::resize_file(path, 3000);
      return System::read(file, data, bytes);
    }
  } shrinking;
  shrinking.path = folder / "data_batch_1.bin";
  CHECK(reading_of(shrinking.path, 40, shrinking) == "expected 122920 bytes, found 3000");
}

TEST_CASE("rows are the same bytes in any order of access, by any number of threads") {
  test::TemporaryFolder folder;
  write_cifar(folder, test::small_records());
  const DataPair data = load_cifar10(small_request(folder.path(), true), test::small_cifar());
  const RowMaker& rows = *data.train.rows;
  std::vector<double> all(2000 * 3072), again(all.size(), 99);
  rows.fill(0, 2000, all.data());
  for (std::int64_t begin = 2000; begin > 0;) {  // backwards, in pieces of 1, 2, 3 …
    const std::int64_t count = std::min<std::int64_t>(begin, 2000 - begin + 1);
    begin -= count;
    rows.fill(begin, count, again.data() + begin * 3072);
  }
  CHECK(all == again);
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    std::fill(again.begin(), again.end(), 99);
    pool.run(100, [&](int, std::int64_t piece) { rows.fill(20 * piece, 20, again.data() + 20 * piece * 3072); });
    CHECK(all == again);
  }
}

TEST_CASE("augmentation: each of the 162 is its definition, and all are drawn alike often") {
  // A picture of 5×7 with two channels; the bytes say where they come from.
  auto records = std::make_shared<Records>(Records{{5, 7, 2}, {}, {0}});
  for (int i = 0; i < 70; ++i) records->pixels.push_back(static_cast<std::uint8_t>(i + 1));
  const std::int64_t n = 2000;
  const PictureRows rows(records, {{0, 0}, {1 / 255.0, 1 / 255.0}}, Dtype::f64, n, 11);
  std::vector<double> row(70);
  std::vector<int> seen(162);
  for (std::int64_t i = 0; i < n; ++i) {
    const Augmentation a = rows.augmentation_of(i);
    if (i > 0) ++seen[a.code()];
    rows.fill(i, 1, row.data());
    for (std::int64_t h = 0; h < 5; ++h)
      for (std::int64_t w = 0; w < 7; ++w)
        for (std::int64_t c = 0; c < 2; ++c) {
          const std::int64_t y = h + a.top - 4, x = (a.flip ? 6 - w : w) + a.left - 4;
          const bool inside = y >= 0 && y < 5 && x >= 0 && x < 7;
          const double expected = inside ? static_cast<double>(c * 35 + y * 7 + x + 1) : 0;
          REQUIRE(row[static_cast<std::size_t>((h * 7 + w) * 2 + c)] == doctest::Approx(expected).epsilon(1e-14));
        }
  }
  CHECK(rows.augmentation_of(0).code() == Augmentation{}.code());
  CHECK(*std::ranges::min_element(seen) > 0);
  CHECK(*std::ranges::max_element(seen) < 40);  // 12.3 on average
  CHECK(rows.checksum() != PictureRows(records, {{0, 0}, {1, 1}}, Dtype::f64, n, 12).checksum());
}

TEST_CASE("loss, gradient and products over rows that are made are those over the stored array") {
  test::TemporaryFolder folder;
  write_cifar(folder, test::small_records());
  CifarRequest request = small_request(folder.path(), true);
  request.train = 1000;
  const DataPair data = load_cifar10(request, test::small_cifar());
  Array x({1000, 3072}, Dtype::f64);
  data.train.rows->fill(0, 1000, x.view().data);
  const Batch stored{x.view(), data.train.labels.view()}, made{*data.train.rows, data.train.labels.view()};
  const Objective o = make_objective(mlp(3072, {6}, 10, Activation::tanh), Loss::cross_entropy, Dtype::f64);
  const Array theta = support::direction(o.layout, Dtype::f64, 7), v = support::direction(o.layout, Dtype::f64, 8);
  const auto products = [&](const Batch& batch, int threads, std::int64_t chunk, std::int64_t budget) {
    ThreadPool pool(threads);
    Device device{Where::cpu, &pool, nullptr};
    Hvp hvp(device, o, batch, {chunk, budget});
    support::Bits out;
    const Array g = o.layout.make_vector(Dtype::f64), hv = o.layout.make_vector(Dtype::f64);
    out.add("loss", hvp.linearize_at(theta.view(), g.view()).loss);
    hvp.apply(v.view(), hv.view());
    out.add("gradient", g.view());
    out.add("product", hv.view());
    return out;
  };
  const support::Bits expected = products(stored, 1, 1000, 0);
  for (const std::int64_t chunk : {128, 256, 384, 1000})
    for (const int threads : {1, 2, 3})
      for (const std::int64_t budget : {0, 1})
        CHECK(support::first_difference(products(made, threads, chunk, budget), expected) == "");
}
