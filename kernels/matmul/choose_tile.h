// SPDX-License-Identifier: MIT
// Chooses the tile for a product of a given shape, for all roles of matrix products and convolutions.
// It uses a model of three rates that can be checked by hand. A tile affects no result, so a wrong choice costs time only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "kernels/cuda/launch.h"

namespace brink::cuda {

template <class... Tile>
struct TileList {};

/// The cycles that one term of all chains costs the busiest multiprocessor (matmul.cuh, "Tiles"): the slowest of fma issue,
/// shared memory, and a multiprocessor's share of the second-level cache (4 values a cycle: 16 bytes of float32).
template <class Tile>
double model_cycles(std::int64_t m, std::int64_t n, std::int64_t copies, int multiprocessors) {
  const std::int64_t all = blocks_for(m, Tile::m) * std::int64_t{blocks_for(n, Tile::n)} * copies;
  const std::int64_t blocks = (all + multiprocessors - 1) / multiprocessors, warps = blocks * (Tile::threads / 32);
  const std::int64_t warps_of_a_scheduler = (warps + 3) / 4;
  const auto fma = static_cast<double>(warps_of_a_scheduler * Tile::tm * Tile::tn);
  const auto staged = static_cast<double>(blocks * (Tile::m + Tile::n));
  const double shared = static_cast<double>(warps * (Tile::tm + Tile::tn)) + staged / 32;
  return std::max({fma, shared, staged / 4});
}

/// Calls f with the tile of List that is cheapest by the model for `copies` products [m,n]; of equals the first, which is the
/// largest.
template <class List, class F>
void with_tile(Device& d, std::int64_t m, std::int64_t n, std::int64_t copies, F&& f) {
  const int multiprocessors = d.gpu->properties().multiprocessors;
  [&]<class... Tile>(TileList<Tile...>) {
    const double cycles[] = {model_cycles<Tile>(m, n, copies, multiprocessors)...};
    const auto chosen = std::min_element(std::begin(cycles), std::end(cycles)) - std::begin(cycles);
    std::ptrdiff_t i = 0;
    ((i++ == chosen ? f(Tile{}) : void()), ...);
  }(List{});
}

}  // namespace brink::cuda
