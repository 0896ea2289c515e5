// SPDX-License-Identifier: MIT
#include "tools/verify/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace brink::verify {

double largest(std::span<const double> x) {
  double most = 0;
  for (const double v : x) {
    if (v != v) return v;
    most = std::max(most, std::fabs(v));
  }
  return most;
}

double error_of(std::span<const double> a, std::span<const double> b, double scale) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return infinity;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    if (difference != difference) return difference;
    most = std::max(most, difference);
  }
  if (most == 0) return scale == scale ? 0 : scale;
  return scale == 0 ? infinity : most / scale;
}

std::int64_t Table::failed() const {
  return std::ranges::count_if(rows_, [](const Row& r) { return !r.passed(); });
}

std::string Table::text() const {
  std::size_t of = 4, quantity = 8;
  for (const Row& r : rows_) {
    of = std::max(of, r.of.size());
    quantity = std::max(quantity, r.quantity.size());
  }
  std::string out;
  const auto line = [&](std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  if (!rows_.empty())
    line(fmt::format("{:<{}}  {:<{}}  {:>11}  {:>9}  {:<7}  {}", "case", of, "quantity", quantity, "worst error",
                     "tolerance", "verdict", "note"));
  for (const Row& r : rows_) {
    const std::string tolerance = r.tolerance > 0 ? fmt::format("{:.0e}", r.tolerance) : "equal";
    line(fmt::format("{:<{}}  {:<{}}  {:>11.2e}  {:>9}  {:<7}  {}", r.of, of, r.quantity, quantity, r.error, tolerance,
                     r.passed() ? "passed" : "FAILED", r.note));
  }
  for (const Skipped& s : skipped_) line(fmt::format("skipped {}: {}", s.of, s.reason));
  const auto failed_rows = failed();
  line("(passed and failed count quantities, skipped counts cases)");
  line(fmt::format("{} passed, {} failed, {} skipped", static_cast<std::int64_t>(rows_.size()) - failed_rows,
                   failed_rows, skipped_.size()));
  return out;
}

}  // namespace brink::verify
