// SPDX-License-Identifier: MIT
// Softplus and the logistic function σ, each with its shape rule, derivatives and kernel.
// σ is a primitive of its own, because 1 − exp(−softplus) and ½ + ½·tanh(½x) lose every digit of a small σ.
#include "autodiff/primitives/softplus.h"

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/run_map.h"

namespace brink {

// y = log(1 + eˣ).  dy/dx = σ(x).
const Primitive softplus_p{
    .name = "softplus",
    .shape = rules::same_as_first,
    .derivative = rules::elementwise([](const Partial& c) { return logistic(c.g, c.in[0]); }, &softplus_series_p),
    .run = rules::run_map<Softplus>,
    .flops = rules::per_element<4>,
};
Var softplus(Graph& g, Var x) { return x ? g.emit(softplus_p, {x}) : Var{}; }
const Primitive softplus_series_p{
    .name = "softplus_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<softplus_p>(),
    .run = rules::run_map<SoftplusSeries>,
    .flops = rules::per_element<32>,
};

// s = σ(x).  ds/dx = σ(x)σ(−x).
const Primitive logistic_p{
    .name = "logistic",
    .shape = rules::same_as_first,
    .derivative =
        rules::elementwise([](const Partial& c) { return mul(c.g, c.out[0], logistic(c.g, scale(c.g, c.in[0], -1))); },
                           &logistic_series_p),
    .run = rules::run_map<Logistic>,
    .flops = rules::per_element<3>,
};
Var logistic(Graph& g, Var x) { return g.emit(logistic_p, {x}); }
const Primitive logistic_series_p{
    .name = "logistic_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<logistic_p>(),
    .run = rules::run_map<LogisticSeries>,
    .flops = rules::per_element<34>,
};

}  // namespace brink
