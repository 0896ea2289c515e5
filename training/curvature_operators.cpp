// SPDX-License-Identifier: MIT
#include "training/curvature_operators.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "kernels/memory.h"
#include "spectral/composed.h"

namespace brink {

namespace {

struct Words {
  std::string_view name, words;
};
constexpr std::array<Words, 3> operator_words{{{"hessian", "Hessian"},
                                               {"gauss_newton", "Gauss–Newton matrix"},
                                               {"difference", "Hessian without its Gauss–Newton part"}}};

/// The residuals of the Hessian's products need memory too.
BatchOptions with_half_the_memory(BatchOptions o, const Device& device) {
  if (o.limit_bytes > 0) o.memory_bytes = std::max<std::int64_t>((o.limit_bytes - allocated_bytes(device)) / 2, 1);
  return o;
}

}  // namespace

std::string_view name_of(CurvatureOperator o) { return operator_words[static_cast<std::size_t>(o)].name; }
std::string_view words_of(CurvatureOperator o) { return operator_words[static_cast<std::size_t>(o)].words; }

CurvatureOperators::CurvatureOperators(Device& device, const Objective& objective, const Batch& train,
                                       const BatchOptions& batch, bool with_gauss_newton)
    : device_(device) {
  if (!with_gauss_newton) return;
  if (!objective.gauss_newton) throw std::invalid_argument("[curvature] this loss has no Gauss–Newton product");
  product_ = objective.layout.make_vector(objective.dtype, device);
  unused_gradient_ = objective.results().make_vector(objective.dtype, device);
  gauss_newton_ = std::make_unique<Linearized>(device, objective, objective.gauss_newton, train,
                                               with_half_the_memory(batch, device));
}

void CurvatureOperators::linearize_at(View theta) {
  if (gauss_newton_) gauss_newton_->linearize_at(theta, unused_gradient_.view(), {});
}

LinearOperator CurvatureOperators::choose(CurvatureOperator o, const LinearOperator& hessian) {
  if (o == CurvatureOperator::hessian) return hessian;
  const LinearOperator newton{hessian.dim, hessian.dtype, [this](View x, View y) { gauss_newton_->apply(x, y); },
                              hessian.parameters};
  return o == CurvatureOperator::gauss_newton ? newton : difference_of(device_, hessian, newton, product_.view());
}

}  // namespace brink
