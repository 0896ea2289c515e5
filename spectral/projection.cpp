// SPDX-License-Identifier: MIT
#include "spectral/projection.h"

#include <algorithm>
#include <cmath>

#include "kernels/dense/symmetric_eigen.h"

namespace brink {

Projection::Projection(std::int64_t n, int max_basis) : dim(n) {
  const auto size = static_cast<std::size_t>(max_basis) + 1;
  for (std::vector<double>* v : {&alpha, &beta, &d, &e, &last}) v->resize(size);
  arrow.resize(size * size);
  active.resize(size);
  all.resize(size);
}

bool Projection::solve() {
  const int a = active_size();
  for (int i = 0; i < a; ++i) {
    d[static_cast<std::size_t>(i)] = alpha[static_cast<std::size_t>(locked + i)];
    e[static_cast<std::size_t>(i)] = beta[static_cast<std::size_t>(locked + i)];
    last[static_cast<std::size_t>(i)] = i == a - 1 ? 1 : 0;
  }
  if (!tridiagonal_eigen(a, d.data(), e.data(), last.data(), 1)) return false;
  const double coupling = a > 0 ? std::fabs(beta[static_cast<std::size_t>(m - 1)]) : 0;
  for (int i = 0; i < a; ++i) {
    const auto k = static_cast<std::size_t>(i);
    active[k] = {d[k], coupling * std::fabs(last[k]), i, false};
    all[k] = active[k];
  }
  for (int i = 0; i < locked; ++i)
    all[static_cast<std::size_t>(a + i)] = {alpha[static_cast<std::size_t>(i)], 0, i, true};
  std::sort(all.begin(), all.begin() + m, [](const Candidate& x, const Candidate& z) {
    return x.value != z.value ? x.value < z.value : x.locked != z.locked ? x.locked : x.index < z.index;
  });
  scale = m > 0 ? std::max(std::fabs(all[0].value), std::fabs(all[static_cast<std::size_t>(m - 1)].value)) : 0;
  return true;
}

bool Projection::bounds_hold(int top, int bottom, double tolerance) const {
  const double limit = tolerance * scale;
  if (m < std::min<std::int64_t>(dim, top + bottom)) return false;
  bool hold = true;
  for (int i = 0; i < std::min(top, m); ++i) hold = hold && from_top(i).bound <= limit;
  for (int i = 0; i < std::min(bottom, m); ++i) hold = hold && from_bottom(i).bound <= limit;
  if (locked > 0 && active_size() > 0) {  // after a breakdown the new block must have found its own ends
    if (top > 0) hold = hold && active[static_cast<std::size_t>(active_size() - 1)].bound <= limit;
    if (bottom > 0) hold = hold && active[0].bound <= limit;
  }
  return hold;
}

bool Projection::contributed(int top, int bottom, double tolerance) const {
  const double limit = tolerance * scale;
  if (locked < std::min<std::int64_t>(dim, top + bottom)) return true;
  const auto locked_at = [&](int rank) {  // index among all locked values, ascending
    for (int i = 0, seen = 0; i < m; ++i)
      if (all[static_cast<std::size_t>(i)].locked && seen++ == rank) return all[static_cast<std::size_t>(i)].value;
    return 0.0;
  };
  const int a = active_size();
  if (a > 0 && top > 0 && active[static_cast<std::size_t>(a - 1)].value > locked_at(locked - top) + limit) return true;
  return a > 0 && bottom > 0 && active[0].value < locked_at(bottom - 1) - limit;
}

void Projection::vectors_of_active() {
  const int a = active_size();
  double* z = arrow.data();
  for (int i = 0; i < a; ++i) {
    d[static_cast<std::size_t>(i)] = alpha[static_cast<std::size_t>(locked + i)];
    e[static_cast<std::size_t>(i)] = beta[static_cast<std::size_t>(locked + i)];
    for (int k = 0; k < a; ++k) z[i * a + k] = i == k ? 1 : 0;
  }
  (void)tridiagonal_eigen(a, d.data(), e.data(), z, a);  // cannot fail: solve() has just accepted this T
}

}  // namespace brink
