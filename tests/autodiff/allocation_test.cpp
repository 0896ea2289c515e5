// SPDX-License-Identifier: MIT
// Counts the allocations made while programs run. It is an executable of its own, because it replaces operator new.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "models/convolutional.h"
#include "models/statistics.h"
#include "tests/support/networks.h"
#include "training/run/trace.h"

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* p = alignment > alignof(std::max_align_t)
                ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                : std::malloc(bytes > 0 ? bytes : 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t n) { return counted(n, 0); }
[[gnu::noinline]] void* operator new[](std::size_t n) { return counted(n, 0); }
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a) {
  return counted(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new[](std::size_t n, std::align_val_t a) {
  return counted(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace brink;

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

          const long before = allocations.load();
          gradient.evaluate(n.theta.view(), g.view());
          const long after_gradient = allocations.load();
          kept.linearize_at(n.theta.view(), g.view());
          recomputed.linearize_at(n.theta.view(), g.view());
          made.linearize_at(n.theta.view(), g.view());
          list.set(device, rows);
          listed.linearize_at(n.theta.view(), g.view());
          listed_and_made.linearize_at(n.theta.view(), g.view());
          newtons.linearize_at(n.theta.view(), g.view());
          const long after_linearize = allocations.load();
          kept.apply(n.v.view(), hv.view());
          recomputed.apply(n.v.view(), hv.view());
          made.apply(n.v.view(), hv.view());
          listed.apply(n.v.view(), hv.view());
          listed_and_made.apply(n.v.view(), hv.view());
          newtons.apply(three.view(), products.view());
          const long after_apply = allocations.load();
          newton.run(n.theta.view(), directions, hv.view(), {});
          const long after_newton = allocations.load();
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
    const long before = allocations.load();
    for (int i = 0; i < 20; ++i) {
      hvp.linearize_at(n.theta.view(), g.view());
      hvp.apply(n.v.view(), hv.view());
    }
    CHECK(allocations.load() == before);
    CHECK(recorder.dropped() > 0);
  }
  const long control = allocations.load();
  const support::Network another({.samples = 10});
  CHECK(allocations.load() > control);
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
        const long before = allocations.load();
        gradient.evaluate(n.theta.view(), results.view());
        statistics.take(results.view());
        const long after_gradient = allocations.load();
        for (Hvp* hvp : {&kept, &recomputed, &other}) {
          hvp->linearize_at(n.theta.view(), g.view());
          hvp->apply(n.v.view(), hv.view());
        }
        CHECK(after_gradient - before == 0);
        CHECK(allocations.load() - after_gradient == 0);
      }
}
