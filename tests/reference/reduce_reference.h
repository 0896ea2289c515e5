// SPDX-License-Identifier: MIT
// Sum, dot and norm (ARCHITECTURE.md, "sum, dot, norm") and the basis sweeps in plain loops, written from the contract's text
// and sharing nothing with kernels/.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/reference/reference.h"

namespace brink::reference {

/// lane_step(lane, e) is applied to elements l, l+32, … of each tile of 4096.
template <class X, class Step>
X tiled(std::size_t n, const Step& step) {
  std::vector<X> tiles;
  for (std::size_t start = 0; start < n; start += 4096) {
    X lane[32];
    for (std::size_t l = 0; l < 32; ++l) {
      lane[l] = 0;
      for (std::size_t e = start + l; e < n && e < start + 4096; e += 32) lane[l] = step(lane[l], e);
    }
    for (std::size_t half : {16, 8, 4, 2, 1})
      for (std::size_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
    tiles.push_back(lane[0]);
  }
  return tiles.empty() ? X{0} : tree<X>(tiles);
}

template <class T>
double sum(const std::vector<T>& x) {
  return tiled<T>(x.size(), [&](T lane, std::size_t e) { return lane + x[e]; });
}

template <class T>
double dot(const std::vector<T>& a, const std::vector<T>& b) {
  return tiled<double>(a.size(), [&](double lane, std::size_t e) {
    return std::fma(static_cast<double>(a[e]), static_cast<double>(b[e]), lane);
  });
}

template <class T>
void subtract(const std::vector<std::vector<T>>& q, const std::vector<double>& c, std::vector<T>& w) {
  for (std::size_t e = 0; e < w.size(); ++e) {
    double acc = w[e];
    for (std::size_t i = 0; i < q.size(); ++i) acc = std::fma(-c[i], static_cast<double>(q[i][e]), acc);
    w[e] = static_cast<T>(acc);
  }
}

template <class T>
std::vector<std::vector<T>> combine(const std::vector<std::vector<T>>& q, const std::vector<double>& s,
                                    std::size_t outputs) {
  const std::size_t n = q.at(0).size();
  std::vector<std::vector<T>> y(outputs, std::vector<T>(n));
  for (std::size_t j = 0; j < outputs; ++j)
    for (std::size_t e = 0; e < n; ++e) {
      double acc = 0;
      for (std::size_t i = 0; i < q.size(); ++i) acc = std::fma(s[i * outputs + j], static_cast<double>(q[i][e]), acc);
      y[j][e] = static_cast<T>(acc);
    }
  return y;
}

}  // namespace brink::reference
