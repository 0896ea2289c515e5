// SPDX-License-Identifier: MIT
#include "kernels/thread_pool.h"

#include <atomic>
#include <thread>
#include <vector>

namespace brink {

namespace {
// How long a waiting side polls before it sleeps. A GD step of a small network is a few hundred microseconds, so a wake-up
// through the kernel (5–50 µs) at each step is felt; longer polling collapses when the machine is shared.
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
}  // namespace

struct ThreadPool::State {
  std::vector<std::thread> threads;
  const std::function<void(int)>* work = nullptr;
  std::atomic<std::uint32_t> ticket{0};   // advanced once per run()
  std::atomic<std::uint32_t> pending{0};  // workers that have not finished
  bool stop = false;
  bool busy = false;

  void loop(int worker) {
    std::uint32_t seen = 0;
    while (true) {
      seen = wait_while_equal(ticket, seen);
      if (stop) return;
      (*work)(worker);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  for (int w = 1; w < threads; ++w) state_->threads.emplace_back([s = state_.get(), w] { s->loop(w); });
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->ticket.fetch_add(1, std::memory_order_release);
  state_->ticket.notify_all();
  for (std::thread& t : state_->threads) t.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::run(const std::function<void(int)>& work) {
  State& s = *state_;
  const auto helpers = static_cast<std::uint32_t>(s.threads.size());
  if (helpers == 0 || s.busy) {
    for (int w = 0; w < threads(); ++w) work(w);
    return;
  }
  s.busy = true;
  s.work = &work;
  s.pending.store(helpers, std::memory_order_relaxed);
  s.ticket.fetch_add(1, std::memory_order_release);
  s.ticket.notify_all();
  work(0);
  for (std::uint32_t left = s.pending.load(std::memory_order_acquire); left != 0;)
    left = wait_while_equal(s.pending, left);
  s.busy = false;
}

}  // namespace brink
