// SPDX-License-Identifier: MIT
// What the tests of all kinds share: the names of a list and of its rows, and the names that either lacks.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kinds {

/// Names of one without a partner in the other.
std::vector<std::string> without_partner(const auto& list, const auto& other) {
  std::vector<std::string> out;
  for (const auto& x : list)
    if (std::ranges::none_of(other, [&](const auto& y) { return std::string_view(y.name) == x.name; }))
      out.emplace_back(x.name);
  return out;
}

/// Fails by name where a kind of the list has no row, or a row has no kind. where: the file of the rows. As a control it leaves out the
/// rows of the last name and expects that to be named.
void expect_a_row_each(const auto& list, const auto& rows, const std::string& what, const std::string& where) {
  for (const std::string& name : without_partner(list, rows))
    FAIL_CHECK("the " << what << " '" << name << "' has no row: add one to " << where);
  for (const std::string& name : without_partner(rows, list))
    FAIL_CHECK("the row '" << name << "' of " << where << " is of no " << what << " in the list");
  REQUIRE(!std::empty(rows));
  const std::span all(rows);
  std::vector rest(all.begin(), all.end());
  std::erase_if(rest, [&](const auto& row) { return row.name == all.back().name; });
  for (const std::string& name : without_partner(rows, rest)) CHECK(name == all.back().name);
  CHECK(!without_partner(rows, rest).empty());
}

/// The row of that name; the test fails if there is none.
const auto& row_of(const auto& rows, std::string_view name) {
  const auto found = std::ranges::find_if(rows, [&](const auto& r) { return r.name == name; });
  REQUIRE_MESSAGE(found != std::ranges::end(rows), "no row is called '" << name << "'");
  return *found;
}

}  // namespace kinds
