// SPDX-License-Identifier: MIT
// The machine's roofs: fused multiply-adds per second from registers, and bytes read per second from memory. A share of these
// roofs says how much could still be gained at most.
// The loops are compiled for their instruction set by a function attribute, so that this file is an ordinary one. Without
// fast-math no compiler may fold the chains; an empty asm statement takes the result.

#include <algorithm>
#include <chrono>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bench/perf/harness.h"
#include "kernels/device.h"
#include "kernels/isa.h"
#include "kernels/memory.h"

namespace brink::bench {
namespace {

constexpr std::int64_t fma_loops = 200'000;

#if defined(__x86_64__)
// 12 chains: more than latency × width (4 × 2) of every current core, fewer than 16 registers.
[[gnu::target("avx2,fma"), gnu::noinline]] double fma_flops_v3() {
  __m256 a[12];
  for (__m256& x : a) x = _mm256_set1_ps(1.0f);
  __m256 m = _mm256_set1_ps(0.999999f), c = _mm256_set1_ps(1e-6f);
  asm volatile("" : "+x"(m), "+x"(c));
  for (std::int64_t i = 0; i < fma_loops; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) a[k] = _mm256_fmadd_ps(a[k], m, c);
  }
#pragma GCC unroll 12
  for (int k = 1; k < 12; ++k) a[0] = _mm256_fmadd_ps(a[k], m, a[0]);
  asm volatile("" : : "x"(a[0]));
  return 12.0 * 8 * 2 * fma_loops;
}

[[gnu::target("avx512f"), gnu::noinline]] double fma_flops_v4() {
  __m512 a[12];
  for (__m512& x : a) x = _mm512_set1_ps(1.0f);
  __m512 m = _mm512_set1_ps(0.999999f), c = _mm512_set1_ps(1e-6f);
  asm volatile("" : "+v"(m), "+v"(c));
  for (std::int64_t i = 0; i < fma_loops; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) a[k] = _mm512_fmadd_ps(a[k], m, c);
  }
#pragma GCC unroll 12
  for (int k = 1; k < 12; ++k) a[0] = _mm512_fmadd_ps(a[k], m, a[0]);
  asm volatile("" : : "v"(a[0]));
  return 12.0 * 16 * 2 * fma_loops;
}
#endif

/// The floating-point operations of one call of the loop for this set; 0 if there is no loop for it.
double fma_flops(Isa set) {
#if defined(__x86_64__)
  if (set == Isa::x86_64_v4) return fma_flops_v4();
  if (set == Isa::x86_64_v3) return fma_flops_v3();
#endif
  static_cast<void>(set);
  return 0;
}

typedef std::uint64_t Words __attribute__((vector_size(32)));

std::uint64_t read_all(const Words* p, std::int64_t n) {
  Words s[8] = {};
  for (std::int64_t i = 0; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; ++k) s[k] += p[i + k];
  for (int k = 1; k < 8; ++k) s[0] += s[k];
  return s[0][0] + s[0][1] + s[0][2] + s[0][3];
}

template <class Work>
double best_seconds(int tries, Work&& work) {
  double best = 1e300;
  for (int i = 0; i < tries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

Roofs measure_roofs(ThreadPool& pool) {
  Roofs roofs;
  const Isa set = isa();
  roofs.fma_isa = name_of(set);
  double flops = 0;
  const double alone = best_seconds(200, [&] { flops = fma_flops(set); });
  const double together =
      best_seconds(200, [&] { pool.run(pool.threads(), [&](int, std::int64_t) { fma_flops(set); }); });
  roofs.fma_f32_gflops_core = flops / alone * 1e-9;
  roofs.fma_f32_gflops_all = flops * pool.threads() / together * 1e-9;

  const Buffer buffer(std::int64_t{256} << 20);
  const auto* words = static_cast<const Words*>(buffer.data());
  const std::int64_t n = buffer.bytes() / static_cast<std::int64_t>(sizeof(Words));
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(pool.threads()));
  auto use = [&] { asm volatile("" : : "r"(sums.data()) : "memory"); };
  const double bytes = static_cast<double>(buffer.bytes());
  roofs.read_gb_per_s_core = bytes * 1e-9 / best_seconds(10, [&] { sums[0] = read_all(words, n), use(); });
  roofs.read_gb_per_s_all = bytes * 1e-9 / best_seconds(10, [&] {
                              pool.run(pool.threads(), [&](int, std::int64_t w) {
                                const Range r = split(n, pool.threads(), w);
                                sums[static_cast<std::size_t>(w)] = read_all(words + r.begin, r.end - r.begin);
                              });
                              use();
                            });
  return roofs;
}

}  // namespace brink::bench
