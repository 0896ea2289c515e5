// SPDX-License-Identifier: MIT
// Adam with decoupled weight decay: θ ← θ − η m̂/(√ν̂ + ϵ) (Kingma & Ba 2015; Loshchilov & Hutter 2019).
#include "training/rules/adaptive.h"
#include "training/rules/kind.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

RuleKind adam() {
  return {
      .name = "adam",
      .meaning = "Adam: θ ← θ − η m̂/(√ν̂ + ϵ)",
      .threshold = "(2/η)(1 + β₁)/(1 − β₁)",
      .preconditions = true,
      .options = {beta1_option(0.9), beta2_option(), epsilon_option(), bias_correction_option(), weight_decay_option()},
      .make = [](const Options& o, Device& device, const ParameterLayout& layout, Dtype dtype) {
        return make_adaptive({.beta1 = o.real("beta1"),
                              .beta2 = o.real("beta2"),
                              .epsilon = o.real("epsilon"),
                              .bias_correction = o.flag("bias_correction"),
                              .weight_decay = o.real("weight_decay")},
                             device, layout, dtype);
      }};
}

}  // namespace brink::rules
