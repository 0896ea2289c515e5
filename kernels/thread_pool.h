// SPDX-License-Identifier: MIT
// What it is: a few sleeping worker threads that run one function each and are waited for. What it is not: a scheduler.
// Decision: our own and not OpenMP: libgomp's spinning is fixed before main and ThreadSanitizer reports races on its
// correct loops. Work is split in static ranges; which thread does what never reaches a result (ARCHITECTURE.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace brink {

class ThreadPool {
 public:
  /// threads ≥ 1 workers, the calling thread being worker 0. Throws std::system_error if a thread cannot be started.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  /// Calls work(worker) once on each worker 0 … threads()−1 and returns when all are done. `work` must not throw.
  /// Not re-entrant: a nested call runs all workers' shares on the calling thread.
  void run(const std::function<void(int worker)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The half-open range of worker w when n items are split into `parts` nearly equal consecutive ranges.
struct Range {
  std::int64_t begin = 0, end = 0;
};
constexpr Range split(std::int64_t n, int parts, int w) { return {n * w / parts, n * (w + 1) / parts}; }

}  // namespace brink
