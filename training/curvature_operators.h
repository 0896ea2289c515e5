// SPDX-License-Identifier: MIT
// The curvature of the loss at one θ as operators: the Hessian, its Gauss–Newton part, and the rest.
#pragma once

#include <memory>
#include <string_view>

#include "autodiff/batch/linearized.h"
#include "spectral/linear_operator.h"

namespace brink {

enum class CurvatureOperator : unsigned char {
  hessian,
  gauss_newton,  ///< Jᵀ(∂²ℓ/∂f²)J
  difference,    ///< Hessian − Gauss–Newton
};
/// "hessian", "gauss_newton", "difference".
std::string_view name_of(CurvatureOperator);
/// "Hessian", "Gauss–Newton matrix", "Hessian without its Gauss–Newton part".
std::string_view words_of(CurvatureOperator);

class CurvatureOperators {
 public:
  /// with_gauss_newton: whether more than the Hessian is needed. Residuals take at most half of the memory that is left.
  /// Throws OutOfMemory; std::invalid_argument where the objective has no Gauss–Newton product and one is needed.
  CurvatureOperators(Device&, const Objective&, const Batch& train, const BatchOptions&, bool with_gauss_newton);
  CurvatureOperators(const CurvatureOperators&) = delete;
  CurvatureOperators& operator=(const CurvatureOperators&) = delete;

  /// Linearises what is not the Hessian at θ. Enqueued.
  void linearize_at(View theta);
  /// One of the operators, given the Hessian at the same θ. Valid while this object lives and θ stays.
  LinearOperator choose(CurvatureOperator, const LinearOperator& hessian);

 private:
  Device device_;
  Array product_, unused_gradient_;
  std::unique_ptr<Linearized> gauss_newton_;
};

}  // namespace brink
