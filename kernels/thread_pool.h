// SPDX-License-Identifier: MIT
// What it is: a few sleeping threads that share out the pieces of one function at a time. What it is not: a scheduler.
// Decision: our own and not OpenMP: libgomp's spinning is fixed before main and ThreadSanitizer reports races on its
// correct loops. Pieces are claimed, not assigned, and a thread that the machine does not wake in time is not waited for: on a
// shared machine assigned halves cost whole time slices. Which thread does what never reaches a result (ARCHITECTURE.md).
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/function_ref.h"

namespace brink {

class ThreadPool {
 public:
  /// threads ≥ 1 workers, the calling thread being worker 0. Throws std::system_error if a thread cannot be started.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  /// Calls work(worker, piece) once for each piece 0 … pieces−1, each on some worker 0 … threads()−1, a worker taking its
  /// pieces in ascending order, and returns when all are done. `work` must not throw. Not re-entrant: std::logic_error.
  void run(std::int64_t pieces, FunctionRef<void(int worker, std::int64_t piece)> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The half-open range of part w when n items are split into `parts` nearly equal consecutive ranges.
struct Range {
  std::int64_t begin = 0, end = 0;
};
constexpr Range split(std::int64_t n, std::int64_t parts, std::int64_t w) {
  return {n * w / parts, n * (w + 1) / parts};
}

}  // namespace brink
