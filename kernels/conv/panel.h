// SPDX-License-Identifier: MIT
// The width of the panels in which a convolution reads its weights (or d), and their vectors. For sources compiled once
// per instruction set only (isa.h).
// Up to 8 channels go into half a 64-byte vector: a processor that takes two turns for a whole one then does half the
// work.
#pragma once

#include <cstdint>

#include "kernels/matmul/microkernel.h"

namespace brink::cpu {
namespace {

/// Vectors of half the bytes, of an instruction set that has as many registers for them.
template <class Isa>
struct Half {
  static constexpr int vector_bytes = Isa::vector_bytes / 2;
};
template <class Isa>
inline constexpr bool is_half = false;
template <class Isa>
inline constexpr bool is_half<Half<Isa>> = true;

template <class Isa, class T>
constexpr bool fits_half(std::int64_t n) {
  return Isa::vector_bytes == 64 && n <= lanes<Isa, T> / 2;
}

/// Columns of a panel: those of two vectors, of one, or of half of one where n fits.
template <class Isa, class T>
constexpr std::int64_t conv_panel_width(std::int64_t n) {
  return fits_half<Isa, T>(n) ? lanes<Isa, T> / 2 : panel_width<Isa, T>(n);
}

/// Calls f with the vectors of that panel: f.operator()<Isa or Half<Isa>, number of vectors>().
template <class Isa, class T, class F>
[[gnu::always_inline]] inline decltype(auto) with_panel(std::int64_t n, F&& f) {
  if constexpr (Isa::vector_bytes == 64)
    if (fits_half<Isa, T>(n)) return f.template operator()<Half<Isa>, 1>();
  if (n <= lanes<Isa, T>) return f.template operator()<Isa, 1>();
  return f.template operator()<Isa, 2>();
}

}  // namespace
}  // namespace brink::cpu
