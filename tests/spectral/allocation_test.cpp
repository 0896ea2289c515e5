// SPDX-License-Identifier: MIT
// Counts the allocations made while a solver runs.
#include <doctest/doctest.h>

#include "spectral/lanczos.h"
#include "spectral/tracker.h"
#include "tests/support/allocations.h"
#include "tests/support/spectra.h"

using namespace brink;
using support::allocations;

TEST_CASE("Lanczos and the tracker allocate nothing while they run, with restarts, breakdowns and threads") {
  std::vector<double> lambda(20000, 0.0);
  for (std::size_t i = 0; i < lambda.size(); ++i)
    lambda[i] = -1 + 2 * static_cast<double>(i) / static_cast<double>(lambda.size());
  support::KnownSpectrum edge(lambda, 1);
  support::KnownSpectrum zero(std::vector<double>(20000, 0.0), 1);
  ThreadPool pool(3);
  Device d{.pool = &pool};
  Lanczos lanczos(d, 20000, Dtype::f32, {.max_basis = 16, .max_pairs = 4}, support::rough_normals(1));
  const LinearOperator op = edge.op(Dtype::f32), null = zero.op(Dtype::f32);
  EigenTracker tracker(d, 20000, Dtype::f32, {.top = 1, .bottom = 1, .cold_check = 2, .budget = 60, .max_basis = 16},
                       support::rough_normals(1));

  const long before = allocations();
  const LanczosResult a = lanczos.run(op, {.top = 2, .bottom = 2, .budget = 50});
  const LanczosResult b = lanczos.run(null, {.top = 2, .bottom = 2, .budget = 50});
  for (int step = 0; step < 5; ++step) tracker.measure(op, step, step == 3);
  const long during = allocations() - before;
  CHECK(during == 0);
  CHECK(a.restarts > 0);
  CHECK(b.breakdowns > 0);

  const long control = allocations();
  Lanczos another(d, 20, Dtype::f32, {.max_basis = 16, .max_pairs = 4}, support::rough_normals(1));
  CHECK(allocations() > control);
}
