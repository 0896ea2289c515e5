// SPDX-License-Identifier: MIT
// Batches of the rows that a list names, against the same rows written into arrays of their own beforehand.
#include "autodiff/batch/sources.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/support/minibatch.h"

using namespace brink;
using support::Minibatch;
using support::Network;

TEST_CASE("a pass over a list of rows has the bits of a pass over arrays of those rows") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Network n({.samples = 500, .dtype = dtype});
    const Minibatch first(n, 300, 3), second(n, 300, 4);
    const support::Bits expected = first.stored(), then = second.stored();
    REQUIRE(support::first_difference(expected, then) == "loss");  // control: another list is another batch
    for (const int threads : {1, 3})
      for (const std::int64_t chunk : {128, 256, 300})
        for (const bool made : {false, true})
          for (const std::int64_t budget : {0, 1}) {
            CAPTURE(threads);
            CAPTURE(chunk);
            CAPTURE(made);
            ThreadPool pool(threads);
            Device device{Where::cpu, &pool, nullptr};
            support::ListedPass pass(device, n, made, 300, {chunk, budget});
            CHECK(support::first_difference(pass.run(first.rows), expected) == "");
            CHECK(support::first_difference(pass.run(second.rows), then) == "");
            // Products are of the rows that were there when it was linearised.
            CHECK(support::first_difference(pass.run(first.rows, second.rows), expected) == "");
          }
  }
}

TEST_CASE("a list of all rows in order is no list") {
  const Network n({.samples = 500});
  std::vector<std::int32_t> all(500);
  std::iota(all.begin(), all.end(), 0);
  Device device;
  support::ListedPass pass(device, n, false, 500, {128, 0});
  const support::Bits listed = pass.run(all);
  CHECK(support::first_difference(listed, support::BatchPass(device, n, n.data(), {128, 0}).run()) == "");
  std::swap(all[3], all[4]);  // within one group, whose chain goes through the samples in order
  CHECK(support::first_difference(pass.run(all), listed) != "");
}

TEST_CASE("what a list of rows takes is counted before") {
  const Network n({.samples = 500});
  for (const bool made : {false, true}) {
    Device device;
    MemoryCount count = count_memory(device);
    Device counting = count.on(device);
    const support::ListedPass outline(counting, n, made, 300, {128, 0});
    const std::int64_t counted = count.counted_bytes(Where::cpu), before = allocated_bytes(device);
    const support::ListedPass pass(device, n, made, 300, {128, 0});
    CHECK(counted == allocated_bytes(device) - before);
    CHECK(counted > 0);
  }
}

TEST_CASE("a list is refused that is too long or names what is no row, and sources that do not fit together") {
  const Network n({.samples = 40});
  Device device;
  RowList list(device, 3, 40);
  const auto set = [&](std::vector<std::int32_t> rows) { list.set(device, rows); };
  set({39, 0, 39});
  CHECK_THROWS_WITH_AS(set({1, 40, 2}), "index 1 of a list of rows is 40: expected 0 to 39", std::invalid_argument);
  CHECK_THROWS_WITH_AS(set({1, 2, -1}), "index 2 of a list of rows is -1: expected 0 to 39", std::invalid_argument);
  CHECK_THROWS_WITH_AS(set({1, 2}), "2 indices for a list of rows of length 3: expected the same number",
                       std::invalid_argument);
  CHECK(list.on_device().span<std::int32_t>()[0] == 39);  // as it was
  CHECK_THROWS_WITH_AS(RowList(device, 0, 40),
                       "a list of 0 indices into 40 rows: expected at least one index and one row",
                       std::invalid_argument);
  const Batch batch = n.data();
  CHECK(batch.chosen_by(list).samples() == 3);
  CHECK_THROWS_WITH_AS(batch.chosen_by(list).chosen_by(list),
                       "a list already chooses the rows of this source: expected a source without one",
                       std::invalid_argument);
  const RowList other(device, 3, 41);
  CHECK_THROWS_WITH_AS(batch.chosen_by(other), "a list of indices into 41 rows: expected as many as the source has, 40",
                       std::invalid_argument);
  const Network longer({.samples = 41});
  CHECK_THROWS_WITH_AS((Batch{n.x.view(), longer.labels.view()}),
                       "the sources of a batch have 40 and 41 samples: expected the same number",
                       std::invalid_argument);
}
