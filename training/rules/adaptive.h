// SPDX-License-Identifier: MIT
// The rules that divide each coordinate by a root of a moving average of its squared gradients: RMSProp, Adam and their clipped kinds.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "models/options.h"
#include "training/rules/rule.h"

namespace brink::rules {

/// θ ← (1 − ηw)θ − η m̂/(min(√min(ν̂, clip_moment), clip_root) + ϵ), m and ν the moving averages of g and of g² (eq. 10).
struct AdaptiveSettings {
  double beta1 = 0;  ///< 0: no average of gradients is kept, m̂ = g
  double beta2 = 0.999;
  double epsilon = 1e-8;
  bool bias_correction = true;  ///< m̂ = m/(1 − β₁ᵗ⁺¹), ν̂ = ν/(1 − β₂ᵗ⁺¹); without it m̂ = m, ν̂ = ν
  double clip_moment = std::numeric_limits<double>::infinity();
  double clip_root = std::numeric_limits<double>::infinity();
  double weight_decay = 0;
};

/// Its threshold concerns the effective sharpness λ₁(P^(−½) H P^(−½)), P the diagonal by which the coming step divides: 2/η without an
/// average of gradients, (2/η)(1 + β₁)/(1 − β₁) with one (Cohen et al. 2022); less with weight decay (docs/method.md, "Update rules").
std::unique_ptr<UpdateRule> make_adaptive(const AdaptiveSettings&, Device&, const ParameterLayout&, Dtype);

/// Keys that several of these rules have.
Option beta1_option(double standard);
Option beta2_option();
Option epsilon_option();
Option bias_correction_option();

}  // namespace brink::rules
