// SPDX-License-Identifier: MIT
// The multilayer perceptron as a graph builder.
#pragma once

#include <cstdint>
#include <vector>

#include "models/activation.h"
#include "models/model.h"

namespace brink {

/// flatten; dense and activation for each hidden width; dense (docs/method.md, "Networks").
/// Parameters dense0.weight [in,h₀], dense0.bias [h₀], … . Input x [S, inputs], output [S, classes].
Model mlp(std::int64_t inputs, const std::vector<std::int64_t>& hidden, std::int64_t classes, Activation);

}  // namespace brink
