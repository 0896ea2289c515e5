// SPDX-License-Identifier: MIT
#include "tools/walk/branches.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/map/functors.h"

namespace brink::walk {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
/// Bounds the rounding of one step: h to a few units in the last place, and the sum.
constexpr double unit = 0x1p-49;

/// h and bounds of its derivative.
class Steps {
 public:
  explicit Steps(const StepSize& h) : h_(h) {}
  double size(double x) const { return h_.floor + h_.height * Logistic{}(h_.slope * x); }
  double slope(double x) const {
    const double p = Logistic{}(h_.slope * x), q = Logistic{}(-h_.slope * x);
    return h_.height * h_.slope * p * q;
  }
  /// The largest |h′|, which is at 0 and falls on both sides.
  double steepest(double from, double to) const { return std::fabs(slope(std::clamp(0.0, from, to))); }
  /// The smallest h′ of an h that does not fall.
  double flattest(double from, double to) const { return std::min(slope(from), slope(to)); }

 private:
  StepSize h_;
};

class Follower {
 public:
  Follower(const StepSize& h, double start, int length) : steps_(h), start_(start) {
    rows_.resize(static_cast<std::size_t>(length) + 1);
    ends_.resize(rows_.size());
    for (std::size_t l = 0; l < rows_.size(); ++l) {
      Branches& row = rows_[l];
      row.length = static_cast<int>(l);
      row.start = row.lowest = row.highest = start;
      row.zero_sum.highest = row.negative_sum.highest = -infinity;
      if (l % 2 == 0) ends_[l].reserve(std::size_t{1} << l);
    }
  }

  std::vector<Branches> rows() {
    follow(0, 0, start_, 0);
    for (std::size_t l = 1; l < rows_.size(); ++l) {
      rows_[l].lowest = std::min(rows_[l].lowest, rows_[l - 1].lowest);
      rows_[l].highest = std::max(rows_[l].highest, rows_[l - 1].highest);
      envelope(rows_[l], ends_[l]);
    }
    return {rows_.begin() + 1, rows_.end()};
  }

 private:
  /// `error` bounds the distance of x from the state that exact arithmetic would give.
  void follow(std::size_t l, int sum, double x, double error) {
    record(l, sum, x, error);
    if (l + 1 == rows_.size()) return;
    const double h = steps_.size(x);
    // The first factor covers the rounding of this bound itself.
    const double next = 1.0000001 * error * (1 + steps_.steepest(x - error, x + error)) + unit * (std::fabs(x) + h);
    follow(l + 1, sum + 1, x + h, next);
    follow(l + 1, sum - 1, x - h, next);
  }

  void record(std::size_t l, int sum, double x, double error) {
    Branches& row = rows_[l];
    row.lowest = std::min(row.lowest, x);
    row.highest = std::max(row.highest, x);
    row.rounding = std::max(row.rounding, error);
    const double end = x - start_;
    const bool below = end<-error, above = end> error;
    row.below += below;
    row.undecided += !below && !above;
    if (l % 2 == 0) ends_[l].push_back(end);
    if (sum > 0) return;
    Ends& of = sum == 0 ? row.zero_sum : row.negative_sum;
    ++of.sequences;
    of.below += below;
    of.above += above;
    of.undecided += !below && !above;
    of.highest = std::max(of.highest, end);
  }

  void envelope(Branches& row, std::vector<double>& ends) const {
    row.drop = row.median = row.pathwise = std::numeric_limits<double>::quiet_NaN();
    if (row.length % 2 != 0) return;
    row.drop = steps_.size(row.lowest) * steps_.flattest(row.lowest, row.highest);
    const auto middle = ends.begin() + static_cast<std::ptrdiff_t>(ends.size() / 2) - 1;
    std::ranges::nth_element(ends, middle);
    row.median = *middle;
    row.pathwise = std::max(row.zero_sum.highest, row.negative_sum.highest) + row.drop * 0.5 * row.length;
  }

  Steps steps_;
  double start_;
  std::vector<Branches> rows_;
  std::vector<std::vector<double>> ends_;  ///< of all sequences, for even lengths
};

}  // namespace

std::vector<Branches> follow_branches(const StepSize& h, double start, int length) {
  if (length < 1 || length > longest_sequence)
    throw std::invalid_argument("[walk] expected a length from 1 to " + std::to_string(longest_sequence) + ", got " +
                                std::to_string(length));
  if (!is_step_size(h) || !std::isfinite(start))
    throw std::invalid_argument("[walk] expected a finite start, and a step size with finite floor, height and slope");
  return Follower(h, start, length).rows();
}

}  // namespace brink::walk
