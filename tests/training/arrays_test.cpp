// SPDX-License-Identifier: MIT
// A user's own files: what is read from each kind of file, the table of bad ones with the exact messages, and every truncation and
// bit flip of small ones (S4 and S5 of docs/promises.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/memory_count.h"
#include "tests/support/networks.h"
#include "tests/support/numpy_files.h"
#include "tests/training/small_run.h"
#include "training/data/array_file.h"
#include "training/data/kind.h"
#include "training/errors.h"
#include "training/io/safetensors.h"
#include "training/run/fit.h"
#include "training/run/problem.h"

using namespace brink;
using support::bytes_of;
using support::npy;
using support::npz;

namespace {

constexpr std::int64_t samples = 12, side = 3;

/// Pictures of 3×3 with three channels, and labels 0, 1, 2, 0, …
std::vector<std::uint8_t> pixels() {
  std::vector<std::uint8_t> out(samples * side * side * 3);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 37 + i / 5);
  return out;
}
template <class T>
std::vector<T> labels() {
  std::vector<T> out;
  for (int i = 0; i < samples; ++i) out.push_back(static_cast<T>(i % 3));
  return out;
}
template <class T>
std::vector<T> swapped(std::vector<T> values) {
  for (T& v : values) {
    const auto bytes = std::as_writable_bytes(std::span(&v, 1));
    std::ranges::reverse(bytes);
  }
  return values;
}

const std::string picture_shape = "(12, 3, 3, 3)";
std::string x_bytes() { return npy("'|u1'", picture_shape, bytes_of(pixels())); }
std::string y_bytes() { return npy("'<i8'", "(12,)", bytes_of(labels<std::int64_t>())); }
std::string good(bool packed = false) { return npz({{"x.npy", x_bytes()}, {"y.npy", y_bytes()}}, packed); }

DataPair load(const std::string& folder, const std::vector<std::string>& sets, Dtype dtype = Dtype::f32) {
  std::vector<std::string> all{"data.name=arrays", "data.directory=" + folder};
  all.insert(all.end(), sets.begin(), sets.end());
  Config c = load_config({{}, all, {}});
  c.run.precision = dtype;
  return load_data(c.data.set, data_request(c));
}

/// Exit code and message, without the path of the folder.
std::string refusal(const test::TemporaryFolder& folder, const std::vector<std::string>& sets) {
  try {
    load(folder.path(), sets);
  } catch (const Error& e) {
    std::string text = std::to_string(static_cast<int>(e.code())) + " " + e.what();
    for (std::size_t at; (at = text.find(folder.path() + "/")) != std::string::npos;)
      text.erase(at, folder.path().size() + 1);
    return text;
  }
  return "accepted";
}

std::string f4(const std::vector<float>& values, std::string_view shape) {
  return npy("'<f4'", shape, bytes_of(values));
}
std::string i8(const std::vector<std::int64_t>& values) {
  return npy("'<i8'", "(" + std::to_string(values.size()) + ",)", bytes_of(values));
}

}  // namespace

TEST_CASE("arrays: uint8 pictures are the rows and have the identity of the official sets' reader") {
  Records records{{side, side, 3}, {}, labels<std::uint8_t>()};
  const std::vector<std::uint8_t> hwc = pixels();
  for (std::size_t n = 0; n < samples; ++n)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < side * side; ++p) records.pixels.push_back(hwc[(n * side * side + p) * 3 + c]);
  test::TemporaryFolder folder;
  test::write_text(folder / "a.npz", good());
  test::write_text(folder / "packed.npz", good(true));
  test::write_text(folder / "x.npy", x_bytes());
  test::write_text(folder / "x.npz", npz({{"x.npy", x_bytes()}}));
  test::write_text(folder / "y.npy", npy("'>i2'", "(12,)", bytes_of(swapped(labels<std::int16_t>()))));
  std::vector<std::uint8_t> x = hwc;
  std::vector<std::int32_t> y = labels<std::int32_t>();
  const NamedView tensors[] = {{"y", view_of(y.data(), {samples})}, {"x", view_of(x.data(), {samples, side, side, 3})}};
  write_safetensors(Folder(folder.path()), "a.safetensors", tensors);
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const DataPair expected = normalise(records, records, 3, dtype);
    const auto list = [](const std::vector<double>& values) {
      std::string out;
      for (const double v : values) out += (out.empty() ? "[" : ", ") + number_text(v);
      return out + "]";
    };
    const std::string mean = "data.mean=" + list(expected.normalisation.mean),
                      deviation = "data.deviation=" + list(expected.normalisation.deviation);
    for (const std::vector<std::string>& files : {std::vector<std::string>{"data.train_file=a.npz"},
                                                  {"data.train_file=packed.npz"},
                                                  {"data.train_file=a.safetensors", "data.test_file=a.npz"},
                                                  {"data.train_file=x.npy", "data.train_labels=y.npy"},
                                                  {"data.train_file=x.npz", "data.train_labels=y.npy"}}) {
      std::vector<std::string> sets = files;
      sets.insert(sets.end(), {mean, deviation});
      const DataPair found = load(folder.path(), sets, dtype);
      CHECK(found.train.picture == Shape{side, side, 3});
      CHECK(found.train.classes == 3);
      CHECK(found.train.checksum == expected.train.checksum);
      CHECK(support::same_bytes(found.train.x.view(), expected.train.x.view()));
      CHECK(support::same_bytes(found.train.labels.view(), expected.train.labels.view()));
      CHECK(found.test.samples() == (files.size() == 2 && files[1].starts_with("data.test") ? samples : 0));
    }
  }
  // A header of any length, one of which begins like a pickle.
  for (std::size_t length = 0; length < 300; length += 8) {
    write_safetensors(Folder(folder.path()), "a.safetensors", tensors, {{"note", std::string(length, '.')}});
    CHECK(load(folder.path(), {"data.train_file=a.safetensors"}).train.checksum == records_checksum(records));
  }
  // The control: another pixel is another identity.
  std::string other = x_bytes();
  other.back() = static_cast<char>(other.back() ^ 1);
  test::write_text(folder / "b.npz", npz({{"x.npy", other}, {"y.npy", y_bytes()}}));
  CHECK(load(folder.path(), {"data.train_file=b.npz"}).train.checksum != records_checksum(records));
}

TEST_CASE("arrays: labels come from one place, and the provenance names their file") {
  test::TemporaryFolder folder;
  test::write_text(folder / "a.npz", good());
  test::write_text(folder / "x.npz", npz({{"x.npy", x_bytes()}}));
  test::write_text(folder / "y.npy", y_bytes());
  const std::string both =
      ": expected labels from one place, found an array y in a.npz too; remove data.train_labels, or save that file "
      "without y: np.savez(FILE, x=x)";
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.train_labels=y.npy"}) ==
        "2 data.train_labels = \"y.npy\"" + both);
  std::string of_test = "2 data.test_labels = \"y.npy\"" + both;
  of_test.replace(of_test.find("train_labels"), 12, "test_labels");
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.test_file=a.npz", "data.test_labels=y.npy"}) == of_test);
  const std::string at = folder.path() + "/";
  CHECK(load(folder.path(), {"data.train_file=x.npz", "data.train_labels=y.npy", "data.test_file=a.npz"}).provenance ==
        "arrays of the user: training " + at + "x.npz (12 of 12 samples, uint8, labels of " + at +
            "y.npy), evaluation " + at + "a.npz (12 of 12 samples, uint8)");
}

TEST_CASE("arrays: floating-point vectors of any byte order, mean and deviation, labels of any width") {
  test::TemporaryFolder folder;
  const std::vector<float> x{1.5f, -2, 0.1f, 1e-40f, 5, 6};
  const std::vector<double> wide(x.begin(), x.end());
  const auto file = [&](const std::string& xs, const std::string& ys) {
    test::write_text(folder / "a.npz", npz({{"x.npy", xs}, {"y.npy", ys}}));
  };
  const std::string shape = "(3, 2)", y = i8({0, 1, 0});
  for (const std::string& xs : {npy("'<f4'", shape, bytes_of(x)), npy("'>f4'", shape, bytes_of(swapped(x)))}) {
    file(xs, y);
    const DataPair found = load(folder.path(), {"data.train_file=a.npz"});
    CHECK(found.train.picture == Shape{2});
    CHECK(support::same_bytes(found.train.x.view(), view_of(x.data(), {3, 2})));
    CHECK(support::same_bytes(load(folder.path(), {"data.train_file=a.npz"}, Dtype::f64).train.x.view(),
                              view_of(wide.data(), {3, 2})));
  }
  file(npy("'>f8'", shape, bytes_of(swapped(wide))), y);
  CHECK(support::same_bytes(load(folder.path(), {"data.train_file=a.npz"}).train.x.view(), view_of(x.data(), {3, 2})));
  const DataPair scaled =
      load(folder.path(), {"data.train_file=a.npz", "data.mean=0.5", "data.deviation=2"}, Dtype::f64);
  CHECK(scaled.train.x.span<double>()[1] == -1.25);

  for (const std::string& ys : {npy("'|i1'", "(3,)", bytes_of(std::vector<std::int8_t>{0, 1, 0})),
                                npy("'|u1'", "(3,)", bytes_of(std::vector<std::uint8_t>{0, 1, 0})),
                                npy("'<u2'", "(3,)", bytes_of(std::vector<std::uint16_t>{0, 1, 0})),
                                npy("'>i4'", "(3,)", bytes_of(swapped(std::vector<std::int32_t>{0, 1, 0}))),
                                npy("'>u8'", "(3,)", bytes_of(swapped(std::vector<std::uint64_t>{0, 1, 0})))}) {
    file(f4(x, shape), ys);
    const DataPair found = load(folder.path(), {"data.train_file=a.npz"});
    const std::vector<std::int32_t> expected{0, 1, 0};
    CHECK(support::same_bytes(found.train.labels.view(), view_of(expected.data(), {3})));
  }
}

TEST_CASE("arrays: data.train takes the first of each class, in the order of the file") {
  test::TemporaryFolder folder;
  test::write_text(folder / "a.npz",
                   npz({{"x.npy", f4({0, 1, 2, 3, 4, 5, 6}, "(7, 1)")}, {"y.npy", i8({0, 0, 0, 1, 1, 0, 1})}}));
  const DataPair found =
      load(folder.path(), {"data.train_file=a.npz", "data.train=4", "data.test_file=a.npz", "data.test=2"});
  CHECK(found.train.kept_rows == std::vector<std::int64_t>{0, 1, 3, 4});
  CHECK(found.test.kept_rows == std::vector<std::int64_t>{0, 3});
  CHECK(found.train.x.span<float>()[2] == 3);
  CHECK(load(folder.path(), {"data.train_file=a.npz"}).train.samples() == 7);
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.train=3"}) ==
        "2 data.train: expected a multiple of the 2 classes, got 3; \"all\" takes every sample");
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.train=8"}) ==
        "3 a.npz: x: expected 4 samples of class 1 because of data.train = 8, found 3; \"all\" takes every sample");
}

TEST_CASE("arrays: bad files are refused with what to save instead") {
  test::TemporaryFolder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string x = f4({1, 2, 3, 4, 5, 6}, "(3, 2)"), y = i8({0, 1, 0});
  const std::string unique = "; save np.unique(y, return_inverse=True)[1]";
  struct Bad {
    std::string x, y, message;
  };
  for (
      const Bad& bad : std::vector<Bad>{
          {f4({1, 2, 3, nan, 5, 6}, "(3, 2)"), y,
           "x: sample 1, element 1: expected a finite number, found nan; save x without such samples, or "
           "np.nan_to_num(x)"},
          {f4({1, 2, 3, 4, -INFINITY, 6}, "(3, 2)"), y,
           "x: sample 2, element 0: expected a finite number, found -inf; save x without such samples, or "
           "np.nan_to_num(x)"},
          {npy("'<f8'", "(3, 1)", bytes_of(std::vector<double>{1, 1e300, 2})), y,
           "x: sample 1, element 0: expected a number that float32 can hold after normalisation, found 1e+300; scale "
           "x, or choose run.precision = \"float64\""},
          {f4({1, 2, 3}, "(3,)"), y,
           "x: expected pictures [N, H, W, C] or vectors [N, D], found the shape [3]; save x.reshape(N, -1)"},
          {f4(std::vector<float>(12), "(3, 2, 2)"), y,
           "x: expected pictures [N, H, W, C] or vectors [N, D], found the shape [3,2,2]; save x[..., None] if C is 1"},
          {f4(std::vector<float>(3 * 25), "(3, 1, 5, 5)"), y,
           "x: expected pictures [N, H, W, C], found the shape [3,1,5,5], which looks like [N, C, H, W]; save "
           "x.transpose(0, 2, 3, 1)"},
          {f4({}, "(0, 2)"), i8({}),
           "x: expected at least one sample of at least one number, found the shape [0,2]; save other samples"},
          {npy("'<f2'", "(3, 2)", std::string(12, '\0')), y,
           "x: expected uint8, float32 or float64, found float16; save x.astype(np.float32)"},
          {npy("'<i8'", "(3, 1)", std::string(24, '\0')), y,
           "x: expected uint8, float32 or float64, found int64; save x.astype(np.uint8) if they are pixels from 0 to "
           "255, otherwise x.astype(np.float32)"},
          {npy("'|O'", "(3, 1)", "\x80\x04K\x01."), y,
           "x: expected an array of numbers, found an array of objects, which is a pickle and never loaded; save it as "
           "an array of numbers, with astype"},
          {npy("[('a', '<f4')]", "(3,)", std::string(12, '\0')), y,
           "x: expected an array of numbers, found records with fields; save each field as an array"},
          {npy("'<f4'", "(3, 2)", std::string(24, '\0'), "True"), y,
           "x: expected rows one after the other, found Fortran order; save np.ascontiguousarray(x)"},
          {x, i8({0, 2, 0}), "y: expected labels without gaps, found 2 as the largest and no 1" + unique},
          {x, i8({1, 2, 1}), "y: expected labels without gaps, found 2 as the largest and no 0" + unique},
          {x, i8({0, -1, 1}), "y: sample 1: expected a label of at least 0, found -1" + unique},
          {x, npy("'<u8'", "(3,)", bytes_of(std::vector<std::uint64_t>{0, 1, ~std::uint64_t{0}})),
           "y: sample 2: expected a label below the number of classes, which is at most 65536, found "
           "18446744073709551615" +
               unique},
          {x, npy("'>u8'", "(3,)", bytes_of(swapped(std::vector<std::uint64_t>{0, std::uint64_t{1} << 63, 1}))),
           "y: sample 1: expected a label below the number of classes, which is at most 65536, found "
           "9223372036854775808" +
               unique},
          {x, npy("'<u8'", "(3,)", bytes_of(std::vector<std::uint64_t>{0, 1, (std::uint64_t{1} << 63) - 1})),
           "y: expected labels without gaps, found 9223372036854775807 as the largest and no 2" + unique},
          {x, i8({0, 0, 0}), "y: expected at least two classes, found the label 0 only"},
          {x, i8({0, 1}),
           "y: expected as many labels as a.npz: x has samples, 3, found 2; save x and y of the same samples"},
          {x, f4({0, 1, 0}, "(3,)"), "y: expected integers, found float32; save y.astype(np.int64)"},
          {x, npy("'|b1'", "(3,)", std::string("\0\1\0", 3)),
           "y: expected integers, found bool; save y.astype(np.int64)"},
          {x, npy("'<i8'", "(3, 1)", std::string(24, '\0')),
           "y: expected one label for each sample, [N], found the shape [3,1]; save y.reshape(-1)"},
          {x, npy("'<i8'", "(3, 2)", std::string(48, '\0')),
           "y: expected one label for each sample, [N], found the shape [3,2]; save y.argmax(axis=1) if they are "
           "one-hot"},
          {x, npy("'<U1'", "(3,)", std::string(12, '\0')), "y: expected integers, found text; save y.astype(np.int64)"},
      }) {
    test::write_text(folder / "a.npz", npz({{"x.npy", bad.x}, {"y.npy", bad.y}}));
    CHECK(refusal(folder, {"data.train_file=a.npz"}) == "3 a.npz: " + bad.message);
  }
  // The control of the table: its x and y are accepted.
  test::write_text(folder / "a.npz", npz({{"x.npy", x}, {"y.npy", y}}));
  CHECK(refusal(folder, {"data.train_file=a.npz"}) == "accepted");

  test::write_text(folder / "t.npz", npz({{"x.npy", x}, {"y.npy", i8({0, 2, 0})}}));
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.test_file=t.npz"}) ==
        "3 t.npz: y: sample 1: expected a label from 0 to 1, as the training samples have, found 2; save labels of the "
        "same classes");
  test::write_text(folder / "t.npz", npz({{"x.npy", f4({1, 2, 3}, "(3, 1)")}, {"y.npy", y}}));
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.test_file=t.npz"}) ==
        "3 t.npz: x: expected samples of the shape of the training samples, [3,2], found [3,1]; save samples of one "
        "shape");
  test::write_text(folder / "t.npz", npz({{"x.npy", npy("'|u1'", "(3, 2)", "abcdef")}, {"y.npy", y}}));
  CHECK(
      refusal(folder, {"data.train_file=a.npz", "data.test_file=t.npz"}) ==
      "3 t.npz: x: expected float32 as of the training samples, found uint8, which has another scale; save both in one "
      "type");
  CHECK(refusal(folder, {"data.train_file=a.npz", "data.mean=[1, 2]"}) ==
        "2 data.mean: expected one number, or one for each of the 1 channels, got 2");

  test::write_text(folder / "n.npz", npz({{"images.npy", x}, {"y.npy", y}}));
  CHECK(refusal(folder, {"data.train_file=n.npz"}) ==
        "3 n.npz: expected an array named x, found images, y; save with np.savez(FILE, x=x, y=y)");
  test::write_text(folder / "x.npy", x);
  CHECK(refusal(folder, {"data.train_file=x.npy"}) ==
        "2 data.train_file = \"x.npy\": a .npy file holds one array; name that of the labels in data.train_labels, or "
        "save both with np.savez(FILE, x=x, y=y)");
  CHECK(refusal(folder, {"data.train_file=none.npz"})
            .starts_with("3 none.npz: expected the file that data.train_file = \"none.npz\" names, found none; a "
                         "relative path starts at data.directory, or without it at the current folder ("));
  test::write_text(folder / "p.npz", "\x80\x04K\x01.");
  CHECK(refusal(folder, {"data.train_file=p.npz"}) ==
        "3 p.npz: expected a .npz, .npy or safetensors file, found a pickle, which is never loaded; save with "
        "np.savez(FILE, x=x, y=y)");
  test::write_text(folder / "p.npz", "");
  CHECK(refusal(folder, {"data.train_file=p.npz"}) == "3 p.npz: expected arrays, found an empty file");
  test::write_text(folder / "p.npz", "<html>not found</html>");
  CHECK(
      refusal(folder, {"data.train_file=p.npz"}).starts_with("3 p.npz: not a safetensors file: expected a header of "));
}

TEST_CASE("arrays: every truncation is refused; a bit flip never crashes, and of an archive is found (S4)") {
  test::TemporaryFolder folder;
  const auto checksum = [&](const std::string& bytes) -> std::string {
    try {
      const std::span data = std::as_bytes(std::span(bytes));
      const ArrayFile file(std::make_unique<MemorySource>("f", std::vector<std::byte>(data.begin(), data.end())));
      std::string all;
      for (const char* name : {"x", "y"}) {
        const StoredArray a = file.open(name);
        all += a.header.shape_text() + a.header.type.name() + (a.header.column_major ? "F" : "C");
        std::string elements(static_cast<std::size_t>(a.elements->left()), '\0');
        a.elements->read(std::as_writable_bytes(std::span(elements)));
        a.elements->finish();
        all += elements;
      }
      return all;
    } catch (const DataError& e) {
      CHECK(std::string(e.what()).find('\n') == std::string::npos);
      return "refused";
    }
  };
  std::vector<std::int32_t> y = labels<std::int32_t>();
  const NamedView tensors[] = {{"y", view_of(y.data(), {samples})}, {"x", view_of(y.data(), {samples, 1})}};
  write_safetensors(Folder(folder.path()), "a.safetensors", tensors);
  for (const std::string& whole : {good(), good(true), x_bytes(), test::read_text(folder / "a.safetensors")}) {
    const std::string right = checksum(whole);
    CHECK(right != "refused");
    int refused = 0;
    for (std::size_t n = 0; n < whole.size(); ++n) CHECK(checksum(whole.substr(0, n)) == "refused");
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      const std::string found = checksum(flipped);
      refused += found == "refused";
      if (whole.starts_with("PK")) CHECK((found == right || found == "refused"));
    }
    CHECK(refused > 300);
  }
}

TEST_CASE("arrays: hostile headers are refused (S5)") {
  test::TemporaryFolder folder;
  const auto message = [&](const std::string& bytes) {
    test::write_text(folder / "f", bytes);
    return refusal(folder, {"data.train_file=f", "data.train_labels=f"});
  };
  const auto header = [](const std::string& text) {
    return std::string("\x93NUMPY\1\0", 8) + support::little_endian(text.size(), 2) + text;
  };
  for (const char* text :
       {"{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "{'descr': '<f4", "", "{",
        "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (1,)}",
        "{'descr': '<f', 'fortran_order': False, 'shape': (1,1)}", "{'descr': 'f4x', 'fortran_order': 0, 'shape': ()}"})
    CHECK_MESSAGE(message(header(text)).starts_with("3 f: "), text);
  CHECK(message(npy("'<f4'", "(4294967296, 4294967296)", "abcd"))
            .starts_with("3 f: expected 18446744073709551615 elements of 4 bytes for the shape "));
  CHECK(message(npy("'<f4'", "(1000000000, 1)", "abcd")) ==
        "3 f: expected 1000000000 elements of 4 bytes for the shape [1000000000,1], found 4 bytes: the file is damaged "
        "or truncated");
  CHECK(message(std::string("\x93NUMPY\2\0", 8) + std::string(4, '\xFF')) ==
        "3 f: expected a .npy header of at most 65536 bytes within the file, found 4294967295; save it again with "
        "np.save");
  // A member that claims to be larger than deflate can pack is refused by its directory.
  std::string bomb = good(true);
  const std::size_t entry = bomb.find("PK\1\2");
  bomb.replace(entry + 24, 4, support::little_endian(0x7FFFFFFF, 4));
  CHECK(message(bomb).find("cannot have the size that is stated") != std::string::npos);
  CHECK(message(npz({{"x.npy", x_bytes()}, {"x.npy", x_bytes()}})).find("x.npy occurs twice") != std::string::npos);
  CHECK(message(std::string(100, '\0')).starts_with("3 f: "));
}

TEST_CASE("arrays: a run without a test file leaves test accuracy empty; the outline is what is loaded") {
  test::TemporaryFolder folder;
  test::write_text(folder / "a.npz", good());
  const std::vector<std::string> sets{"data.name=arrays",      "data.directory=" + folder.path(),
                                      "data.train_file=a.npz", "model.hidden=[4]",
                                      "training.steps=3",      "measure.bottom=0"};
  const test::SmallRun run(sets);
  CHECK(run.code == ExitCode::done);
  CHECK(run.read("run.json").find("\"test_checksum\": null") != std::string::npos);
  CHECK(run.read("metrics.csv").find("\n3,") != std::string::npos);
  std::vector<std::string> tested = sets;
  tested.insert(tested.end(), {"data.test_file=a.npz", "data.test=6"});
  CHECK(test::SmallRun(tested).read("metrics.csv") != run.read("metrics.csv"));
  const Config c = load_config({{}, tested, {}});
  Device device;
  MemoryCount count = count_memory(device);
  Device counting = count.on(device);
  const std::int64_t before = allocated_bytes(device);
  const Problem outline = make_problem(counting, c);
  CHECK(allocated_bytes(device) == before);
  const Problem found = make_problem(device, c);
  CHECK(outline.train[0].view().shape == found.train[0].view().shape);
  CHECK(outline.test[0].view().shape == found.test[0].view().shape);
  CHECK(std::abs(count.bytes(Where::cpu) - (allocated_bytes(device) - before)) < alignment_bytes);

  std::vector<std::string> vectors = sets;
  test::write_text(folder / "a.npz", npz({{"x.npy", f4({1, 2, 3, 4}, "(2, 2)")}, {"y.npy", i8({0, 1})}}));
  vectors[3] = "model.name=vgg";
  try {
    test::SmallRun refused(vectors);
    FAIL_CHECK("accepted");
  } catch (const UsageError& e) {
    CHECK(std::string(e.what()) ==
          "model.name = \"vgg\": expected pictures [N, H, W, C], found vectors of 2 numbers; save x with the shape of "
          "pictures, such as x.reshape(N, 28, 28, 1), or choose model.name = \"mlp\"");
  }
}
