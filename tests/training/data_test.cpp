// SPDX-License-Identifier: MIT
// The IDX reader against every truncation and bit flip and hostile headers (S4 and S5 of docs/promises.md), and two data sets.
#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tests/support/shared_folder.h"
#include "tests/training/temporary_folder.h"
#include "training/data/dataset.h"
#include "training/data/idx.h"
#include "training/errors.h"
#include "training/io/safetensors.h"

using namespace brink;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

/// Three pictures of 2×3.
Bytes small_idx() {
  Bytes out = bytes_of({0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3});
  for (int i = 0; i < 18; ++i) out.push_back(static_cast<std::byte>(i * 13));
  return out;
}

Bytes gzipped(const Bytes& in) {
  z_stream s{};
  REQUIRE(deflateInit2(&s, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(in.size() + 100);
  s.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&s, Z_FINISH) == Z_STREAM_END);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

std::string refusal(const Bytes& file, int dimensions = 3) {
  try {
    parse_idx("f", file, dimensions);
  } catch (const DataError& e) {
    CHECK(e.code() == ExitCode::bad_data);
    return e.what();
  }
  return "accepted";
}

std::string checksum_of(const IdxFile& f) {
  Records r{{2, 3, 1}, {}, {0, 1, 2}};
  for (const std::byte b : f.elements()) r.pixels.push_back(std::to_integer<std::uint8_t>(b));
  return records_checksum(r);
}

}  // namespace

TEST_CASE("an IDX file, plain and gzipped") {
  for (const Bytes& file : {small_idx(), gzipped(small_idx())}) {
    const IdxFile f = parse_idx("f", file, 3);
    CHECK(f.extent == std::vector<std::int64_t>{3, 2, 3});
    REQUIRE(f.elements().size() == 18);
    CHECK(std::to_integer<int>(f.elements()[2]) == 26);
  }
}

TEST_CASE("every truncation of an IDX file is refused (S4)") {
  for (const Bytes& file : {small_idx(), gzipped(small_idx())})
    for (std::size_t n = 0; n < file.size(); ++n)
      CHECK(refusal(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n))) != "accepted");
}

TEST_CASE("every bit flip of an IDX file is refused, or changes the records' checksum, or changes nothing (S4)") {
  const std::string good = checksum_of(parse_idx("f", small_idx(), 3));
  int refused = 0, detected = 0, harmless = 0;
  for (const bool packed : {false, true}) {
    const Bytes file = packed ? gzipped(small_idx()) : small_idx();
    for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
      Bytes flipped = file;
      flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      if (refusal(flipped) != "accepted") {
        ++refused;
        continue;
      }
      const IdxFile f = parse_idx("f", flipped, 3);
      if (checksum_of(f) != good) {
        CHECK(!packed);
        CHECK(bit / 8 >= 16);
        ++detected;
      } else {
        // Only what gzip itself does not protect: time, level and system in its header, padding after the last code.
        CHECK(packed);
        CHECK((bit / 8 < 10 || bit / 8 == file.size() - 9));
        CHECK(f.bytes == small_idx());
        ++harmless;
      }
    }
  }
  CHECK(detected == 18 * 8);
  CHECK(harmless <= 8 * 8);
  CHECK(refused > 300);
}

TEST_CASE("what a refusal says") {
  Bytes f = small_idx();
  CHECK(refusal({}) == "f: expected an IDX header of 16 bytes, found 0 bytes; the file is empty: fetch it again");
  CHECK(refusal(f, 1) == "f: expected the IDX magic 0x00000801 (unsigned bytes, 1 dimension), found 0x00000803");
  f.pop_back();
  CHECK(refusal(f) == "f: expected 34 bytes (3x2x3 and a header of 16), found 33 bytes");
  CHECK(refusal(gzipped(f)) == "f: expected 34 bytes after unpacking (3x2x3 and a header of 16), found 33 bytes");
  Bytes g = gzipped(small_idx());
  g[g.size() - 4] ^= std::byte{1};
  CHECK(refusal(g) == "f: expected a gzip stream, found it damaged (incorrect length check)");
  g = gzipped(small_idx());
  g[g.size() - 8] ^= std::byte{1};
  CHECK(refusal(g) == "f: expected a gzip stream, found it damaged (incorrect data check)");
  g.resize(15);
  CHECK(refusal(g) == "f: expected a whole gzip stream, found its end after 15 bytes");
}

TEST_CASE("what gzip(1) reads is read: several members, padding, something after the last one") {
  const Bytes file = small_idx(), whole = gzipped(file);
  const auto joined = [](std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const Bytes& p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
  };
  const Bytes first(file.begin(), file.begin() + 20), last(file.begin() + 20, file.end()), zeros(512);
  const Bytes empty = gzipped({}), text = bytes_of({'m', 'o', 'r', 'e'}), two = gzipped(first);
  for (const Bytes& good :
       {joined({whole, zeros}), joined({whole, Bytes(1)}), joined({whole, text}), joined({whole, bytes_of({0x1F})}),
        joined({two, gzipped(last)}), joined({two, empty, gzipped(last), zeros}), joined({empty, whole, empty}),
        joined({whole, zeros, gzipped(last)})}) {
    REQUIRE(refusal(good) == "accepted");
    CHECK(parse_idx("f", good, 3).bytes == file);
  }
  // Each member is verified by its own checksum, and all of them together by the IDX header.
  Bytes damaged = joined({two, gzipped(last), zeros});
  damaged[damaged.size() - zeros.size() - 8] ^= std::byte{1};
  CHECK(refusal(damaged) == "f: expected a gzip stream, found it damaged (incorrect data check)");
  CHECK(refusal(joined({whole, bytes_of({0x1F, 0x8B})})) ==
        "f: expected a whole gzip stream, found its end after " + std::to_string(whole.size() + 2) + " bytes");
  CHECK(refusal(joined({two, zeros, gzipped(last)})).starts_with("f: expected 34 bytes after unpacking"));
  CHECK(refusal(joined({whole, whole})).ends_with("found 68 bytes"));
}

TEST_CASE("a hostile header costs nothing (S5)") {
  Bytes f = bytes_of({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});
  CHECK(refusal(f) ==
        "f: expected more than 4 GiB (4294967295x4294967295x4294967295 and a header of 16), found 16 bytes");
  f = bytes_of({0, 0, 8, 3, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 7});  // 2^32
  CHECK(refusal(f).find("f: expected 4294967312 bytes") == 0);
  CHECK(refusal(gzipped(f)).find("f: expected 4294967312 bytes after unpacking") == 0);
  f = bytes_of({0, 0, 8, 3, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255});  // empty, whatever the rest says
  CHECK(parse_idx("f", f, 3).elements().empty());
}

TEST_CASE("the records' checksum ignores order and sees everything else") {
  const Records r{{2, 1, 1}, {1, 2, 3, 4, 5, 6}, {0, 1, 2}};
  const std::string base = records_checksum(r);
  CHECK(base == records_checksum({{2, 1, 1}, {5, 6, 1, 2, 3, 4}, {2, 0, 1}}));
  CHECK(base != records_checksum({{2, 1, 1}, {5, 6, 1, 2, 3, 4}, {2, 1, 0}}));  // labels change places
  CHECK(base != records_checksum({{2, 1, 1}, {1, 2, 3, 4, 5, 7}, {0, 1, 2}}));
  CHECK(base != records_checksum({{2, 1, 1}, {1, 2, 3, 4}, {0, 1}}));
  // An exclusive or would not see these two.
  CHECK(records_checksum({{2, 1, 1}, {1, 2, 1, 2}, {0, 0}}) != records_checksum({{2, 1, 1}, {3, 4, 3, 4}, {0, 0}}));
  CHECK(base.size() == 32);
}

TEST_CASE("synthetic data: balanced, normalised, reproducible") {
  const DataPair a = make_synthetic(1000, 1000, 0, Dtype::f64), b = make_synthetic(400, 8, 0, Dtype::f32);
  CHECK(a.train.samples() == 1000);
  CHECK(a.train.x.view().shape == Shape{1000, 784});
  int count[4] = {};
  for (const std::int32_t label : a.train.labels.span<std::int32_t>()) ++count[label];
  for (const int n : count) CHECK(n == 250);
  double sum = 0, squares = 0;
  for (const double x : a.train.x.span<double>()) sum += x, squares += x * x;
  CHECK(std::fabs(sum / 784000) < 1e-10);
  CHECK(std::fabs(squares / 784000 - 1) < 1e-10);
  // These bytes are promised: a change of them is marked "bits" in CHANGELOG.md.
  CHECK(a.train.checksum == "2d87c40d8c2b672d1e9fe62a83cd1278");
  CHECK(a.test.checksum == "a5cb0ea7b585419908391df3abf4977e");
  CHECK(make_synthetic(1000, 4, 1, Dtype::f32).train.checksum != a.train.checksum);
  CHECK(make_synthetic(1000, 1000, 0, Dtype::f32).train.checksum == a.train.checksum);
  CHECK(b.train.samples() == 400);
}

TEST_CASE("fmnist4 from the official files") {
  const std::string directory = support::shared_folder() + "/data/fashion-mnist";
  if (!std::filesystem::exists(directory)) {
    MESSAGE("skipped: no Fashion-MNIST in " << directory << " (BRINK_SHARED names the folder above)");
    return;
  }
  const DataPair d = load_fashion_mnist(directory, 4, 1000, 1000, Dtype::f64);
  CHECK(d.train.samples() == 1000);
  CHECK(d.test.samples() == 1000);
  CHECK(std::is_sorted(d.train.kept_rows.begin(), d.train.kept_rows.end()));
  const DataPair f = load_fashion_mnist(directory, 4, 1000, 1000, Dtype::f32);
  CHECK(f.train.checksum == d.train.checksum);
  CHECK(f.train.x.span<float>()[1234] == static_cast<float>(d.train.x.span<double>()[1234]));

  const std::string golden = support::shared_folder() + "/golden/fmnist4_mlp.safetensors";
  if (std::filesystem::exists(golden)) {
    const std::vector<double> rows = Safetensors::read(golden).load_doubles("kept_rows");
    CHECK(rows == std::vector<double>(d.train.kept_rows.begin(), d.train.kept_rows.end()));
  }

  SUBCASE("a flipped pixel of an unpacked file is found") {
    test::TemporaryFolder folder;
    for (const char* part : {"train", "t10k"}) {
      for (const char* kind : {"-images-idx3-ubyte", "-labels-idx1-ubyte"}) {
        const std::string name = std::string(part) + kind;
        IdxFile file = read_idx(directory + "/" + name + ".gz", kind[1] == 'i' ? 3 : 1);
        test::write_text(folder / name, {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
      }
    }
    CHECK(load_fashion_mnist(folder.path(), 4, 1000, 1000, Dtype::f64).train.checksum == d.train.checksum);
    const std::string pictures = folder / "train-images-idx3-ubyte";
    std::filesystem::copy_file(pictures, folder / "kept");
    std::fstream(pictures, std::ios::in | std::ios::out | std::ios::binary).seekp(47000000).put('\1');
    try {
      load_fashion_mnist(folder.path(), 4, 1000, 1000, Dtype::f64);
      CHECK(false);
    } catch (const DataError& e) {
      const std::string message = e.what();
      CHECK(message.find(folder / "train-images-idx3-ubyte") == 0);
      CHECK(message.find("expected the official Fashion-MNIST records") != std::string::npos);
    }
    std::filesystem::rename(folder / "kept", pictures);
    std::filesystem::resize_file(folder / "t10k-labels-idx1-ubyte", 9999);
    CHECK_THROWS_AS(load_fashion_mnist(folder.path(), 4, 1000, 1000, Dtype::f64), DataError);
    test::write_text(folder / "t10k-labels-idx1-ubyte.gz", "<html>");
    try {
      load_fashion_mnist(folder.path(), 4, 1000, 1000, Dtype::f64);
      CHECK(false);
    } catch (const DataError& e) {
      const std::string message = e.what();
      CHECK(message.find("this is a web page") != std::string::npos);
      CHECK(message.ends_with("; " + folder / "t10k-labels-idx1-ubyte" +
                              " exists as well: remove the file with .gz, and it will be read"));
    }
    std::filesystem::remove(folder / "train-labels-idx1-ubyte");
    CHECK_THROWS_WITH_AS(
        load_fashion_mnist(folder.path(), 4, 1000, 1000, Dtype::f64),
        ((folder / "train-labels-idx1-ubyte") + ": expected this file, or the same with .gz, found neither").c_str(),
        DataError);
  }
}

TEST_CASE("a missing folder is named") {
  CHECK_THROWS_WITH_AS(load_fashion_mnist("/nowhere", 4, 4, 4, Dtype::f32),
                       "/nowhere: expected the folder that holds the Fashion-MNIST files, found nothing", DataError);
}
