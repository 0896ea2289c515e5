// SPDX-License-Identifier: MIT
// Runs a kernel on the host: each CUDA thread is a fibre, and barriers and shuffles are meeting points. Fibres switch at
// meeting points only, so two threads that read, add and write in one phase appear to take turns.
// What CUDA leaves undefined ends the launch with a report, or yields poison: shared memory at a block's start, the target of
// an asynchronous copy until its wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "kernels/cuda/runtime.h"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace brink::emulator {

/// The order of blocks, warps and lanes; it changes at every barrier. 0: ascending everywhere.
void set_schedule(std::uint64_t seed);
std::uint64_t schedule();

/// Runs body() as each thread of each block. Returns the fault, with block, thread and line; empty if there was none. Faults
/// are: a thread that ends while others wait at a barrier, threads that wait for each other at different places, a shuffle that
/// lacks a lane, more than 48 KiB of shared memory or a write beyond it, and an exception. The rest of the launch is then
/// abandoned. Only one launch at a time runs in the process.
std::string run(cuda::Extent3 grid, cuda::Extent3 block, const std::function<void()>& body);

/// What has been run since the process started.
struct Counters {
  std::int64_t blocks = 0, threads = 0, switches = 0, barriers = 0;
};
const Counters& counters();

// For cuda_emulator.h alone: the place of a call in the running thread.
struct Place {
  const char* file;
  int line;
  friend bool operator==(const Place&, const Place&) = default;
};
int lane();
void block_barrier(Place);
void warp_barrier(unsigned mask, Place);
/// The value of lane `source`; every lane of `mask` must come.
std::uint64_t exchange(unsigned mask, std::uint64_t value, int source, Place);
/// The block's object with this key.
void* shared(const void* key, std::size_t bytes);
/// The target holds poison until the wait. The source is read at the start under an even schedule, at the wait under an odd
/// one.
void start_copy(void* to, const void* from, std::size_t bytes);
void commit_copies();
void wait_for_copies(int groups_under_way);

}  // namespace brink::emulator
