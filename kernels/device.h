// SPDX-License-Identifier: MIT
// Where a kernel runs and with how many threads.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernels/thread_pool.h"

namespace brink {

#ifdef BRINK_WITH_CUDA
inline constexpr bool has_cuda = true;
#else
inline constexpr bool has_cuda = false;
#endif

enum class Where : unsigned char { cpu, cuda };

class Gpu;
class Tracer;
class Vendor;
class MemoryCount;

/// A handle passed to every kernel. Copyable. If `pool` is null, the calling thread does all work of the CPU.
struct Device {
  Where where = Where::cpu;
  ThreadPool* pool = nullptr;
  Gpu* gpu = nullptr;            ///< not null if where == cuda
  Tracer* tracer = nullptr;      ///< the observer (tracer.h); null: none
  Vendor* vendor = nullptr;      ///< null: exact arithmetic
  MemoryCount* count = nullptr;  ///< if not null, buffers are counted there and not allocated (memory_count.h)

  /// Threads that share a kernel's work on the CPU; 1 on a CUDA device.
  int threads() const { return pool && where == Where::cpu ? pool->threads() : 1; }
  /// The same device without its pool, for use inside a parallel region.
  Device serial() const { return {where, nullptr, gpu, tracer, vendor, count}; }
  /// The CPU with the same pool, for work that always runs there, such as reading data.
  Device host() const { return {Where::cpu, pool, nullptr, tracer, nullptr, count}; }
};

/// Decides which worker takes which of up to 64 pieces: first its own consecutive ones, ascending, then the remaining pieces of
/// others, from the end. So repeated sweeps find their data in the cache of the same core, and no piece waits for its owner.
class Pieces {
 public:
  static constexpr std::int64_t most = 64;
  Pieces(std::int64_t count, int workers)
      : count_(count), workers_(workers), free_(count < most ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0}) {}
  /// A piece that no worker has taken yet; to be called `count` times in all.
  std::int64_t take(int worker) {
    const Range own = split(count_, workers_, worker);
    const std::uint64_t mine =
        own.begin == own.end ? 0 : ~std::uint64_t{0} >> (most - (own.end - own.begin)) << own.begin;
    std::uint64_t left = free_.load(std::memory_order_relaxed);
    while (true) {
      const std::int64_t piece = (left & mine) != 0 ? __builtin_ctzll(left & mine) : most - 1 - __builtin_clzll(left);
      if (free_.compare_exchange_weak(left, left & ~(std::uint64_t{1} << piece), std::memory_order_relaxed))
        return piece;
    }
  }

 private:
  std::int64_t count_;
  int workers_;
  std::atomic<std::uint64_t> free_;
};

/// Calls body(begin, end) over a partition of [0, n) whose pieces start at multiples of `grain`. Where n ≤ serial_below it is
/// one piece on the calling thread. The partition must not affect the result.
template <class Body>
void parallel_for(Device& d, std::int64_t n, std::int64_t grain, std::int64_t serial_below, Body&& body) {
  if (d.threads() == 1 || n <= serial_below) {
    if (n > 0) body(std::int64_t{0}, n);
    return;
  }
  constexpr std::int64_t pieces_a_thread = 2;
  const std::int64_t grains = (n + grain - 1) / grain, wanted = pieces_a_thread * d.pool->threads();
  const std::int64_t bounded = wanted < Pieces::most ? wanted : Pieces::most,
                     pieces = grains < bounded ? grains : bounded;
  Pieces taken(pieces, d.pool->threads());
  d.pool->run(pieces, [&](int worker, std::int64_t) {
    const std::int64_t piece = taken.take(worker);
    const Range r = split(grains, pieces, piece);
    const std::int64_t begin = r.begin * grain, end = r.end * grain < n ? r.end * grain : n;
    if (begin < end) body(begin, end);
  });
}

/// The number of threads that this process may run at once: the CPUs of its affinity mask, or fewer where a control group has a
/// CPU quota. A quota is rounded up, so that no granted time is left unused: 1.5 cores allow 2 threads. `root` is put before
/// /proc and /sys.
int available_threads(const char* root = "/");

}  // namespace brink
