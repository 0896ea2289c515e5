// SPDX-License-Identifier: MIT
// Counts the allocations made while programs run.
#include <doctest/doctest.h>

#include "models/convolutional.h"
#include "models/statistics.h"
#include "tests/support/allocations.h"
#include "tests/support/networks.h"
#include "training/run/trace.h"

using namespace brink;
using support::allocations;

TEST_CASE("gradient, linearisation and products allocate nothing, with any threads, blocks and budget") {
  for (const Activation activation : {Activation::relu, Activation::tanh})
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (const int threads : {1, 3})
        for (const std::int64_t chunk : {128, 384, 1000}) {
          CAPTURE(threads);
          CAPTURE(chunk);
          const support::Network n({.samples = 1000, .activation = activation, .dtype = dtype});
          ThreadPool pool(threads);
          Device device{Where::cpu, &pool, nullptr};
          const Array g = n.vector(), hv = n.vector();
          const BatchOptions batch{chunk, 0};
          Gradient gradient(device, n.objective, n.data(), batch);
          Hvp kept(device, n.objective, n.data(), batch), recomputed(device, n.objective, n.data(), {chunk, 1});
          SampleSum newton(device, n.objective,
                           [&](std::int64_t s) { return build_gauss_newton(n.model, n.options.loss, dtype, s); },
                           n.data(), batch, {});
          const support::ArrayRows source(n.x.view());
          Hvp made(device, n.objective, {source, n.labels.view()}, batch);
          RowList list(device, 1000, 1000);
          const std::vector<std::int32_t> rows(1000, 7);
          Hvp listed(device, n.objective, Batch(n.data()).chosen_by(list), batch),
              listed_and_made(device, n.objective, Batch{source, n.labels.view()}.chosen_by(list), batch);
          Linearized newtons(device, n.objective, gauss_newton_of(n.model, n.options.loss, dtype), n.data(), batch, 2);
          const Array three = n.objective.layout.repeated(3).make_vector(dtype),
                      products = n.objective.layout.repeated(3).make_vector(dtype);
          const View directions[] = {n.v.view()};

          const long before = allocations();
          gradient.evaluate(n.theta.view(), g.view());
          const long after_gradient = allocations();
          kept.linearize_at(n.theta.view(), g.view());
          recomputed.linearize_at(n.theta.view(), g.view());
          made.linearize_at(n.theta.view(), g.view());
          list.set(device, rows);
          listed.linearize_at(n.theta.view(), g.view());
          listed_and_made.linearize_at(n.theta.view(), g.view());
          newtons.linearize_at(n.theta.view(), g.view());
          const long after_linearize = allocations();
          kept.apply(n.v.view(), hv.view());
          recomputed.apply(n.v.view(), hv.view());
          made.apply(n.v.view(), hv.view());
          listed.apply(n.v.view(), hv.view());
          listed_and_made.apply(n.v.view(), hv.view());
          newtons.apply(three.view(), products.view());
          const long after_apply = allocations();
          newton.run(n.theta.view(), directions, hv.view(), {});
          const long after_newton = allocations();
          CHECK(after_gradient - before == 0);
          CHECK(after_linearize - after_gradient == 0);
          CHECK(after_apply - after_linearize == 0);
          CHECK(after_newton - after_apply == 0);
        }
  SUBCASE("watched, too") {
    const support::Network n({.samples = 1000});
    ThreadPool pool(2);
    Device device{Where::cpu, &pool, nullptr};
    TraceRecorder recorder(device, 3000);  // used up during the run
    device.tracer = &recorder;
    const Array g = n.vector(), hv = n.vector();
    Hvp hvp(device, n.objective, n.data(), {});
    const long before = allocations();
    for (int i = 0; i < 20; ++i) {
      hvp.linearize_at(n.theta.view(), g.view());
      hvp.apply(n.v.view(), hv.view());
    }
    CHECK(allocations() == before);
    CHECK(recorder.dropped() > 0);
  }
  const long control = allocations();
  const support::Network another({.samples = 10});
  CHECK(allocations() > control);
}

TEST_CASE("the same of networks with convolutions, pools and normalisations, and of evaluation mode's statistics") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const int threads : {1, 3})
      for (const bool normalised : {false, true}) {
        CAPTURE(threads);
        CAPTURE(normalised);
        const support::Network n({.samples = 18, .dtype = dtype},
                                 normalised ? vgg({6, 6, 2}, {2, 3}, 4, {.batch = 4}) : alexnet({7, 7, 2}, 2, {3}, 4));
        ThreadPool pool(threads);
        Device device{Where::cpu, &pool, nullptr};
        const Objective descended = make_objective_with_statistics(n.model, n.options.loss, dtype);
        const Array g = n.vector(), hv = n.vector(), results = descended.results().make_vector(dtype);
        Objective evaluation = make_objective(n.model, n.options.loss, dtype, NormMode::evaluation);
        NormStatistics statistics(device, n.model, dtype);
        evaluation.shared = statistics.shared();
        Gradient gradient(device, descended, n.data(), {});
        Hvp kept(device, n.objective, n.data(), {}), recomputed(device, n.objective, n.data(), {0, 1}),
            other(device, evaluation, n.data(), {});
        const long before = allocations();
        gradient.evaluate(n.theta.view(), results.view());
        statistics.take(results.view());
        const long after_gradient = allocations();
        for (Hvp* hvp : {&kept, &recomputed, &other}) {
          hvp->linearize_at(n.theta.view(), g.view());
          hvp->apply(n.v.view(), hv.view());
        }
        CHECK(after_gradient - before == 0);
        CHECK(allocations() - after_gradient == 0);
      }
}
