// SPDX-License-Identifier: MIT
// Counts the allocations made while a solver runs. It is an executable of its own, because it replaces operator new.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "spectral/lanczos.h"
#include "spectral/tracker.h"
#include "tests/support/spectra.h"

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

void* operator new(std::size_t n) { return counted(n, 0); }
void* operator new[](std::size_t n) { return counted(n, 0); }
void* operator new(std::size_t n, std::align_val_t a) { return counted(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return counted(n, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace brink;

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

  const long before = allocations.load();
  const LanczosResult a = lanczos.run(op, {.top = 2, .bottom = 2, .budget = 50});
  const LanczosResult b = lanczos.run(null, {.top = 2, .bottom = 2, .budget = 50});
  for (int step = 0; step < 5; ++step) tracker.measure(op, step, step == 3);
  const long during = allocations.load() - before;
  CHECK(during == 0);
  CHECK(a.restarts > 0);
  CHECK(b.breakdowns > 0);

  const long control = allocations.load();
  Lanczos another(d, 20, Dtype::f32, {.max_basis = 16, .max_pairs = 4}, support::rough_normals(1));
  CHECK(allocations.load() > control);
}
