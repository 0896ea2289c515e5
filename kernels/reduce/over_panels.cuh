// SPDX-License-Identifier: MIT
// Joins the parts of a sum over samples on the GPU by the tree T: first the panels of each group, then the groups (panels.h). It
// serves the gradients of weights and biases of dense layers and convolutions.
// Parts are in scratch memory: all panels run at once, and a second kernel joins them.
//
//   panels    0 1 2 3 4 | 5 6 7 8 9 | 10 11 12      one block of threads each for a tile of W; parts in scratch
//   groups       0            1           2         first join: T over each group's panels, in place
//   sum                       W                     second join: T over groups
//
// Where a group has 2ʲ panels, both joins are one: aligned 2ʲ leaves are a subtree of T over all panels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/device_code.h"
#include "kernels/cuda/launch.h"
#include "kernels/reduce/panels.h"

namespace brink::cuda {

/// T over the first `count` ≥ 1 of up to n leaves, n a power of two, `stride` elements from leaf to leaf.
template <int n, class T>
__device__ __forceinline__ T tree_of(const T* leaf, std::int64_t stride, std::int64_t count) {
  if constexpr (n == 1) {
    return *leaf;
  } else {
    const T left = tree_of<n / 2>(leaf, stride, count);
    return count <= n / 2 ? left : left + tree_of<n / 2>(leaf + n / 2 * stride, stride, count - n / 2);
  }
}

/// How many leaves one kernel joins: each of `join_rows` rows of a block's threads joins `join_run`.
inline constexpr int join_columns = 32, join_rows = 8, join_run = 8;
inline constexpr std::int64_t most_joined = join_rows * join_run;

/// Several trees of the same shape: leaves `stride` elements apart, trees `from_tree_to_tree`; the last one has `last_count`
/// leaves.
struct Trees {
  std::int64_t stride, count, last_count, from_tree_to_tree;
};

/// T over leaves of `elements` values each: 64 neighbouring leaves of a tree become one.
/// Shapes:     leaf i of tree z at leaves + z·from_tree_to_tree + i·stride; the tree of leaves 64 b … 64 b + 63 goes to `to`, or,
///             where that is null, to the place of leaf 64 b. Grid: elements/32 × ⌈count/64⌉ × trees.
/// Arithmetic: T. Aligned blocks of 64 leaves are subtrees, so joining their sums the same way again yields T of all.
/// Aliasing:   `to` overlaps no leaf. In place: a block writes, after its barrier, where only that block has read.
/// Errors:     none.
/// Cost:       reads all leaves once. 8 independent loads per thread.
template <class T>
__global__ void __launch_bounds__(join_columns* join_rows)
    join_groups_kernel(T* to, T* leaves, Trees trees, std::int64_t elements) {
  struct Runs {
    T sum[join_rows][join_columns];
  };
  Runs& runs = shared_memory<Runs>();
  const int x = static_cast<int>(threadIdx.x) % join_columns, y = static_cast<int>(threadIdx.x) / join_columns;
  const std::int64_t element = std::int64_t{blockIdx.x} * join_columns + x;
  const std::int64_t first = std::int64_t{blockIdx.y} * most_joined;
  T* const block = leaves + blockIdx.z * trees.from_tree_to_tree + first * trees.stride + element;
  const std::int64_t left = (blockIdx.z + 1 == gridDim.z ? trees.last_count : trees.count) - first;
  const std::int64_t in_block = left < most_joined ? left : most_joined, in_run = in_block - y * join_run;
  if (element < elements && in_run > 0)
    runs.sum[y][x] = tree_of<join_run>(block + y * join_run * trees.stride, trees.stride, in_run);
  __syncthreads();
  if (element < elements && y == 0 && in_block > 0)
    *(to ? to + element : block) =
        tree_of<join_rows>(&runs.sum[0][x], join_columns, (in_block + join_run - 1) / join_run);
}

/// x = lower + x for `elements` values: two finished subtrees, the one over earlier leaves first.
template <class T>
__global__ void join_two_kernel(T* x, const T* lower, std::int64_t elements) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < elements) x[i] = lower[i] + x[i];
}

/// T over each of `count` trees, in place; a single one goes into `to`. The leaves are overwritten.
template <class T>
void join_trees(Device& d, T* to, T* leaves, Trees trees, std::int64_t count, std::int64_t elements) {
  for (;; trees.stride *= most_joined) {
    const unsigned blocks = blocks_for(trees.count, most_joined);
    launch(d, join_groups_kernel<T>, {blocks_for(elements, join_columns), blocks, static_cast<unsigned>(count)},
           {join_columns * join_rows}, blocks == 1 && count == 1 ? to : nullptr, leaves, trees, elements);
    if (blocks == 1) return;
    trees.count = blocks;
    trees.last_count = blocks_for(trees.last_count, most_joined);
  }
}

/// How T over all panels is computed where `part_bytes` of scratch are needed for each panel.
struct PanelPlan {
  static constexpr std::int64_t most_part_bytes = std::int64_t{256} << 20, most_in_grid = 65535;
  std::int64_t panels;    ///< panels of all groups
  std::int64_t in_group;  ///< panels of each group but the last
  bool one_tree;          ///< a tree of panels, not of groups of panels
  std::int64_t
      groups_at_once;  ///< two trees: the number of whole groups whose panels fit into scratch together; 0: not even one
  std::int64_t
      panels_at_once;  ///< one tree, or groups_at_once = 0: the number of panels that fit together, within a group in the latter case

  PanelPlan(const GroupedPanels& all, std::int64_t part_bytes) {
    const std::int64_t groups = all.groups();
    in_group = all.count(0);
    panels = (groups - 1) * in_group + all.count(groups - 1);
    one_tree = groups == 1 || (in_group & (in_group - 1)) == 0;
    const bool one_fits = in_group * part_bytes <= most_part_bytes && in_group <= most_in_grid;
    groups_at_once = !one_tree && one_fits ? at_once(groups, in_group, part_bytes) : 0;
    panels_at_once = groups_at_once ? std::min(groups_at_once * in_group, panels)
                                    : at_once(one_tree ? panels : in_group, 1, part_bytes);
  }
  std::int64_t bytes(const GroupedPanels& all, std::int64_t part_bytes) const {
    if (panels == 1) return 0;
    if (groups_at_once) return (panels_at_once + waiting(all.groups(), groups_at_once)) * part_bytes;
    const std::int64_t tree = panels_at_once + waiting(one_tree ? panels : in_group, panels_at_once);
    return (tree + (one_tree ? 0 : 1 + waiting(all.groups(), 1))) * part_bytes;
  }
  /// The number of subtrees that wait in a binary counter while batches of `at_once` of `leaves` follow one another.
  static std::int64_t waiting(std::int64_t leaves, std::int64_t at_once) {
    const std::int64_t batches = (leaves + at_once - 1) / at_once;
    std::int64_t levels = 0;
    while (std::int64_t{1} << levels < batches) ++levels;
    return levels;
  }

 private:
  /// All of `leaves`, each of `panels`, or the largest 2ʲ of them that stays below the limits.
  static std::int64_t at_once(std::int64_t leaves, std::int64_t panels, std::int64_t part_bytes) {
    const auto fits = [&](std::int64_t n) {
      return n * panels * part_bytes <= most_part_bytes && n * panels <= most_in_grid;
    };
    if (fits(leaves)) return leaves;
    std::int64_t n = 1;
    while (fits(2 * n)) n *= 2;
    return std::min(n, leaves);
  }
};

/// T over `count` leaves: tree(to, first, n) enqueues T over the leaves first … first + n − 1, `at_once` at a time (a power of
/// two, unless it is all of them). Batches are subtrees of T; a binary counter of them is kept at `waiting`. All sums but that
/// of the last batch are made in `sum`.
template <class T, class Tree>
void in_batches(Device& d, T* to, std::int64_t count, std::int64_t at_once, std::int64_t elements, T* sum, T* waiting,
                Tree&& tree) {
  for (std::int64_t first = 0, batch = 0; first < count; first += at_once, ++batch) {
    const bool last = first + at_once >= count;
    T* const x = last ? to : sum;
    tree(x, first, last ? count - first : at_once);
    int level = 0;
    const auto join_waiting = [&] {
      launch(d, join_two_kernel<T>, {blocks_for(elements, 256)}, {256}, x, waiting + level * elements, elements);
    };
    for (; (batch >> level & 1) != 0; ++level) join_waiting();
    if (!last) d.gpu->copy(waiting + level * elements, x, elements * std::int64_t{sizeof(T)});
    if (last)
      for (++level; batch >> level != 0; ++level)
        if ((batch >> level & 1) != 0) join_waiting();
  }
}

/// T over the panels of each group, T over groups, into `to` [elements]: parts(to, first, n) enqueues the parts of the panels
/// first … first + n − 1 of the batch, [n, elements]. Scratch: over_panels_bytes.
template <class T, class Parts>
void over_panels(Device& d, T* to, const GroupedPanels& all, std::int64_t elements, T* scratch, Parts&& parts) {
  const PanelPlan plan(all, elements * std::int64_t{sizeof(T)});
  if (plan.panels == 1) return parts(to, std::int64_t{0}, std::int64_t{1});
  T* const waiting = scratch + plan.panels_at_once * elements;
  const auto one_tree = [&](T* sum, std::int64_t begin, std::int64_t panels) {
    in_batches(d, sum, panels, plan.panels_at_once, elements, scratch, waiting,
               [&](T* x, std::int64_t first, std::int64_t n) {
                 parts(scratch, begin + first, n);
                 if (n > 1 || x != scratch) join_trees(d, x, scratch, {elements, n, n, 0}, 1, elements);
               });
  };
  if (plan.one_tree) return one_tree(to, 0, plan.panels);
  const std::int64_t groups = all.groups(), group = plan.in_group * elements;
  if (plan.groups_at_once)
    return in_batches(
        d, to, groups, plan.groups_at_once, elements, scratch, waiting, [&](T* x, std::int64_t first, std::int64_t n) {
          const std::int64_t begin = first * plan.in_group, end = std::min(begin + n * plan.in_group, plan.panels);
          parts(scratch, begin, end - begin);
          const std::int64_t in_last = end - begin - (n - 1) * plan.in_group;
          if (n > 1) join_trees<T>(d, nullptr, scratch, {elements, plan.in_group, in_last, group}, n, elements);
          const std::int64_t stride = n > 1 ? group : elements, leaves = n > 1 ? n : in_last;
          join_trees(d, x, scratch, {stride, leaves, leaves, 0}, 1, elements);
        });
  T* const sum = waiting + PanelPlan::waiting(plan.in_group, plan.panels_at_once) * elements;
  in_batches(d, to, groups, 1, elements, sum, sum + elements, [&](T* x, std::int64_t g, std::int64_t) {
    const std::int64_t begin = g * plan.in_group;
    one_tree(x, begin, std::min(plan.in_group, plan.panels - begin));
  });
}

inline std::int64_t over_panels_bytes(const GroupedPanels& all, std::int64_t part_bytes) {
  return PanelPlan(all, part_bytes).bytes(all, part_bytes);
}

}  // namespace brink::cuda
