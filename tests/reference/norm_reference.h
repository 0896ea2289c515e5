// SPDX-License-Identifier: MIT
// Ghost-group sums and pooling in plain loops, written from the contracts' text (kernels/norm, kernels/pool) and sharing
// nothing with kernels/.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/reference/reference.h"

namespace brink::reference {

/// One value a row.
using Term = std::function<double(int64_t row, double chain)>;

/// The rows of each group: samples of `pixels` rows.
struct GroupRows {
  int64_t first_sample, samples, pixels;
};
inline std::vector<GroupRows> groups_of(const Shape& x, int64_t group) {
  std::vector<GroupRows> out;
  const int64_t pixels = x.elements() / x[0] / x[x.rank - 1];
  for (int64_t s = 0; s < x[0]; s += group) out.push_back({s, std::min(group, x[0] - s), pixels});
  return out;
}

/// The panels of a group as lists of rows: whole samples while they fit in 256 rows, else 256 consecutive rows of one sample.
inline std::vector<std::vector<int64_t>> panels_of(const GroupRows& g) {
  std::vector<std::vector<int64_t>> out;
  for (int64_t s = 0; s < g.samples; ++s)
    for (int64_t p = 0; p < g.pixels; ++p) {
      const bool whole_samples = g.pixels < 256;
      const bool starts = whole_samples ? p == 0 && s % (256 / g.pixels) == 0 : p % 256 == 0;
      if (starts) out.emplace_back();
      out.back().push_back((g.first_sample + s) * g.pixels + p);
    }
  return out;
}

/// Σ over a group: step(row, chain) in each of `passes` passes over each panel, panels joined by the tree.
inline double group_total(const GroupRows& g, int passes,
                          const std::function<double(int pass, int64_t row, double chain)>& step) {
  std::vector<double> leaves;
  for (const auto& panel : panels_of(g)) {
    double chain = 0;
    for (int pass = 0; pass < passes; ++pass)
      for (const int64_t row : panel) chain = step(pass, row, chain);
    leaves.push_back(chain);
  }
  return tree<double>(leaves);
}

/// Windows of a picture, and for each the element of x, [S,H,W,C], that is its maximum.
struct Pooled {
  int64_t p, q, element;
};
template <class T>
std::vector<Pooled> argmaxima(const View& x, int64_t sample, int64_t channel, int64_t window, int64_t stride) {
  std::vector<Pooled> out;
  const auto at = [&](int64_t h, int64_t w) {
    return ((sample * x.shape[1] + h) * x.shape[2] + w) * x.shape[3] + channel;
  };
  for (int64_t p = 0; p * stride + window <= x.shape[1]; ++p)
    for (int64_t q = 0; q * stride + window <= x.shape[2]; ++q) {
      int64_t best = at(p * stride, q * stride);
      for (int64_t h = p * stride; h < p * stride + window; ++h)
        for (int64_t w = q * stride; w < q * stride + window; ++w) {
          const T v = x.as<T>()[at(h, w)], m = x.as<T>()[best];
          if (v > m || v != v) best = at(h, w);
        }
      out.push_back({p, q, best});
    }
  return out;
}

}  // namespace brink::reference
