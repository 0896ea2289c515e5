// SPDX-License-Identifier: MIT
// Max pooling, compiled once per instruction set.
// A vector is a run of channels of one pixel. Every lane has its own maximum, the value selected with it, and the number of its
// tap; there are selects but no branches.
#include <algorithm>
#include <cstring>

#include "kernels/isa.h"
#include "kernels/pool/pool_isa.h"
#include "kernels/simd.h"

namespace brink::cpu {
namespace {

using std::int64_t;

/// body(s, p, q, c, exist) for each window and each vector of channels, of which `exist` lanes exist.
template <class Isa, class T, class Body>
[[gnu::always_inline]] inline void over_windows(const PoolExtents& e, const Body& body) {
  constexpr int w = lanes<Isa, T>;
  for (int64_t s = 0; s < e.samples; ++s)
    for (int64_t p = 0; p < e.p; ++p)
      for (int64_t q = 0; q < e.q; ++q) {
        int64_t c = 0;
        for (; c + w <= e.channels; c += w) body(s, p, q, c, std::integral_constant<int, w>{});
        if (c < e.channels) body(s, p, q, c, static_cast<int>(e.channels - c));
      }
}

template <class V, class T, class Exist>
[[gnu::always_inline]] inline V get(const T* p, Exist exist) {
  if constexpr (std::is_same_v<Exist, int>)
    return load_first<V>(p, exist);
  else
    return load<V>(p);
}
template <class V, class T, class Exist>
[[gnu::always_inline]] inline void put(T* p, V v, Exist exist) {
  if constexpr (std::is_same_v<Exist, int>)
    store_first(p, v, exist);
  else
    store(p, v);
}

}  // namespace

template <class Isa, class T>
void pool_select_isa(const PoolExtents& e, PoolWindows windows, const T* x, const T* t, T* out) {
  using V = Vec<Isa, T>;
  over_windows<Isa, T>(e, [&](int64_t s, int64_t p, int64_t q, int64_t c, auto exist) {
    const int64_t first = ((s * e.height + p * windows.stride) * e.width + q * windows.stride) * e.channels + c;
    V m = get<V>(x + first, exist), selected = t ? get<V>(t + first, exist) : m;
    for (int64_t i = 0; i < windows.window; ++i)
      for (int64_t j = i == 0 ? 1 : 0; j < windows.window; ++j) {
        const int64_t at = first + (i * e.width + j) * e.channels;
        const V v = get<V>(x + at, exist);
        const auto takes = (v > m) | (v != v);
        m = takes ? v : m;
        if (t) selected = takes ? get<V>(t + at, exist) : selected;
      }
    put(out + ((s * e.p + p) * e.q + q) * e.channels + c, t ? selected : m, exist);
  });
}

template <class Isa, class T>
void pool_scatter_isa(const PoolExtents& e, PoolWindows windows, const T* x, const T* d, T* out) {
  using V = Vec<Isa, T>;
  std::memset(static_cast<void*>(out), 0,
              static_cast<std::size_t>(e.samples * e.height * e.width * e.channels) * sizeof(T));
  over_windows<Isa, T>(e, [&](int64_t s, int64_t p, int64_t q, int64_t c, auto exist) {
    const int64_t first = ((s * e.height + p * windows.stride) * e.width + q * windows.stride) * e.channels + c;
    V m = get<V>(x + first, exist);
    decltype(m > m) winner{}, tap{};
    for (int64_t i = 0; i < windows.window; ++i)
      for (int64_t j = 0; j < windows.window; ++j) {
        const V v = get<V>(x + first + (i * e.width + j) * e.channels, exist);
        const auto takes = (v > m) | (v != v);
        m = takes ? v : m;
        winner = takes ? tap : winner;
        tap += 1;
      }
    const V own = get<V>(d + ((s * e.p + p) * e.q + q) * e.channels + c, exist);
    tap -= tap;
    for (int64_t i = 0; i < windows.window; ++i)
      for (int64_t j = 0; j < windows.window; ++j) {
        T* const at = out + first + (i * e.width + j) * e.channels;
        // A sum that began with +0 is never −0, so the +0 of the other taps does not change it.
        put(at, get<V>(at, exist) + (winner == tap ? own : V{}), exist);
        tap += 1;
      }
  });
}

template void pool_select_isa<ThisIsa, float>(const PoolExtents&, PoolWindows, const float*, const float*, float*);
template void pool_select_isa<ThisIsa, double>(const PoolExtents&, PoolWindows, const double*, const double*, double*);
template void pool_scatter_isa<ThisIsa, float>(const PoolExtents&, PoolWindows, const float*, const float*, float*);
template void pool_scatter_isa<ThisIsa, double>(const PoolExtents&, PoolWindows, const double*, const double*, double*);

}  // namespace brink::cpu
