// SPDX-License-Identifier: MIT
#include "training/branches.h"

#include <algorithm>
#include <cmath>

#include "kernels/basis/basis.h"

namespace brink {

namespace {
constexpr double least_overlap = 0.70710678118654752;  // 1/√2: no two predecessors can both have more
}

void match_by_overlap(const std::vector<double>& overlaps, int fresh, int old, double least, std::vector<int>& out) {
  std::fill(out.begin(), out.begin() + fresh, -1);
  for (;;) {
    double largest = least;
    int from = -1, to = -1;
    for (int i = 0; i < fresh; ++i) {
      if (out[static_cast<std::size_t>(i)] >= 0) continue;
      for (int j = 0; j < old; ++j) {
        const double x = overlaps[static_cast<std::size_t>(i * old + j)];
        if (x > largest && std::find(out.begin(), out.begin() + fresh, j) == out.begin() + fresh)
          largest = x, from = i, to = j;
      }
    }
    if (from < 0) return;
    out[static_cast<std::size_t>(from)] = to;
  }
}

Branches::Branches(Device& device, std::int64_t dim, int most) : device_(device) {
  const auto size = static_cast<std::size_t>(most);
  ids_.reserve(size);
  before_.reserve(size);
  overlaps_.resize(size * size);
  matched_.resize(size);
  scratch_ = Buffer(project_scratch(dim, most) * static_cast<std::int64_t>(sizeof(double)), device.host());
}

const std::vector<std::int64_t>& Branches::follow(View vectors, View older, int count, std::int64_t step) {
  abandon(step);
  before_ = ids_;
  next_before_ = next_;
  step_ = step;
  const int old = static_cast<int>(before_.size());
  const std::int64_t dim = vectors.shape[1];
  const ColumnSet fresh_columns{vectors.data, dim, dim, count, vectors.dtype};
  const ColumnSet old_columns{older.data, dim, dim, old, older.dtype};
  for (int i = 0; i < count && old > 0; ++i) {
    double* row = overlaps_.data() + static_cast<std::ptrdiff_t>(i) * old;
    brink::project(device_, old_columns, fresh_columns.column(i), row, scratch_.span<double>().data());
    for (int j = 0; j < old; ++j) row[j] = std::fabs(row[j]);
  }
  match_by_overlap(overlaps_, count, old, least_overlap, matched_);
  ids_.clear();
  for (int i = 0; i < count; ++i) {
    const int from = matched_[static_cast<std::size_t>(i)];
    ids_.push_back(from >= 0 ? before_[static_cast<std::size_t>(from)] : next_++);
  }
  return ids_;
}

void Branches::abandon(std::int64_t step) {
  if (step != step_) return;
  ids_ = before_;
  next_ = next_before_;
  step_ = -1;
}

void Branches::visit(StateVisitor& v) {
  v.list("ids", ids_);
  v.number("next", next_);
  if (v.reads()) {
    before_ = ids_;
    next_before_ = next_;
    step_ = -1;
  }
}

}  // namespace brink
