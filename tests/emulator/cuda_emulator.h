// SPDX-License-Identifier: MIT
// The CUDA language for a C++ compiler: what kernels/cuda/device_code.h includes without nvcc. It has only what brink's kernels
// use.
// threadIdx and its like are plain variables that the emulator sets at each switch. Only CUDA words that cannot be C++
// names, such as __global__, are macros.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/emulator/emulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

inline constexpr int warpSize = 32;

// The last two parameters of meeting points are the place of the call; callers do not pass them.
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  brink::emulator::block_barrier({file, line});
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFF, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  brink::emulator::warp_barrier(mask, {file, line});
}

namespace brink::emulator {

/// The value that lane `source` of the warp passed.
template <class T>
T exchanged(unsigned mask, T value, int source, Place place) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(mask, bits, source, place);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// The lane if it lies in the caller's segment of `width` lanes, otherwise the caller's own.
inline int within_segment(int lane, int source, int width) { return lane / width == source / width ? source : lane; }

}  // namespace brink::emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  const int segment = brink::emulator::lane() / width * width;
  return brink::emulator::exchanged(mask, value, segment + (source & (width - 1)), {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  const int lane = brink::emulator::lane();
  // As the hardware does: a lane of an earlier segment may be read, one of a later may not.
  const int source = (lane ^ flip) / width <= lane / width ? lane ^ flip : lane;
  return brink::emulator::exchanged(mask, value, source, {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  const int lane = brink::emulator::lane();
  const int source = brink::emulator::within_segment(lane, lane + static_cast<int>(by), width);
  return brink::emulator::exchanged(mask, value, source, {file, line});
}
template <class T>
T __ldg(const T* p) {
  return *p;
}

namespace brink::cuda {

template <class T>
T& shared_memory() {
  static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>);
  static constexpr char key = 0;
  return *static_cast<T*>(emulator::shared(&key, sizeof(T)));
}
template <class T>
void async_copy(T* to, const T* from) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
  emulator::start_copy(to, from, sizeof(T));
}
template <class T>
void async_copy(T* to, const T* from, bool exists) {
  alignas(16) static constexpr unsigned char zeros[16] = {};
  async_copy(to, exists ? from : reinterpret_cast<const T*>(zeros));
}
inline void async_commit() { emulator::commit_copies(); }
template <int n>
void async_wait() {
  emulator::wait_for_copies(n);
}

}  // namespace brink::cuda
