// SPDX-License-Identifier: MIT
// Symmetric operators of known spectrum, R₁R₂ diag(λ) R₂R₁ with Householder reflections Rᵢ, computed in float64 and rounded
// once.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "spectral/linear_operator.h"
#include "tests/support/numbers.h"

namespace support {

inline brink::FillNormal rough_normals(std::uint64_t seed) {
  return [seed](brink::View x, brink::RandomUse use, std::uint64_t step, std::uint32_t restart) {
    const auto fill = [&](auto values) {
      std::uint64_t i = 0;
      const std::uint64_t stream = ((seed * 1000003 + step) * 1000033 + restart) * 2 + (use == brink::RandomUse::noise);
      for (auto& v : values) {
        double sum = 0;
        for (int k = 0; k < 4; ++k) sum += uniform(stream, i++);
        v = static_cast<std::remove_reference_t<decltype(v)>>(sum);
      }
    };
    if (x.dtype == brink::Dtype::f32)
      fill(x.span<float>());
    else
      fill(x.span<double>());
  };
}

class KnownSpectrum {
 public:
  KnownSpectrum(std::vector<double> eigenvalues, std::uint64_t seed)
      : lambda(std::move(eigenvalues)), work_(lambda.size()) {
    for (std::uint64_t k = 0; k < 2; ++k) {
      mirror_[k] = numbers<double>(seed + k, lambda.size());
      double square = 0;
      for (double x : mirror_[k]) square += x * x;
      for (double& x : mirror_[k]) x /= std::sqrt(square);
    }
    if (lambda.size() == 1) mirror_[0][0] = mirror_[1][0] = 0;
  }
  KnownSpectrum(const KnownSpectrum&) = delete;

  std::vector<double> lambda;

  /// Rotates the eigenvectors a little, by an angle of about 2·amount.
  void turn(double amount, std::uint64_t seed) {
    double square = 0;
    for (std::size_t i = 0; i < lambda.size(); ++i) {
      mirror_[1][i] += amount * std::sqrt(3.0 / static_cast<double>(lambda.size())) * uniform(seed, i);
      square += mirror_[1][i] * mirror_[1][i];
    }
    for (double& x : mirror_[1]) x /= std::sqrt(square);
  }

  brink::LinearOperator op(brink::Dtype dtype) {
    return {static_cast<std::int64_t>(lambda.size()), dtype, [this](brink::View x, brink::View y) {
              ++products;
              if (x.dtype == brink::Dtype::f32)
                apply(x.span<float>(), y.span<float>());
              else
                apply(x.span<double>(), y.span<double>());
            }};
  }
  int products = 0;

 private:
  void reflect(const std::vector<double>& v) {
    double along = 0;
    for (std::size_t i = 0; i < v.size(); ++i) along += v[i] * work_[i];
    for (std::size_t i = 0; i < v.size(); ++i) work_[i] -= 2 * along * v[i];
  }
  template <class S>
  void apply(S x, S y) {
    for (std::size_t i = 0; i < work_.size(); ++i) work_[i] = static_cast<double>(x[i]);
    reflect(mirror_[0]);
    reflect(mirror_[1]);
    for (std::size_t i = 0; i < work_.size(); ++i) work_[i] *= lambda[i];
    reflect(mirror_[1]);
    reflect(mirror_[0]);
    for (std::size_t i = 0; i < work_.size(); ++i) y[i] = static_cast<std::remove_cvref_t<decltype(y[0])>>(work_[i]);
  }

  std::vector<double> mirror_[2], work_;
};

}  // namespace support
