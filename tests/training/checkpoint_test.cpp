// SPDX-License-Identifier: MIT
// Checkpoints as files: exact, verified, kept and removed (S1, S3, S4, S6 and S8 of docs/promises.md).
#include "training/run/checkpoint.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>
#include <set>

#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/faulty_system.h"
#include "tests/training/temporary_folder.h"
#include "training/build_info.h"
#include "training/loop.h"

using namespace brink;
using test::read_text;
using test::write_text;

namespace {

constexpr const char* some_hash = "0123456789abcdef";

/// A state with one part of every type.
class Everything final : public Stateful {
 public:
  std::int64_t integer = -9007199254740993;
  double real = 0.1, nan = std::numeric_limits<double>::quiet_NaN(),
         infinite = -std::numeric_limits<double>::infinity(), least = std::numeric_limits<double>::denorm_min(),
         minus_zero = -0.0;
  std::string text = "ü \"quoted\"\n", none;
  std::vector<std::int64_t> list{1, -2, std::numeric_limits<std::int64_t>::min()}, empty;
  std::optional<std::int64_t> absent, present = 7;
  Array singles{{2, 3}, Dtype::f32}, doubles{{3}, Dtype::f64};

  Everything() {
    for (std::size_t i = 0; i < 6; ++i) singles.span<float>()[i] = 0.1F * static_cast<float>(i);
    for (std::size_t i = 0; i < 3; ++i) doubles.span<double>()[i] = 1.0 / static_cast<double>(i);
  }
  void visit(StateVisitor& v) override {
    v.number("integer", integer);
    for (auto& [name, x] : {std::pair<const char*, double*>{"real", &real},
                            {"nan", &nan},
                            {"infinite", &infinite},
                            {"least", &least},
                            {"minus_zero", &minus_zero}})
      v.number(name, *x);
    v.text("text", text);
    v.text("none", none);
    v.list("list", list);
    v.list("empty", empty);
    v.optional("absent", absent);
    v.optional("present", present);
    v.tensor("singles", singles.view());
    v.tensor("doubles", doubles.view());
  }
};

class Nothing final : public Stateful {
 public:
  void visit(StateVisitor&) override {}
};

/// A small state, for files of which every bit is flipped.
class Small final : public Stateful {
 public:
  std::int64_t step = 3;
  Array theta = zeros({4}, Dtype::f32);
  void visit(StateVisitor& v) override {
    v.number("step", step);
    v.tensor("theta", theta.view());
  }
};

void write_small(const Folder& folder, std::int64_t step) {
  Device device;
  Small small;
  small.step = step;
  Nothing nothing;
  write_checkpoint(folder, device, small, nothing, step, some_hash);
}

std::string message_of(const std::string& path) {
  std::string verified, read;
  try {
    verify_checkpoint(path);
  } catch (const DataError& e) { verified = e.what(); }
  try {
    read_checkpoint(path);
  } catch (const DataError& e) { read = e.what(); }
  CHECK(verified == read);
  return verified;
}

}  // namespace

TEST_CASE("names of checkpoints") {
  CHECK(checkpoint_name(1234) == "step-0000001234.safetensors");
  CHECK(checkpoint_name(12345678901) == "step-12345678901.safetensors");
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{1234}, std::int64_t{12345678901}})
    CHECK(checkpoint_step(checkpoint_name(step)) == step);
  for (const char* other :
       {"step-1234.safetensors", "step-0000001234.safetensors.tmp.7", "step-00000012x4.safetensors",
        "step--000001234.safetensors", "step-.safetensors", "step-00000001234.safetensors", "notes"})
    CHECK(!checkpoint_step(other));
}

TEST_CASE("a checkpoint returns every part of a state exactly") {
  test::TemporaryFolder t;
  Device device;
  Everything all, other;
  Small small;
  write_checkpoint(Folder(t.path()), device, all, small, 5, some_hash);
  const std::string path = t / checkpoint_name(5);
  const Checkpoint read = read_checkpoint(path);
  CHECK(read.step == 5);
  CHECK(read.config_hash == some_hash);
  CHECK(read.version == build_info().version);
  other.integer = 0;
  other.real = other.nan = other.infinite = other.least = other.minus_zero = 1;
  other.text = "x";
  other.none = "y";
  other.list = {};
  other.empty = {3};
  other.absent = 4;
  other.present.reset();
  other.singles = zeros({2, 3}, Dtype::f32);
  other.doubles = zeros({3}, Dtype::f64);
  restore(device, other, read.trainer, path);
  CHECK(other.integer == all.integer);
  CHECK(other.real == all.real);
  CHECK(std::isnan(other.nan));
  CHECK(other.infinite == all.infinite);
  CHECK(other.least == all.least);
  CHECK(std::signbit(other.minus_zero));
  CHECK(other.text == all.text);
  CHECK(other.none.empty());
  CHECK(other.list == all.list);
  CHECK(other.empty.empty());
  CHECK(!other.absent);
  CHECK(other.present == 7);
  CHECK(support::same_bytes(other.singles.view(), all.singles.view()));
  CHECK(support::same_bytes(other.doubles.view(), all.doubles.view()));
  restore(device, small, read.run, path);
  // A state of another object is refused, and nothing is changed.
  other.integer = 1;
  CHECK_THROWS_AS(restore(device, other, read.run, path), DataError);
  CHECK(other.integer == 1);
  CHECK_THROWS_WITH_AS(
      restore(device, small, read.trainer, path),
      (path + ": state: the part 'step' is missing; it belongs to other settings or to another version "
              "of brink")
          .c_str(),
      DataError);
}

TEST_CASE("every truncation and every flipped bit of a checkpoint is refused (S4)") {
  test::TemporaryFolder t;
  const Folder folder(t.path());
  write_small(folder, 3);
  const std::string path = t / checkpoint_name(3), whole = read_text(path);
  REQUIRE(message_of(path).empty());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_text(path, std::string_view(whole).substr(0, length));
    REQUIRE(message_of(path).starts_with(path + ": expected a checkpoint"));
  }
  write_text(path, whole + '\0');
  CHECK(message_of(path).starts_with(path + ": "));
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_text(path, flipped);
    CAPTURE(bit);
    REQUIRE(message_of(path).starts_with(path + ": "));
  }
  write_text(path, whole);
  CHECK(message_of(path).empty());
}
