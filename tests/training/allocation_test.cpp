// SPDX-License-Identifier: MIT
// Counts the allocations of a trainer's steps: of those without a row, and of projected updates with the measurement that they need.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "tests/support/allocations.h"
#include "tests/support/networks.h"
#include "training/loop.h"
#include "training/rules/kind.h"

using namespace brink;
using support::allocations;

namespace {

/// A trainer of a small network on so many threads.
class Training {
 public:
  Training(int threads, const TrainerOptions& options)
      : pool_(threads), trainer_(device_, n_.objective, n_.data(), n_.data(), options, n_.theta.view()) {}
  Trainer& operator*() { return trainer_; }
  /// Allocations of this program so far, and bytes of buffers.
  std::pair<long, std::int64_t> taken() const { return {allocations(), allocated_bytes(device_)}; }

 private:
  const support::Network n_{{.samples = 200, .dtype = Dtype::f32}};
  ThreadPool pool_;
  Device device_{.pool = &pool_};
  Trainer trainer_;
};

}  // namespace

TEST_CASE("a step without a row allocates nothing, whatever the rule, with minibatches and without") {
  for (const RuleKind& kind : rule_kinds())
    for (const int threads : {1, 3})
      for (const std::int64_t batch : {0, 72}) {  // the last one of an epoch has 56 samples
        CAPTURE(kind.name);
        CAPTURE(threads);
        CAPTURE(batch);
        TrainerOptions options;
        options.rule = factory(kind);
        options.minibatches.samples = batch;
        options.row_every = 50;
        options.tracker = TrackerOptions{.top = 1, .bottom = 1, .budget = 20, .max_basis = 12};
        Training training(threads, options);
        Trainer& trainer = *training;
        trainer.step();
        const auto before = training.taken();
        for (int t = 0; t < 12; ++t) trainer.step();  // the orders of four epochs
        const auto after = training.taken();
        CHECK((after == before));
        CHECK(trainer.steps_done() == 13);
        CHECK_FALSE(trainer.has_row());
      }
}

TEST_CASE(
    "a projected update and the measurement before it allocate nothing, while more and fewer eigenvalues are "
    "unstable") {
  for (const ProjectionMode mode : {ProjectionMode::remove, ProjectionMode::keep})
    for (const int threads : {1, 3}) {
      CAPTURE(threads);
      TrainerOptions options;
      options.schedule = std::make_shared<ConstantRate>(3);
      options.projection.mode = mode;
      options.tracker = TrackerOptions{
          .top = 1, .bottom = 1, .most_top = 11, .tolerance = 1e-3, .cold_check = 5, .budget = 400, .max_basis = 60};
      Training training(threads, options);
      Trainer& trainer = *training;
      bool allocated = false;
      std::int64_t least = 100, most = 0;
      for (int t = 0; t < 12 && !trainer.at_rest(); ++t) {
        const auto before = training.taken();
        trainer.measure(true);
        trainer.update();
        allocated = allocated || training.taken() != before;
        (void)trainer.complete();  // whose row has a text, the digest
        least = std::min(least, *trainer.seen().projected);
        most = std::max(most, *trainer.seen().projected);
      }
      CHECK_FALSE(allocated);
      CHECK(most > least);
      CHECK(most > 1);
    }
  const long control = allocations();
  Training another(1, {});
  CHECK(allocations() > control);
}
