// SPDX-License-Identifier: MIT
// What it is: the data of a batch, as arrays in memory or as sources that make rows, and the rows of one block of it.
// What it is not: a data set, a queue or a cache. Decision: a made row is a function of its index, so blocks, threads and the
// order of calls never reach a bit, and a batch larger than memory needs nothing else of its users.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <vector>

#include "autodiff/block_sum.h"
#include "kernels/device.h"
#include "kernels/memory.h"

namespace brink {

/// Samples that are made when a block asks for them, in the place of an array that holds them all.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// [N, …], samples first.
  virtual Shape shape() const = 0;
  virtual Dtype dtype() const = 0;
  /// Writes rows first … first + count − 1 to `out`, contiguous host memory: the same bytes for a row in every call.
  /// Called from several threads at once; allocates nothing, throws nothing.
  virtual void fill(std::int64_t first, std::int64_t count, void* out) const = 0;

 protected:
  RowSource() = default;
  RowSource(const RowSource&) = default;
  RowSource& operator=(const RowSource&) = default;
};

/// The data arrays of a batch, samples first. Owns nothing.
class BatchArrays {
 public:
  BatchArrays() = default;
  /// Arrays in the device's memory.
  // Implicit on purpose: most callers have arrays only.
  template <class Views>
  requires std::convertible_to<const Views&, std::span<const View>>
  // NOLINTNEXTLINE(google-explicit-constructor)
  BatchArrays(const Views& views) : views_(static_cast<std::span<const View>>(views)) {}
  /// sources: one for each view, null where the array lies in memory; or none at all. The view of a made array has its
  /// shape and type, and no memory.
  BatchArrays(std::span<const View> views, std::span<const RowSource* const> sources)
      : views_(views), sources_(sources) {}

  bool empty() const { return views_.empty(); }
  std::size_t size() const { return views_.size(); }
  std::int64_t samples() const { return views_[0].shape[0]; }
  const View& view(std::size_t i) const { return views_[i]; }
  const RowSource* source(std::size_t i) const { return sources_.empty() ? nullptr : sources_[i]; }
  /// Bytes of one sample's made rows; 0: everything lies in memory.
  std::int64_t made_bytes() const;

 private:
  std::span<const View> views_;
  std::span<const RowSource* const> sources_;
};

/// Hands out the rows of a block, made where necessary. On a CUDA device rows are made in host memory, while the device
/// works on the block before, and copied into memory of a fixed place.
class BlockData {
 public:
  /// Memory for the made rows of the plan's largest block is allocated here, for each worker. Views and sources are kept,
  /// the spans are not.
  BlockData(const Device&, const BatchArrays&, const BlockPlan&, int workers);

  /// The block's rows of every array; they hold until the worker's next call. Made rows may wait for a CUDA device.
  std::span<const View> rows(int worker, const Block&);
  /// Whether rows are made by the host in between, so that nothing of it can be captured.
  bool made() const { return made_; }

 private:
  struct Slot {
    std::vector<View> views;     // of the current block
    std::vector<Array> buffers;  // of each array; empty where it lies in memory
    std::int64_t first_sample = -1;
  };

  Device device_;
  std::vector<View> views_;
  std::vector<const RowSource*> sources_;
  bool made_ = false;
  std::vector<Slot> slots_;    // by worker
  std::vector<Array> staged_;  // CUDA: two for each array, used in turns
  std::size_t turn_ = 0;
};

}  // namespace brink
