// SPDX-License-Identifier: MIT
// The Gaussian error linear unit, Φ and φ, each with its shape rule, derivatives and kernel.
#include "autodiff/primitives/gelu.h"

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/run_map.h"

namespace brink {

// y = x·Φ(x).  dy/dx = Φ(x) + x·φ(x).
const Primitive gelu_p{
    .name = "gelu",
    .shape = rules::same_as_first,
    .derivative = rules::elementwise(
        [](const Partial& c) {
          const Var x = c.in[0], cdf = normal_cdf(c.g, x), density = normal_density(c.g, x);
          return add(c.g, cdf, mul(c.g, x, density));
        },
        &gelu_series_p),
    .run = rules::run_map<Gelu>,
    .flops = rules::per_element<2>,
};
Var gelu(Graph& g, Var x) { return x ? g.emit(gelu_p, {x}) : Var{}; }
const Primitive gelu_series_p{
    .name = "gelu_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<gelu_p>(),
    .run = rules::run_map<GeluSeries>,
    .flops = rules::per_element<34>,
};

// p = Φ(x).  dp/dx = φ(x).
const Primitive normal_cdf_p{
    .name = "normal_cdf",
    .shape = rules::same_as_first,
    .derivative =
        rules::elementwise([](const Partial& c) { return normal_density(c.g, c.in[0]); }, &normal_cdf_series_p),
    .run = rules::run_map<NormalCdf>,
    .flops = rules::one_per_element,
};
Var normal_cdf(Graph& g, Var x) { return g.emit(normal_cdf_p, {x}); }
const Primitive normal_cdf_series_p{
    .name = "normal_cdf_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<normal_cdf_p>(),
    .run = rules::run_map<NormalCdfSeries>,
    .flops = rules::per_element<30>,
};

// q = φ(x).  dq/dx = −x·φ(x).
const Primitive normal_density_p{
    .name = "normal_density",
    .shape = rules::same_as_first,
    .derivative = rules::elementwise([](const Partial& c) { return mul(c.g, scale(c.g, c.in[0], -1), c.out[0]); },
                                     &normal_density_series_p),
    .run = rules::run_map<NormalDensity>,
    .flops = rules::one_per_element,
};
Var normal_density(Graph& g, Var x) { return g.emit(normal_density_p, {x}); }
const Primitive normal_density_series_p{
    .name = "normal_density_series",
    .shape = rules::expansion_shape,
    .derivative = rules::expansion_of<normal_density_p>(),
    .run = rules::run_map<NormalDensitySeries>,
    .flops = rules::per_element<30>,
};

}  // namespace brink
