// SPDX-License-Identifier: MIT
// The results of `brink verify`: one row for each quantity of each case, errors as the reference's format defines them, and the
// closing line.
// Passed and failed count quantities, skipped counts cases; an error that is NaN never passes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace brink::verify {

struct Row {
  std::string of, quantity;
  double error = 0, tolerance = 0;  ///< tolerance 0: equal bit for bit, or as integers
  std::string note;
  bool passed() const { return error <= tolerance; }
};

struct Skipped {
  std::string of, reason;
};

class Table {
 public:
  void add(Row row) { rows_.push_back(std::move(row)); }
  void skip(std::string of, std::string reason) { skipped_.push_back({std::move(of), std::move(reason)}); }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<Skipped>& skipped() const { return skipped_; }
  std::int64_t failed() const;
  /// All rows, the skipped cases with their reasons, and the closing line "N passed, N failed, N skipped".
  std::string text() const;

 private:
  std::vector<Row> rows_;
  std::vector<Skipped> skipped_;
};

/// max|x|; NaN if any is NaN.
double largest(std::span<const double> x);
/// max|a − b| / scale; infinite if the sizes differ, NaN if any difference is NaN. With scale 0 any difference is infinite.
double error_of(std::span<const double> a, std::span<const double> b, double scale);
/// |a − b| / max|b| over the tensor.
inline double error_of(std::span<const double> a, std::span<const double> b) { return error_of(a, b, largest(b)); }
inline double error_of(double a, double b) { return error_of({&a, 1}, {&b, 1}); }

}  // namespace brink::verify
