// SPDX-License-Identifier: MIT
// Clipped-Ada: Adam, or RMSProp where β₁ = 0, with the second moment clipped from above, coordinate by coordinate (eq. 10 of the paper).
#include "training/rules/adaptive.h"
#include "training/rules/kind.h"
#include "training/rules/weight_decay.h"

namespace brink::rules {

RuleKind clipped_ada() {
  return {.name = "clipped_ada",
          .meaning = "Clipped-Ada: θ ← θ − η m̂/(min(√ν̂, c) + ϵ)",
          .threshold = "(2/η)(1 + β₁)/(1 − β₁)",
          .preconditions = true,
          .options = {beta1_option(0.9), beta2_option(), epsilon_option(), bias_correction_option(),
                      real_option("clip", 1, {.above = 0, .infinite = true}, "c; infinite: Adam"),
                      choice_option("clip_on", "root", {"root", "moment"},
                                    "what is at most c: √ν̂ (\"root\") or ν̂ (\"moment\")"),
                      weight_decay_option()},
          .make = [](const Options& o, Device& device, const ParameterLayout& layout, Dtype dtype) {
            AdaptiveSettings s{.beta1 = o.real("beta1"),
                               .beta2 = o.real("beta2"),
                               .epsilon = o.real("epsilon"),
                               .bias_correction = o.flag("bias_correction"),
                               .weight_decay = o.real("weight_decay")};
            (o.text("clip_on") == "root" ? s.clip_root : s.clip_moment) = o.real("clip");
            return make_adaptive(s, device, layout, dtype);
          }};
}

}  // namespace brink::rules
