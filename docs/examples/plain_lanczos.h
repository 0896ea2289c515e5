// SPDX-License-Identifier: MIT
// Lanczos in its shortest form, float64, without restarts: for reading, for docs/certificates.md, and for the tests, which must reject one of its
// two ways to take the off-diagonals of T. spectral/ has what runs use.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "kernels/dense/symmetric_eigen.h"
#include "spectral/linear_operator.h"

namespace brink::lesson {

/// β_j is the norm of w before w is normalised. Afterwards the norm is 1, so T has ones beside its diagonal: a mistake that is easily made.
enum class Beta { before_normalising, after_normalising };

/// An approximate eigenvalue θ = largest eigenvalue of T, with y = Qs.
struct Top {
  double value = 0;
  double claimed = 0;   ///< |β_m s_m|, the error as T has it
  double residual = 0;  ///< ‖Ay − θy‖, from the operator's own products
};

class PlainLanczos {
 public:
  /// m products, fewer if the space is exhausted. start: not zero.
  PlainLanczos(const LinearOperator& a, std::vector<double> start, int m) {
    scale(start, 1 / norm(start));
    for (int j = 0; j < m; ++j) {
      q_.push_back(start);
      std::vector<double> w(start.size());
      const auto n = static_cast<std::int64_t>(w.size());
      a.apply(view_of(q_.back().data(), {n}), view_of(w.data(), {n}));
      aq_.push_back(w);
      alpha_.push_back(dot(q_.back(), w));
      for (int sweep = 0; sweep < 2; ++sweep)  // twice is enough
        for (const std::vector<double>& u : q_) add(w, -dot(u, w), u);
      const double size = norm(w);
      before_.push_back(size);
      if (!(size > 1e-14 * std::fabs(alpha_[0]))) break;
      scale(w, 1 / size);
      after_.push_back(norm(w));
      start = w;
    }
    after_.resize(before_.size(), 0);
  }

  /// The eigenvalues of T, ascending.
  std::vector<double> values(Beta which) const {
    std::vector<double> d = alpha_, e = beta(which);
    if (!tridiagonal_eigen(size(), d.data(), e.data(), nullptr, 0)) throw std::domain_error("T is not finite");
    return d;
  }

  Top top(Beta which) const {
    const auto m = alpha_.size();
    std::vector<double> d = alpha_, e = beta(which), s(m * m, 0.0);
    for (std::size_t i = 0; i < m; ++i) s[i * m + i] = 1;
    if (!tridiagonal_eigen(size(), d.data(), e.data(), s.data(), size())) throw std::domain_error("T is not finite");
    const std::span<const double> last = std::span(s).subspan((m - 1) * m, m);  // the eigenvector of the largest one
    std::vector<double> r(q_[0].size(), 0.0);
    for (std::size_t j = 0; j < m; ++j) {
      add(r, last[j], aq_[j]);
      add(r, -d.back() * last[j], q_[j]);
    }
    return {d.back(), std::fabs(beta(which).back() * last[m - 1]), norm(r)};
  }

 private:
  static double dot(const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  }
  static double norm(const std::vector<double>& x) { return std::sqrt(dot(x, x)); }
  static void scale(std::vector<double>& x, double factor) {
    for (double& e : x) e *= factor;
  }
  static void add(std::vector<double>& to, double factor, const std::vector<double>& x) {
    for (std::size_t i = 0; i < x.size(); ++i) to[i] += factor * x[i];
  }
  int size() const { return static_cast<int>(alpha_.size()); }
  const std::vector<double>& beta(Beta which) const { return which == Beta::before_normalising ? before_ : after_; }

  std::vector<std::vector<double>> q_, aq_;
  std::vector<double> alpha_, before_, after_;
};

}  // namespace brink::lesson
