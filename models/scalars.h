// SPDX-License-Identifier: MIT
// Objectives over a few scalar parameters, without data: the batch is one empty sample.
#pragma once

#include <functional>

#include "autodiff/batch/objective.h"

namespace brink {

/// What a loss of scalars adds to its graph.
struct ScalarsLoss {
  Var fitted;  ///< whose Jacobian the Gauss–Newton product takes, one row
  Var value;   ///< the loss, a scalar
};

/// `theta`: the parameters theta0 … [1,1] each. `label`: one int32 number [1], the only data.
using ScalarsGraph = std::function<ScalarsLoss(Graph&, const Vars& theta, Var label)>;

/// Outputs `loss`, and `correct`, which is always 0 because nothing is classified.
Objective make_scalars_objective(int parameters, Dtype, const ScalarsGraph&);

}  // namespace brink
