// SPDX-License-Identifier: MIT
// B2 and B3 of docs/promises.md for AlexNet, whose pools overlap and whose sums have no ghost groups. Also the measurement in
// evaluation mode: the descent of training mode with the spectrum of the other Hessian.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "models/convolutional.h"
#include "models/statistics.h"
#include "tests/bits/whole_computation.h"

using namespace brink;
using support::Bits;
using support::Network;

TEST_CASE("B3: an AlexNet with a short last group, chunks of one group to all of them, threads 1, 2 and 3") {
  const Model m = alexnet({11, 11, 2}, 3, {5}, 4);  // two windows a side after the second pool
  const std::int64_t samples = 2 * m.group + m.group / 3;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    CAPTURE(name_of(dtype));
    const Network n({.samples = samples, .loss = Loss::cross_entropy, .dtype = dtype}, m);
    const Bits whole = support::compute(n, {.threads = 1, .chunk = samples, .steps = 4});
    REQUIRE(whole.parts.size() > 50);
    for (const std::int64_t chunk : {m.group, 2 * m.group, std::int64_t{0}})
      for (const int threads : {1, 2, 3}) {
        CAPTURE(chunk);
        CAPTURE(threads);
        REQUIRE(support::first_difference(support::compute(n, {.threads = threads, .chunk = chunk, .steps = 4}),
                                          whole) == "");
      }
  }
}

TEST_CASE("in evaluation mode the descent is the same, and its spectrum is that of the other Hessian") {
  const Network n{{.samples = 22, .loss = Loss::cross_entropy, .dtype = Dtype::f64},
                  vgg({8, 8, 3}, {3, 4, 5}, 4, {.batch = 4})};
  Device device;
  const auto run = [&](bool evaluation) {
    return support::trajectory(n, device, {}, 4, n.theta.view(), false, evaluation);
  };
  const Bits training = run(false), evaluation = run(true);
  for (const char* same :
       {"step 0: loss", "step 0: gradient_norm", "step 0: test_accuracy", "step 3: digest", "last digest"}) {
    CAPTURE(same);
    REQUIRE(!support::part(training, same).empty());
    CHECK(support::part(training, same) == support::part(evaluation, same));
  }
  const auto first_top = [&](const Bits& b) {
    double x = 0;
    std::memcpy(&x, support::part(b, "step 0: lambda_1").data(), sizeof x);
    return x;
  };
  const NormStatistics statistics = support::statistics_of(n, 4);
  Objective other = make_objective(n.model, n.options.loss, Dtype::f64, NormMode::evaluation);
  other.shared = statistics.shared();
  const auto by_lanczos = [&](const Objective& o) {
    Hvp hvp(device, o, n.data(), {});
    const Array g = n.vector();
    hvp.linearize_at(n.theta.view(), g.view());
    Lanczos lanczos(device, hvp.dim(), Dtype::f64, {.max_basis = 48, .max_pairs = 1},
                    support::layout_normals(n.objective.layout, device));
    return lanczos
        .run({hvp.dim(), Dtype::f64, [&](View x, View y) { hvp.apply(x, y); }},
             {.top = 1, .bottom = 0, .tolerance = 1e-6, .budget = 400}, n.v.view())
        .top[0]
        .value;
  };
  CHECK(first_top(training) == doctest::Approx(by_lanczos(n.objective)).epsilon(1e-3));
  CHECK(first_top(evaluation) == doctest::Approx(by_lanczos(other)).epsilon(1e-3));
  CHECK(std::abs(first_top(evaluation) / first_top(training) - 1) > 0.1);
}
