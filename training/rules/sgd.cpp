// SPDX-License-Identifier: MIT
// Stochastic gradient descent: the step of gradient descent along the gradient of a minibatch (docs/method.md, "Update rules").
#include "training/rules/gradient_descent.h"

namespace brink::rules {

RuleKind sgd() {
  RuleKind out = gd();
  out.name = "sgd";
  out.meaning = "stochastic gradient descent: θ ← θ − ηg_b, with the gradient g_b of a minibatch";
  out.needs_minibatches = true;
  return out;
}

}  // namespace brink::rules
