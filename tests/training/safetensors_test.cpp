// SPDX-License-Identifier: MIT
#include "training/io/safetensors.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/training/temporary_folder.h"
#include "training/digest.h"
#include "training/errors.h"

using namespace brink;

namespace {

std::vector<std::byte> file_of(const std::string& header, std::size_t data_bytes) {
  std::vector<std::byte> out(8 + header.size() + data_bytes);
  const std::uint64_t n = header.size();
  std::memcpy(out.data(), &n, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  return out;
}

std::string refusal(const std::vector<std::byte>& file) {
  try {
    Safetensors::parse("f", file);
  } catch (const DataError& e) {
    const std::string text = e.what(), prefix = "f: not a safetensors file: ";
    CHECK(text.find(prefix) == 0);
    return text.substr(prefix.size());
  }
  return "accepted";
}
std::string refusal(const std::string& header, std::size_t data_bytes) { return refusal(file_of(header, data_bytes)); }

}  // namespace

TEST_CASE("what is written reads back") {
  test::TemporaryFolder folder;
  std::array<float, 6> a{1, -0.0f, 2.5f, std::numeric_limits<float>::quiet_NaN(), 1e-45f, 3};
  std::array<double, 2> b{1e300, -1};
  std::array<std::int32_t, 1> c{-7};
  std::array<std::uint8_t, 3> d{1, 2, 255};
  const std::vector<NamedView> tensors = {{"b/ü \"q\"", view_of(b.data(), {2})},
                                          {"a", view_of(a.data(), {2, 3})},
                                          {"c", view_of(c.data(), {})},
                                          {"d", view_of(d.data(), {3, 1, 1, 1, 1})},
                                          {"empty", view_of(d.data(), {0, 4})}};
  write_safetensors(Folder(folder.path()), "t.safetensors", tensors, {{"step", "3"}});
  const Safetensors s = Safetensors::read(folder / "t.safetensors");
  CHECK(s.tensors().size() == 5);
  CHECK(s.metadata().at("step") == "3");
  for (const NamedView& t : tensors) {
    const Array back = s.load(t.name);
    CHECK(back.view().shape == t.view.shape);
    CHECK(back.view().dtype == t.view.dtype);
    CHECK(std::memcmp(back.view().data, t.view.data, static_cast<std::size_t>(t.view.bytes())) == 0);
  }
  CHECK(s.load_doubles("c") == std::vector<double>{-7});
  CHECK_THROWS_AS(s.tensor("z"), DataError);

  SUBCASE("every truncation is refused; no bit flip crashes (S4, S5)") {
    const std::string text = test::read_text(folder / "t.safetensors");
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    for (std::size_t n = 0; n < text.size(); ++n) CHECK(refusal({p, p + n}) != "accepted");
    std::vector<std::byte> longer(p, p + text.size());
    longer.push_back(std::byte{0});
    CHECK(refusal(longer) != "accepted");
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
      std::vector<std::byte> flipped(p, p + text.size());
      flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      refusal(flipped);
    }
  }
}

TEST_CASE("a type of numbers that is not read is named") {
  const std::string header = R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";
  CHECK_THROWS_WITH_AS(
      Safetensors::parse("f", file_of(header, 4)),
      "f: tensor \"a\": expected float32, float64, int32 or uint8, found bfloat16; save it as one of them", DataError);
}

TEST_CASE("hostile headers are refused (S5)") {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  CHECK(refusal("{" + a + "}", 8) == "accepted");
  CHECK(refusal("{" + a + "}   ", 8) == "accepted");
  CHECK(refusal("{}", 0) == "accepted");
  CHECK(refusal("{" + a + "}", 9) == "expected 8 bytes of data, found 9");
  CHECK(refusal("{" + a + "}", 7) == "tensor \"a\": expected its data to end within 7 bytes, found 8");
  CHECK(refusal("{" + a + "," + a + "}", 8) == "in the header: the tensor \"a\" occurs twice");
  CHECK(refusal(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8) ==
        "in the header: tensor \"a\": dtype occurs twice");
  CHECK(refusal("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12) ==
        "tensor \"b\": expected its data at byte 8, found 4");
  CHECK(refusal("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}})", 20) ==
        "tensor \"b\": expected its data at byte 8, found 12");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}})", 8) ==
        "tensor \"a\": expected more bytes than there are for its shape, found 8");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8) ==
        "tensor \"a\": expected 12 bytes for its shape, found 8");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8) ==
        "tensor \"a\": expected its data at byte 0, found 8");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", 0) != "");
  CHECK(refusal(R"({"a":{"dtype":"BF17","shape":[2],"data_offsets":[0,4]}})", 4) ==
        "in the header: tensor \"a\": expected a dtype of the format such as F32, found \"BF17\"");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8) ==
        "in the header: expected an integer of at least 0, found a negative number");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[0,8]}})", 8) ==
        "in the header: tensor \"a\": expected at most 5 dimensions, found more");
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[2]}})", 8) ==
        "in the header: tensor \"a\": expected dtype, shape and data_offsets");
  CHECK(refusal(R"({"a":3})", 0) == "in the header: unexpected number");
  CHECK(refusal(R"({"a":{"b":{"c":{}}}})", 0) == "in the header: unexpected object");
  CHECK(refusal(R"([1])", 0) == "expected a header that begins with {");
  CHECK(refusal("{" + a, 8).find("in the header: invalid or incomplete JSON at byte") == 0);
  CHECK(refusal("{" + a + "}x", 8).find("in the header: invalid or incomplete JSON at byte") == 0);
  CHECK(refusal(R"({"__metadata__":{"k":"1","k":"2"}})", 0) == "in the header: the metadata key \"k\" occurs twice");
  CHECK(refusal(R"({"__metadata__":{"k":3}})", 0) == "in the header: unexpected number");
  std::vector<std::byte> huge = file_of("{}", 0);
  huge[7] = std::byte{0x7F};
  CHECK(refusal(huge) == "expected a header of 9151314442816847874 bytes, found 2");
  CHECK(refusal(std::vector<std::byte>(7)) == "expected a header length of 8 bytes, found 7 bytes");
  CHECK(refusal(std::string("{\"a\":") + std::string(100000, '['), 0) == "in the header: unexpected array");
}

TEST_CASE("digest: parameters one after another, NaN canonical, zeros signed") {
  std::array<float, 4> a{1, 2, 3, 4};
  const View whole = view_of(a.data(), {4});
  const std::array<View, 2> parts{view_of(a.data(), {2}), view_of(a.data() + 2, {1, 2})};
  const std::string base = digest(std::array{whole});
  CHECK(base.size() == 32);
  CHECK(digest(parts) == base);
  const std::array<View, 2> swapped{parts[1], parts[0]};
  CHECK(digest(swapped) != base);
  std::array<float, 4> nan1 = a, nan2 = a, zero1 = a, zero2 = a;
  nan1[1] = std::numeric_limits<float>::quiet_NaN();
  const std::uint32_t other = 0xFFC12345;
  std::memcpy(&nan2[1], &other, 4);
  CHECK(digest(std::array{view_of(nan1.data(), {4})}) == digest(std::array{view_of(nan2.data(), {4})}));
  zero1[0] = 0.0f;
  zero2[0] = -0.0f;
  CHECK(digest(std::array{view_of(zero1.data(), {4})}) != digest(std::array{view_of(zero2.data(), {4})}));
  std::vector<double> large(5000, 1.5);  // more than one piece
  const std::string before = digest(std::array{view_of(large.data(), {5000})});
  large[4999] = std::nextafter(1.5, 2);
  CHECK(digest(std::array{view_of(large.data(), {5000})}) != before);
}
