// SPDX-License-Identifier: MIT
// The data of a batch: arrays in memory or rows that are made on demand, all of them or those that a list of indices names.
// A made row depends on its index alone, so blocks, threads and the order of calls never change a bit. The rows of a list are gathered
// once in each pass, into memory that stays in place, where captured work and products find them.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <ranges>
#include <span>
#include <vector>

#include "autodiff/batch/plan.h"
#include "kernels/device.h"
#include "kernels/function_ref.h"
#include "kernels/memory.h"
#include "kernels/replay.h"

namespace brink {

/// Makes samples when a block asks for them, in the place of an array that holds them all.
class RowMaker {
 public:
  virtual ~RowMaker() = default;
  /// [N, …], samples first.
  virtual Shape shape() const = 0;
  virtual Dtype dtype() const = 0;
  /// Writes rows first … first + count − 1 to `out`, contiguous host memory: the same bytes for a row in every call.
  /// Called from several threads at once; allocates nothing, throws nothing.
  virtual void fill(std::int64_t first, std::int64_t count, void* out) const = 0;

 protected:
  RowMaker() = default;
  RowMaker(const RowMaker&) = default;
  RowMaker& operator=(const RowMaker&) = default;
};

/// Which rows a batch takes, in which order: a minibatch, for example. It has a fixed length and a fixed place, so the list may
/// change between two passes.
class RowList {
 public:
  /// A list of `length` indices of sources of `rows` rows; all are 0 at first. Throws std::invalid_argument where one is below 1.
  RowList(const Device&, std::int64_t length, std::int64_t rows);
  RowList(const RowList&) = delete;  // sources point to it
  RowList& operator=(const RowList&) = delete;
  /// Takes effect in the next pass. A row may stand in the list several times. Waits for a CUDA device.
  /// Throws std::invalid_argument for another length or an index that is no row.
  void set(Device&, std::span<const std::int32_t> indices);

  std::int64_t length() const { return host_.view().shape[0]; }
  std::int64_t rows() const { return rows_; }
  /// int32 [length], in the host's memory and in the device's.
  View on_host() const { return host_.view(); }
  View on_device() const { return device_.view().data ? device_.view() : host_.view(); }

 private:
  std::int64_t rows_;
  Array host_, device_;  // device_: empty on the CPU, where the host's serves
};

/// One data array of a batch, samples first. Owns nothing.
class RowSource {
 public:
  // Implicit on purpose: most callers have arrays only.
  // NOLINTBEGIN(google-explicit-constructor)
  /// An array in the device's memory.
  RowSource(const View& array) : view_(array) {}
  /// Rows that are made on demand.
  RowSource(const RowMaker& maker) : view_{nullptr, maker.shape(), maker.dtype()}, maker_(&maker) {}
  // NOLINTEND(google-explicit-constructor)

  /// The rows of this source that the list names. Throws std::invalid_argument for a list over another number of rows, and where
  /// there is a list already.
  RowSource chosen_by(const RowList&) const;

  std::int64_t samples() const { return list_ ? list_->length() : view_.shape[0]; }
  /// All rows; without memory where they are made.
  const View& view() const { return view_; }
  std::int64_t row_bytes() const { return view_.shape.row_elements() * size_of(view_.dtype); }
  const RowMaker* maker() const { return maker_; }
  const RowList* list() const { return list_; }

 private:
  View view_;
  const RowMaker* maker_ = nullptr;
  const RowList* list_ = nullptr;
};

/// The sources of a batch, one for each data input of its graphs.
class Batch {
 public:
  Batch() = default;
  // Implicit on purpose: arrays in memory are a batch.
  // NOLINTBEGIN(google-explicit-constructor)
  /// Throws std::invalid_argument where sources differ in the number of samples.
  Batch(std::vector<RowSource> sources);
  Batch(std::initializer_list<RowSource> sources) : Batch(std::vector<RowSource>(sources)) {}
  template <std::ranges::forward_range Views>
  requires std::convertible_to < std::ranges::range_reference_t<const Views>,
  const View& > Batch(const Views& views)
      : Batch(std::vector<RowSource>(std::ranges::begin(views), std::ranges::end(views))) {}
  // NOLINTEND(google-explicit-constructor)

  /// The batch of those rows of every source.
  Batch chosen_by(const RowList&) const;

  bool empty() const { return sources_.empty(); }
  std::size_t size() const { return sources_.size(); }
  const RowSource& operator[](std::size_t i) const { return sources_[i]; }
  std::int64_t samples() const { return sources_[0].samples(); }
  /// Bytes of one sample's made rows; 0: everything lies in memory.
  std::int64_t made_bytes() const;

 private:
  std::vector<RowSource> sources_;
};

/// Hands out the rows of a block, made where necessary. On a CUDA device rows are made in host memory, while the device
/// works on the block before, and copied into memory of a fixed place.
class BlockRows {
 public:
  /// Memory for the made rows of the plan's largest block is allocated here, for each worker, and for all rows that a list names.
  BlockRows(const Device&, const Batch&, const BlockPlan&, int workers);

  /// Takes the lists as they are now, and gathers from the arrays the rows they name. Enqueues only.
  void gather(Device&);
  /// The block's rows of every source; they hold until the worker's next call. Made rows may wait for a CUDA device.
  std::span<const View> rows(int worker, const Block&);
  /// Runs work that asks for rows, or has a CUDA device replay it. Rows that the host makes in between cannot be part of what is
  /// replayed. `memory`: as of Replay::run.
  void run(Device&, Replay&, std::span<void* const> memory, FunctionRef<void()> work) const;

 private:
  struct Source {
    RowSource from;
    Array gathered;  // the rows of a list, of an array in memory
    Array list;      // of made rows, in host memory: the list when it was taken
  };
  struct Slot {
    std::vector<View> views;     // of the current block
    std::vector<Array> buffers;  // of each source; empty where it lies in memory
    std::int64_t first_sample = -1;
  };
  void make_rows(const Source&, std::int64_t first, std::int64_t count, char* out) const;

  Device device_;
  std::vector<Source> sources_;
  bool made_;
  std::vector<Slot> slots_;    // by worker
  std::vector<Array> staged_;  // CUDA: two for each source, used in turns
  std::size_t turn_ = 0;
};

}  // namespace brink
