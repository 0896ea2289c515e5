// SPDX-License-Identifier: MIT
#include "kernels/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/floating_point.h"

namespace brink {

namespace {
// How long a waiting thread polls before it sleeps. A step of a small network takes a few hundred microseconds, so a wake-up
// through the kernel (5–50 µs) at each step would be noticeable; longer polling slows everything on a shared machine.
constexpr int polls_before_sleep = 2000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

std::uint32_t wait_while_equal(const std::atomic<std::uint32_t>& a, std::uint32_t old) {
  for (int i = 0; i < polls_before_sleep; ++i) {
    if (const std::uint32_t now = a.load(std::memory_order_acquire); now != old) return now;
    relax();
  }
  std::uint32_t now = old;
  while ((now = a.load(std::memory_order_acquire)) == old) a.wait(old, std::memory_order_acquire);
  return now;
}

// The gate of one run: its number in the high bits, whether it may still be entered, and the number of helpers inside.
constexpr std::uint32_t open_bit = 1U << 12, inside_mask = open_bit - 1;
constexpr int run_shift = 13;
}  // namespace

struct ThreadPool::State {
  std::vector<std::thread> threads;
  const FunctionRef<void(int, std::int64_t)>* work = nullptr;
  std::int64_t pieces = 0;
  std::atomic<std::int64_t> next{0};
  std::atomic<std::uint32_t> runs{0};  // what helpers wait on
  std::atomic<std::uint32_t> gate{0};
  std::atomic<bool> stop{false};  // a helper that missed earlier runs may read it while it is set
  std::atomic<bool> busy{false};

  void claim(int worker) {
    for (std::int64_t p = next.fetch_add(1, std::memory_order_relaxed); p < pieces;
         p = next.fetch_add(1, std::memory_order_relaxed))
      (*work)(worker, p);
  }

  /// False where that run is over or about to end; then nothing of it may be accessed.
  bool enter(std::uint32_t run) {
    std::uint32_t g = gate.load(std::memory_order_acquire);
    while ((g & open_bit) != 0 && g >> run_shift == (run & (~0U >> run_shift)))
      if (gate.compare_exchange_weak(g, g + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  void end() {
    stop.store(true, std::memory_order_relaxed);  // published by the next line
    runs.fetch_add(1);
    runs.notify_all();
    for (std::thread& t : threads) t.join();
  }

  void loop(int worker) {
    reset_floating_point();
    std::uint32_t seen = 0;
    while (true) {
      seen = wait_while_equal(runs, seen);
      if (stop.load(std::memory_order_relaxed)) return;
      if (!enter(seen)) continue;
      claim(worker);
      const std::uint32_t left = gate.fetch_sub(1, std::memory_order_acq_rel) - 1;
      if ((left & (inside_mask | open_bit)) == 0) gate.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 1 || threads > static_cast<int>(inside_mask))
    throw std::invalid_argument("ThreadPool: expected 1 to 4095 threads");
  try {
    for (int w = 1; w < threads; ++w) state_->threads.emplace_back([s = state_.get(), w] { s->loop(w); });
  } catch (...) {
    state_->end();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->end(); }

int ThreadPool::threads() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::run(std::int64_t pieces, FunctionRef<void(int, std::int64_t)> work) {
  State& s = *state_;
  if (s.busy.exchange(true))
    throw std::logic_error("ThreadPool::run was called from inside a run; expected one run at a time");
  if (s.threads.empty() || pieces <= 1) {
    for (std::int64_t p = 0; p < pieces; ++p) work(0, p);
    s.busy = false;
    return;
  }
  s.work = &work;
  s.pieces = pieces;
  s.next.store(0, std::memory_order_relaxed);
  const std::uint32_t run = s.runs.load(std::memory_order_relaxed) + 1;
  s.gate.store(run << run_shift | open_bit, std::memory_order_release);
  s.runs.store(run);  // sequentially consistent: notify looks for sleepers after this is visible
  s.runs.notify_all();
  s.claim(0);
  std::uint32_t g = s.gate.fetch_and(~open_bit, std::memory_order_acq_rel) & ~open_bit;
  while ((g & inside_mask) != 0) g = wait_while_equal(s.gate, g);
  s.busy = false;
}

}  // namespace brink
