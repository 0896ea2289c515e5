// SPDX-License-Identifier: MIT
// Checkpoints as files: exact, verified, kept and removed (S1, S3, S4, S6 and S8 of docs/promises.md).
#include "training/run/checkpoint.h"

#include <doctest/doctest.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
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

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path)) out.insert(entry.path().filename().string());
  return out;
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

namespace {

/// The bytes of a checkpoint with the hash that belongs to them.
std::string hashed(std::string bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size() - 16);
  std::memcpy(bytes.data() + bytes.size() - 16, &hash.low64, 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &hash.high64, 8);
  return bytes;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a checkpoint of a newer format says who made it and what reads it, also if only its end is known") {
  test::TemporaryFolder t;
  write_small(Folder(t.path()), 3);
  const std::string path = t / checkpoint_name(3), version(build_info().version);
  std::string newer = read_text(path);
  newer[newer.size() - 56 + 8] = 7;
  const std::string later(version.size(), '9');
  write_text(path, hashed(replaced(newer, "\"version\":\"" + version, "\"version\":\"" + later)));
  CHECK(message_of(path) == path + ": a newer version: a checkpoint of format 7, made by brink " + later + "; brink " +
                                version + " reads up to format 1; use brink " + later + " or a newer one");
  CHECK_THROWS_AS(verify_checkpoint(path), NewerCheckpoint);
  CHECK_THROWS_AS(read_checkpoint(path), NewerCheckpoint);
  // Of another kind of file before the footer.
  write_text(path, hashed(std::string(100, 'x') + newer.substr(newer.size() - 56)));
  CHECK(message_of(path) == path + ": a newer version: a checkpoint of format 7, made by a newer brink; brink " +
                                version + " reads up to format 1; use the brink that made it");
  // Control: with another hash it is damaged, whatever the format.
  write_text(path, newer);
  CHECK(message_of(path).starts_with(path + ": damaged checkpoint: "));
}

TEST_CASE("a checkpoint whose hash is right and whose content is not is refused") {
  test::TemporaryFolder t;
  write_small(Folder(t.path()), 3);
  const std::string path = t / checkpoint_name(3), whole = read_text(path);
  const auto refusal = [&](const std::string& bytes) -> std::string {
    write_text(path, hashed(bytes));
    try {
      (void)read_checkpoint(path);
    } catch (const DataError& e) { return std::string(e.what()).substr(path.size() + 2); }
    return "accepted";
  };
  CHECK(refusal(whole) == "accepted");
  std::string bytes = whole;
  bytes[bytes.size() - 56 + 23] = '\x80';  // the step is negative
  CHECK(refusal(bytes).starts_with("expected a step of at least 0"));
  bytes = whole;
  bytes[bytes.size() - 56 + 24] = 'g';  // the config hash
  CHECK(refusal(bytes).starts_with("expected a step of at least 0 and a config hash"));
  CHECK(refusal(replaced(whole, "\"format\":\"1\"", "\"format\":\"0\"")) ==
        "expected the format 1 of the footer, found \"0\"");
  CHECK(refusal(replaced(whole, "\"format\":\"1\"", "\"format\":\"2\""))
            .starts_with("a newer version: a checkpoint of format 2"));
  CHECK(refusal(replaced(whole, "\"footer\"", "\"Footer\"")).starts_with("expected a tensor footer of 56 bytes"));
  CHECK(
      refusal(replaced(whole, "\"trainer/theta\"", "\"trainer_theta\"")).starts_with("expected parts of the trainer"));
}

TEST_CASE("formats: a newer one is refused by name, stored files of each older one load (S8)") {
  test::TemporaryFolder t;
  write_small(Folder(t.path()), 3);
  const std::string path = t / checkpoint_name(3);
  std::string bytes = read_text(path);
  // The footer: mark, format, step, config hash, hash of all before it.
  const std::size_t footer = bytes.size() - 56;
  const std::string version(build_info().version);
  for (const std::int64_t format : {checkpoint_format + 1, std::int64_t{0}}) {
    bytes[footer + 8] = static_cast<char>(format);
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size() - 16);
    std::memcpy(bytes.data() + bytes.size() - 16, &hash.low64, 8);
    std::memcpy(bytes.data() + bytes.size() - 8, &hash.high64, 8);
    write_text(path, bytes);
    if (format == 0) {
      CHECK(message_of(path) == path + ": expected a checkpoint of format 1 to 1, found format 0");
      continue;
    }
    CHECK(message_of(path) == path + ": a newer version: a checkpoint of format 2, made by brink " + version + "; brink " + version +
                                  " reads up to format 1; use brink " + version + " or a newer one");
    CHECK_THROWS_AS(verify_checkpoint(path), NewerCheckpoint);
    std::filesystem::create_directories(t / "run/checkpoints");
    std::filesystem::copy(path, (t / "run/checkpoints/") + checkpoint_name(3));
    CHECK_THROWS_AS(list_checkpoints(t / "run"), NewerCheckpoint);
  }
  const char* const root = std::getenv("BRINK_SOURCE_ROOT");
  const std::string stored = std::string(root ? root : ".") + "/tests/training/checkpoints/format-1.safetensors";
  const Checkpoint one = read_checkpoint(stored);
  CHECK(one.step == 3);
  Device device;
  Small small;
  small.step = 0;
  restore(device, small, one.trainer, stored);
  CHECK(small.step == 3);
}

TEST_CASE("retention: the last two good checkpoints and the named ones remain, and nothing of others is removed (S6)") {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    test::TemporaryFolder t;
    const Folder run(t.path());
    const Folder folder = run.inside(checkpoint_folder);
    std::set<std::int64_t> named;
    for (int i = 0; i < 3; ++i) named.insert(random() % 30);
    Device device;
    Small small;
    Nothing nothing;
    // Others' files: of another run, under a wrong name, damaged, and of other kinds.
    std::set<std::string> others{"notes", "step-3.safetensors", checkpoint_name(2) + ".copy", checkpoint_name(1)};
    for (const std::string& name : others) write_text(folder.path_of(name), "mine");
    write_checkpoint(folder, device, small, nothing, 4, "ffffffffffffffff");
    others.insert(checkpoint_name(4));
    write_checkpoint(folder, device, small, nothing, 7, some_hash);
    std::filesystem::rename(folder.path_of(checkpoint_name(7)), folder.path_of(checkpoint_name(5)));
    others.insert(checkpoint_name(5));

    const CheckpointStore store(run, some_hash, {named.begin(), named.end()});
    std::set<std::int64_t> good, written;
    std::set<std::string> damaged;
    for (std::int64_t step = 6; step < 30; step += 1 + random() % 3) {
      if (!good.empty() && random() % 5 == 0) {  // the newest one is damaged meanwhile
        const std::string name = checkpoint_name(*good.rbegin());
        std::string bytes = read_text(folder.path_of(name));
        bytes[random() % bytes.size()] ^= 4;
        write_text(folder.path_of(name), bytes);
        damaged.insert(name);
        good.erase(*good.rbegin());
      }
      small.step = step;
      store.write(device, small, nothing, step);
      good.insert(step);
      written.insert(step);
      const std::set<std::string> names = names_in(folder.path());
      for (const std::string& name : others) REQUIRE(names.contains(name));
      for (const std::string& name : damaged) REQUIRE(names.contains(name));
      std::set<std::string> expected = others;
      expected.insert(damaged.begin(), damaged.end());
      std::int64_t kept = 0;
      for (auto it = good.rbegin(); it != good.rend(); ++it) {
        if (kept++ < 2 || named.contains(*it))
          expected.insert(checkpoint_name(*it));
        else
          REQUIRE(!names.contains(checkpoint_name(*it)));
      }
      REQUIRE(names == expected);
      for (auto it = good.begin(); it != good.end();)
        it = names.contains(checkpoint_name(*it)) ? std::next(it) : good.erase(it);
    }
    CHECK(written.size() > 5);
  }
}

TEST_CASE("a fault at any call while a checkpoint is written leaves the earlier ones and no temporary (S3)") {
  for (const auto& [error, short_write] : {std::pair(ENOSPC, false), {ENOSPC, true}, {EIO, false}}) {
    for (int at = 0;; ++at) {
      CAPTURE(at);
      test::TemporaryFolder t;
      {
        const Folder run(t.path());
        write_small(run.inside(checkpoint_folder), 1);
        write_small(run.inside(checkpoint_folder), 2);
      }
      test::FaultySystem system(at, error, short_write);
      bool failed = false;
      try {
        const Folder run(t.path(), system);
        Device device;
        Small small;
        Nothing nothing;
        CheckpointStore(run, some_hash).write(device, small, nothing, 3);
      } catch (const IoError& e) {
        failed = true;
        CHECK(std::string(e.what()).starts_with(t.path()));
      }
      // A failed sync is not tried again on the same file.
      if (failed && at < system.calls() && system.log[static_cast<std::size_t>(at)] == "fsync")
        CHECK(std::ranges::count(system.log, "fsync") ==
              std::ranges::count(system.log.begin(), system.log.begin() + at + 1, "fsync"));
      const CheckpointList list = list_checkpoints(t.path());
      CHECK(list.bad.empty());
      REQUIRE(list.good.size() >= 2);
      for (const std::string& name : names_in(t / checkpoint_folder)) CHECK(checkpoint_step(name));
      if (!failed) CHECK(list.good.back().step == 3);
      if (at >= system.calls()) break;
    }
  }
}

TEST_CASE("what a killed process had begun to write is removed, and nothing else") {
  test::TemporaryFolder t;
  const Folder run(t.path());
  const Folder folder = run.inside(checkpoint_folder);
  const std::string dead = std::to_string(test::dead_process()), own = std::to_string(getpid());
  for (const std::string& name : {checkpoint_name(1) + ".tmp." + dead, checkpoint_name(2) + ".tmp." + own,
                                  checkpoint_name(3) + ".tmp.1", "notes.tmp." + dead})
    write_text(folder.path_of(name), "torn");
  CheckpointStore(run, some_hash).remove_stale_temporaries();
  CHECK(names_in(folder.path()) == std::set<std::string>{checkpoint_name(3) + ".tmp.1", "notes.tmp." + dead});
}
