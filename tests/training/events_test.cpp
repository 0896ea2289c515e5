// SPDX-License-Identifier: MIT
#include "training/events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

using namespace brink;

namespace {

/// '+' positive, '-' non-positive.
std::vector<double> record(std::string_view signs) {
  std::vector<double> out;
  for (const char c : signs) out.push_back(c == '+' ? 1.0 : -1.0);
  return out;
}

struct Span {
  std::int64_t entry, resolution;
  bool is_long, open;
};

void check(std::string_view signs, std::int64_t gap, std::int64_t minimum, std::vector<Span> expected) {
  CAPTURE(signs);
  const auto found = find_events(record(signs), gap, minimum);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].entry == expected[i].entry);
    CHECK(found[i].resolution == expected[i].resolution);
    CHECK(found[i].is_long == expected[i].is_long);
    CHECK(found[i].open == expected[i].open);
  }
}

}  // namespace

TEST_CASE("instabilities by hand") {
  check("", 2, 8, {});
  check("-----", 2, 8, {});
  check("-+---", 2, 8, {{1, 2, false, false}});
  check("-+--", 2, 8, {{1, 2, false, true}});                              // the third non-positive step would close it
  check("-+--+---", 2, 8, {{1, 5, false, false}});                         // two between: one instability
  check("-+---+---", 2, 8, {{1, 2, false, false}, {5, 6, false, false}});  // three between: two
  check("+-+-+-+----", 2, 7, {{0, 7, true, false}});  // chatter of the period-2 cycle, from the first row on
  check("+-+-+-+----", 2, 8, {{0, 7, false, false}});
  check("+-+-", 0, 1, {{0, 1, true, false}, {2, 3, true, false}});  // nothing merges
  check("--++++++++", 2, 8, {{2, 10, true, true}});
  check("+", 2, 1, {{0, 1, true, true}});
}

TEST_CASE("crossings and the peak") {
  const std::vector<double> s = {-1, 0.5, -0.1, 0.75, 0.75, 0, -1, -1, 0.1};
  const auto found = find_events(s, 2, 4);
  REQUIRE(found.size() == 2);
  CHECK(found[0].crossings == std::vector<std::int64_t>{1, 3});
  CHECK(found[0].peak_step == 3);
  CHECK(found[0].peak_surplus == 0.75);
  CHECK(found[1].crossings == std::vector<std::int64_t>{8});
  CHECK(events_row(found[0]) == "1,5,4,1,0,3,0.75,2,1 3\n");
  CHECK(events_row(found[1]) == "8,9,1,0,1,8,0.1,1,8\n");
}

TEST_CASE("an instability is reported when it is recognised, not before") {
  EventFinder finder(2, 1);
  CHECK(!finder.push(0, 1));
  CHECK(finder.inside());
  CHECK(!finder.push(1, -1));
  CHECK(!finder.push(2, 0));  // zero is not positive
  const auto over = finder.push(3, std::numeric_limits<double>::quiet_NaN());
  REQUIRE(over);
  CHECK(over->resolution == 1);
  CHECK(!finder.inside());
  CHECK(!finder.finish());
  CHECK(finder.crossings() == 1);
}

TEST_CASE("an unmeasured step counts as the measured one before it") {
  // Every 5th step: positive at 5 and 10, so 5 … 14 are; 15 … 19 are not.
  EventFinder finder(2, 8);
  CHECK(!finder.push(0, -1));
  CHECK(!finder.push(5, 1));
  CHECK(!finder.push(10, 2));
  CHECK(!finder.push(15, -1));
  const auto over = finder.push(20, 3);
  REQUIRE(over);
  CHECK(over->entry == 5);
  CHECK(over->resolution == 15);
  CHECK(over->peak_step == 10);
  CHECK(over->crossings == std::vector<std::int64_t>{5});
  const auto last = finder.finish();
  REQUIRE(last);
  CHECK(last->entry == 20);
  CHECK(last->crossings == std::vector<std::int64_t>{20});
}

TEST_CASE("every record of 12 steps agrees with the definition") {
  for (int gap = 0; gap <= 3; ++gap) {
    for (unsigned bits = 0; bits < 4096; ++bits) {
      std::vector<double> s(12);
      for (unsigned i = 0; i < 12; ++i) s[i] = (bits >> i & 1) ? 1 : -1;
      // By definition: two positive steps belong together if at most `gap` steps lie between neighbours.
      std::vector<std::pair<std::int64_t, std::int64_t>> expected;
      for (std::int64_t t = 0; t < 12; ++t) {
        if (s[static_cast<std::size_t>(t)] <= 0) continue;
        if (!expected.empty() && t - expected.back().second <= gap)
          expected.back().second = t + 1;
        else
          expected.emplace_back(t, t + 1);
      }
      const auto found = find_events(s, gap, 1);
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        REQUIRE(found[i].entry == expected[i].first);
        REQUIRE(found[i].resolution == expected[i].second);
        REQUIRE(found[i].open == (i + 1 == found.size() && 12 - found[i].resolution <= gap));
      }
    }
  }
}

TEST_CASE("an instability counts the measurements that are not certified, and is the same with them") {
  const std::vector<double> surplus{-1, 1, 2, -1, 1, -1, -1, -1};
  const auto found = [&](std::vector<std::int64_t> uncertified) {
    EventFinder finder(1, 1);
    for (std::int64_t t = 0; t < std::ssize(surplus); ++t)
      if (auto over = finder.push(t, surplus[static_cast<std::size_t>(t)], std::ranges::count(uncertified, t) == 0))
        return *over;
    return Instability{};
  };
  CHECK(found({}).uncertified == 0);
  CHECK(found({0, 7}).uncertified == 0);        // before it, and after it was over
  CHECK(found({1, 3, 5, 6}).uncertified == 4);  // its steps, the gap, and the steps that showed it to be over
  Instability other = found({1, 3, 5, 6});
  other.uncertified = 0;
  CHECK(other == found({}));
  // Steps that were not measured are not counted.
  EventFinder sparse(2, 1);
  sparse.push(0, 1, false);
  const auto over = sparse.push(10, -1, false) ? std::nullopt : sparse.push(20, -1, false);
  REQUIRE(over);
  CHECK(over->uncertified == 2);
}
