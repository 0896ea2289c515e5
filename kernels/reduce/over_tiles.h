// SPDX-License-Identifier: MIT
// The tree over tiles, with threads, for kernels that make one number a tile.
// Tile partials are on the stack, 1024 tiles (4M elements) at a time. An aligned block of 2¹⁰ tiles is a subtree of T, so a
// binary counter joins the blocks and nothing is allocated, whatever n is.
#pragma once

#include <algorithm>

#include "kernels/reduce/reduce.h"

namespace brink::cpu {

/// T over all tiles of n elements, whose partials work(first, last, partials) writes; +0 for n = 0. Up to `serial_tiles` tiles
/// run on the calling thread.
template <class X, class Work>
X over_tiles(Device& d, std::int64_t n, std::int64_t serial_tiles, const Work& work) {
  constexpr std::int64_t block_tiles = 1024;
  const std::int64_t tiles = reduce_tiles(n);
  X partial[block_tiles];
  TreeCounter<X> tree;
  for (std::int64_t block = 0; block < tiles; block += block_tiles) {
    const std::int64_t count = std::min(block_tiles, tiles - block);
    parallel_for(d, count, 1, serial_tiles,
                 [&](std::int64_t begin, std::int64_t end) { work(block + begin, block + end, partial + begin); });
    tree.push(tree_add(partial, count));
  }
  return tree.total();
}

}  // namespace brink::cpu
