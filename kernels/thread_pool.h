// SPDX-License-Identifier: MIT
// A few sleeping threads that share the pieces of one function at a time.
// It replaces OpenMP, whose libgomp fixes its spinning before main and is reported by ThreadSanitizer for correct loops.
// Threads claim work, so a sleeping thread never delays a region; which thread does what never affects a result.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/function_ref.h"

namespace brink {

class ThreadPool {
 public:
  /// Starts `threads` ≥ 1 workers; the calling thread is worker 0. Throws std::system_error if a thread cannot be started.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  /// Calls work(worker, piece) once for each piece 0 … pieces−1 and returns when all are done. Each piece runs on some worker 0
  /// … threads()−1; a worker takes its pieces in ascending order. `work` must not throw. Throws std::logic_error when called
  /// from inside a run.
  void run(std::int64_t pieces, FunctionRef<void(int worker, std::int64_t piece)> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The half-open range of part w when n items are cut into `parts` consecutive ranges of nearly equal length.
struct Range {
  std::int64_t begin = 0, end = 0;
};
constexpr Range split(std::int64_t n, std::int64_t parts, std::int64_t w) {
  return {n * w / parts, n * (w + 1) / parts};
}

}  // namespace brink
