// SPDX-License-Identifier: MIT
// RMSProp, which is Adam with β₁ = 0: θ ← θ − η g/(√ν̂ + ϵ) (Hinton 2012).
#include "training/rules/adaptive.h"
#include "training/rules/kind.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

RuleKind rmsprop() {
  return {.name = "rmsprop",
          .meaning = "RMSProp: θ ← θ − η∇L/(√ν̂ + ϵ)",
          .threshold = "2/η",
          .preconditions = true,
          .options = {beta2_option(), epsilon_option(), bias_correction_option(), weight_decay_option()},
          .make = [](const Options& o, Device& device, const ParameterLayout& layout, Dtype dtype) {
            return make_adaptive({.beta2 = o.real("beta2"),
                                  .epsilon = o.real("epsilon"),
                                  .bias_correction = o.flag("bias_correction"),
                                  .weight_decay = o.real("weight_decay")},
                                 device, layout, dtype);
          }};
}

}  // namespace brink::rules
