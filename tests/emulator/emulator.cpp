// SPDX-License-Identifier: MIT
#include "tests/emulator/emulator.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/memory.h"
#include "tests/emulator/fibre.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace brink::emulator {

namespace {

constexpr int warp_size = 32;
constexpr std::size_t most_shared_bytes = 48 << 10, guard_bytes = 64;
constexpr unsigned char guard_byte = 0xA5;
constexpr std::uint32_t not_a_number = 0x7FF7FFF7;

enum class State : std::uint8_t { runnable, at_block_barrier, at_warp_meeting, ended };

struct Copy {
  void* to;
  const void* from;
  std::uint32_t bytes, group;
  unsigned char start_value[16];
};

struct Thread {
  uint3 index{};
  int number = 0;
  State state = State::ended;
  Fibre* fibre = nullptr;  // while it is running
  Place place{};           // where it waits
  unsigned mask = 0;
  int source = 0;
  std::uint64_t brought = 0, got = 0;
  std::vector<Copy> copies;
  std::uint32_t groups = 0;
};

struct Warp {
  unsigned exists = 0, waiting = 0, ended = 0;
};

struct Shared {
  const void* key;
  std::size_t bytes;
  std::unique_ptr<char[]> memory;
  bool in_use;
};

struct SplitMix {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned n) { return static_cast<unsigned>((next() >> 32) * n >> 32); }
};

void entry();

/// One running block; its memory is kept for the next one.
struct Block {
  const std::function<void()>* body = nullptr;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Thread*> order;
  unsigned count = 0, position = 0, step = 1;  // the order is walked in steps of +1 or −1, cyclically
  unsigned runnable = 0, ended = 0;
  Thread* current = nullptr;
  std::vector<Shared> shared;
  Fibre host;
  std::vector<std::unique_ptr<Fibre>> fibres;
  std::vector<Fibre*> idle;
  SplitMix random{};
  std::string error;
  bool under_way = false;

  Fibre* take_fibre() {
    if (idle.empty()) return fibres.emplace_back(std::make_unique<Fibre>(entry)).get();
    Fibre* f = idle.back();
    idle.pop_back();
    return f;
  }
  void abandon_fibres() {
    idle.clear();
    for (const auto& f : fibres) {
      f->reset();
      idle.push_back(f.get());
    }
  }
};
Block b;
std::uint64_t seed = 0;
Counters counted;

std::string text(Place p) { return std::string(p.file) + ":" + std::to_string(p.line); }
std::string text(const uint3& i) {
  return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

void complain(const std::string& what) {
  b.error = "block " + text(blockIdx) + ", thread " + text(b.current->index) + ": " + what;
}

/// Ends the launch. Nothing on the fibre's stack is destroyed, so the caller must own no memory.
[[noreturn]] void give_up() {
  b.current->fibre->switch_to(b.host);
  std::abort();
}

void complain_stuck() {
  const Thread *at_barrier = nullptr, *at_meeting = nullptr;
  for (const Thread& t : std::span(b.threads).first(b.count)) {
    if (t.state == State::at_block_barrier) at_barrier = &t;
    if (t.state == State::at_warp_meeting) at_meeting = &t;
  }
  std::string what = std::to_string(b.ended) + " of " + std::to_string(b.count) + " threads ended";
  if (at_barrier) what += ", thread " + text(at_barrier->index) + " waits at __syncthreads " + text(at_barrier->place);
  if (at_meeting) what += ", thread " + text(at_meeting->index) + " waits for its warp at " + text(at_meeting->place);
  complain(what);
}

/// Reports that no thread can continue.
[[noreturn]] void fail_stuck() {
  complain_stuck();
  give_up();
}

Thread* next_thread() {
  do {
    b.position += b.step;
    if (b.position >= b.count) b.position = b.step == 1 ? 0 : b.count - 1;
  } while (b.order[b.position]->state != State::runnable);
  return b.order[b.position];
}

/// Lets others run until this thread is runnable again.
void suspend() {
  if (b.runnable == 0) fail_stuck();
  Thread* const me = b.current;
  Thread* const next = next_thread();
  if (next == me) return;
  if (!next->fibre) next->fibre = b.take_fibre();
  b.current = next;
  ++counted.switches;
  me->fibre->switch_to(*next->fibre);
  threadIdx = me->index;
}

void run_current() {
  threadIdx = b.current->index;
  try {
    return (*b.body)();
  } catch (const std::exception& e) { complain(std::string("exception: ") + e.what()); } catch (...) {
    complain("exception");
  }
  give_up();
}

/// A fibre runs one thread to its end, then one that has not begun, without a switch; when all have begun it is idle.
void entry() {
  Fibre::entered();
  while (true) {
    run_current();
    Thread* const me = b.current;
    Fibre* const mine = me->fibre;
    me->state = State::ended;
    b.warps[static_cast<std::size_t>(me->number / warp_size)].ended |= 1U << me->number % warp_size;
    --b.runnable;
    ++b.ended;
    if (b.ended < b.count && b.runnable == 0) fail_stuck();
    me->fibre = nullptr;
    if (b.ended == b.count) {
      b.idle.push_back(mine);
      mine->switch_to(b.host);
      continue;
    }
    b.current = next_thread();
    if (!b.current->fibre) {
      b.current->fibre = mine;
      continue;
    }
    b.idle.push_back(mine);
    ++counted.switches;
    mine->switch_to(*b.current->fibre);
  }
}

/// Chooses another order of the threads from now on.
void turn() {
  if (seed == 0) return;
  const std::uint64_t r = b.random.next();
  b.step = r & 1 ? 1 : ~0U;
  b.position = static_cast<unsigned>((r >> 32) * b.count >> 32);
}

/// Warps in any order; lanes of a warp in the order of i ↦ (a·i + c) mod 32 with odd a.
void shuffle_threads() {
  const unsigned warps = static_cast<unsigned>(b.warps.size());
  std::vector<unsigned>::size_type place = 0;
  static std::vector<unsigned> warp_order;
  warp_order.resize(warps);
  std::iota(warp_order.begin(), warp_order.end(), 0U);
  unsigned a = 1, c = 0;
  for (unsigned w = 0; w < warps; ++w) {
    if (seed != 0) {
      std::swap(warp_order[w], warp_order[w + b.random.below(warps - w)]);
      const auto r = static_cast<unsigned>(b.random.next() >> 32);
      a = r | 1;
      c = r >> 8;
    }
    for (unsigned i = 0; i < warp_size; ++i) {
      const unsigned number = warp_order[w] * warp_size + (a * i + c) % warp_size;
      if (number < b.count) b.order[place++] = &b.threads[number];
    }
  }
  b.position = b.count - 1;
  b.step = 1;
  turn();
}

void prepare_launch(cuda::Extent3 block) {
  b.count = block.x * block.y * block.z;
  if (b.threads.size() < b.count) b.threads.resize(b.count);
  b.order.resize(b.count);
  b.warps.assign((b.count + warp_size - 1) / warp_size, {});
  for (unsigned i = 0; i < b.count; ++i) {
    Thread& t = b.threads[i];
    t.number = static_cast<int>(i);
    t.index = {i % block.x, i / block.x % block.y, i / block.x / block.y};
    t.fibre = nullptr;
    b.warps[i / warp_size].exists |= 1U << i % warp_size;
  }
}

void check_shared_guards() {
  for (const Shared& s : b.shared)
    if (s.in_use && !std::all_of(s.memory.get() + s.bytes, s.memory.get() + s.bytes + guard_bytes,
                                 [](char c) { return static_cast<unsigned char>(c) == guard_byte; }))
      b.error = "block " + text(blockIdx) + ": a write behind " + std::to_string(s.bytes) + " bytes of shared memory";
}

void run_block() {
  for (Thread& t : std::span(b.threads).first(b.count)) {
    t.state = State::runnable;
    t.copies.clear();
    t.groups = 0;
  }
  for (Warp& w : b.warps) w.waiting = w.ended = 0;
  for (Shared& s : b.shared) s.in_use = false;
  b.runnable = b.count;
  b.ended = 0;
  shuffle_threads();
  b.current = next_thread();
  b.current->fibre = b.take_fibre();
  b.host.switch_to(*b.current->fibre);
  ++counted.blocks;
  counted.threads += b.count;
  if (b.error.empty())
    check_shared_guards();
  else
    b.abandon_fibres();
}

/// All lanes of `mask` have arrived: each gets its source's value.
void deliver(Warp& w, Thread* first, unsigned lanes) {
  for (unsigned left = lanes; left != 0; left &= left - 1) {
    Thread& t = first[__builtin_ctz(left)];
    if (t.mask != b.current->mask || !(t.place == b.current->place)) {
      complain("lanes of one warp meet at " + text(b.current->place) + " and " + text(t.place) +
               ", or with other masks");
      give_up();
    }
    if (t.source < 0 || t.source >= warp_size || (lanes >> t.source & 1) == 0) {
      complain("a shuffle reads lane " + std::to_string(t.source) + ", which is not there: " + text(t.place));
      give_up();
    }
    t.got = first[t.source].brought;
    t.state = State::runnable;
  }
  b.runnable += static_cast<unsigned>(__builtin_popcount(lanes));
  w.waiting &= ~lanes;
}

}  // namespace

void set_schedule(std::uint64_t s) { seed = s; }
std::uint64_t schedule() { return seed; }
const Counters& counters() { return counted; }

std::string run(cuda::Extent3 grid, cuda::Extent3 block, const std::function<void()>& body) {
  if (b.under_way) return "a launch inside a launch";
  b.under_way = true;
  b.body = &body;
  b.error.clear();
  gridDim = {grid.x, grid.y, grid.z};
  blockDim = {block.x, block.y, block.z};
  prepare_launch(block);
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  static std::vector<std::uint32_t> block_order;
  block_order.resize(blocks);
  std::iota(block_order.begin(), block_order.end(), 0U);
  b.random.state = seed;
  if (seed != 0)
    for (std::uint32_t i = 0; i + 1 < blocks; ++i)
      std::swap(block_order[i], block_order[i + b.random.below(static_cast<unsigned>(blocks) - i)]);
  for (const std::uint32_t i : block_order) {
    blockIdx = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
    run_block();
    if (!b.error.empty()) break;
  }
  b.under_way = false;
  return b.error;
}

int lane() { return b.current->number % warp_size; }

void block_barrier(Place place) {
  Thread& me = *b.current;
  me.state = State::at_block_barrier;
  me.place = place;
  if (--b.runnable > 0 || b.ended > 0) return suspend();
  for (Thread& t : std::span(b.threads).first(b.count)) {
    if (t.state != State::at_block_barrier) fail_stuck();
    if (!(t.place == place)) {
      complain("threads of one block wait at " + text(place) + " and thread " + text(t.index) + " at " + text(t.place));
      give_up();
    }
    t.state = State::runnable;
  }
  b.runnable = b.count;
  ++counted.barriers;
  turn();
  suspend();
}

std::uint64_t exchange(unsigned mask, std::uint64_t value, int source, Place place) {
  Thread& me = *b.current;
  Warp& w = b.warps[static_cast<std::size_t>(me.number / warp_size)];
  const unsigned bit = 1U << me.number % warp_size, lanes = mask & w.exists;
  if ((mask & bit) == 0) {
    complain("a lane that its own mask leaves out: " + text(place));
    give_up();
  }
  if ((lanes & w.ended) != 0) {
    complain("lane " + std::to_string(__builtin_ctz(lanes & w.ended)) + " ended without coming to " + text(place));
    give_up();
  }
  me.place = place;
  me.mask = mask;
  me.source = source;
  me.brought = value;
  me.state = State::at_warp_meeting;
  w.waiting |= bit;
  --b.runnable;
  if ((lanes & ~w.waiting) == 0)
    deliver(w, &me - me.number % warp_size, lanes);
  else
    suspend();
  return me.got;
}

void warp_barrier(unsigned mask, Place place) { exchange(mask, 0, lane(), place); }

void* shared(const void* key, std::size_t bytes) {
  Shared* found = nullptr;
  for (Shared& s : b.shared)
    if (s.key == key) found = &s;
  if (found && found->in_use) return found->memory.get();
  if (!found) {
    b.shared.push_back({key, bytes, std::make_unique<char[]>(bytes + guard_bytes), false});
    found = &b.shared.back();
  }
  found->in_use = true;
  std::size_t total = 0;
  for (const Shared& s : b.shared)
    if (s.in_use) total += s.bytes;
  if (total > most_shared_bytes) {
    complain(std::to_string(total) + " bytes of shared memory");
    give_up();
  }
  char* const memory = found->memory.get();
  if (poison() == Poison::nan)
    for (std::size_t i = 0; i < bytes; i += 4)
      std::memcpy(memory + i, &not_a_number, std::min<std::size_t>(4, bytes - i));
  else
    std::memset(memory, poison() == Poison::ones ? 0xFF : 0, bytes);
  std::memset(memory + bytes, guard_byte, guard_bytes);
  return memory;
}

namespace {
/// Copies 4, 8 or 16 bytes, each without a library call; other sizes by one.
void copy_bytes(void* to, const void* from, std::size_t bytes) {
  switch (bytes) {
    case 4: std::memcpy(to, from, 4); break;
    case 8: std::memcpy(to, from, 8); break;
    case 16: std::memcpy(to, from, 16); break;
    default: std::memcpy(to, from, bytes);
  }
}
}  // namespace

void start_copy(void* to, const void* from, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0 || reinterpret_cast<std::uintptr_t>(from) % bytes != 0) {
    complain("an asynchronous copy of " + std::to_string(bytes) + " bytes is not aligned");
    give_up();
  }
  Copy c{to, from, static_cast<std::uint32_t>(bytes), b.current->groups, {}};
  copy_bytes(c.start_value, from, bytes);
  for (std::size_t i = 0; i < bytes; i += 4) std::memcpy(static_cast<char*>(to) + i, &not_a_number, 4);
  b.current->copies.push_back(c);
}

void commit_copies() { ++b.current->groups; }

void wait_for_copies(int groups_under_way) {
  Thread& me = *b.current;
  auto under_way = me.copies.begin();
  for (; under_way != me.copies.end() && under_way->group + static_cast<unsigned>(groups_under_way) < me.groups;
       ++under_way)
    copy_bytes(under_way->to, seed % 2 == 0 ? under_way->start_value : under_way->from, under_way->bytes);
  me.copies.erase(me.copies.begin(), under_way);
}

}  // namespace brink::emulator
