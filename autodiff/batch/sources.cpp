// SPDX-License-Identifier: MIT
#include "autodiff/batch/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "kernels/index/index.h"

namespace brink {

namespace {
/// The shape with `rows` rows.
Shape with_rows(Shape shape, std::int64_t rows) {
  shape.extent[0] = rows;
  return shape;
}
}  // namespace

RowList::RowList(const Device& device, std::int64_t length, std::int64_t rows) : rows_(rows) {
  if (length < 1 || rows < 1)
    throw std::invalid_argument(
        fmt::format("a list of {} indices into {} rows: expected at least one index and one row", length, rows));
  const CountedPart part(device, "the lists of the rows of a batch");
  host_ = zeros({length}, Dtype::i32, device.host());
  if (device.where == Where::cuda) device_ = zeros({length}, Dtype::i32, device);
}

void RowList::set(Device& device, std::span<const std::int32_t> indices) {
  if (static_cast<std::int64_t>(indices.size()) != length())
    throw std::invalid_argument(
        fmt::format("{} indices for a list of rows of length {}: expected the same number", indices.size(), length()));
  for (std::size_t i = 0; i < indices.size(); ++i)
    if (indices[i] < 0 || indices[i] >= rows_)
      throw std::invalid_argument(
          fmt::format("index {} of a list of rows is {}: expected 0 to {}", i, indices[i], rows_ - 1));
  if (device.count) return;
  synchronize(device);  // the list before has then arrived on the device
  std::ranges::copy(indices, host_.span<std::int32_t>().begin());
  if (device.where == Where::cuda) copy(device, device_.view(), host_.view());
}

RowSource RowSource::chosen_by(const RowList& list) const {
  if (list_)
    throw std::invalid_argument("a list already chooses the rows of this source: expected a source without one");
  if (list.rows() != view_.shape[0])
    throw std::invalid_argument(fmt::format("a list of indices into {} rows: expected as many as the source has, {}",
                                            list.rows(), view_.shape[0]));
  RowSource out = *this;
  out.list_ = &list;
  return out;
}

Batch::Batch(std::vector<RowSource> sources) : sources_(std::move(sources)) {
  for (const RowSource& s : sources_)
    if (s.samples() != samples())
      throw std::invalid_argument(fmt::format("the sources of a batch have {} and {} samples: expected the same number",
                                              samples(), s.samples()));
}

Batch Batch::chosen_by(const RowList& list) const {
  std::vector<RowSource> chosen;
  for (const RowSource& s : sources_) chosen.push_back(s.chosen_by(list));
  return {std::move(chosen)};
}

std::int64_t Batch::made_bytes() const {
  std::int64_t bytes = 0;
  for (const RowSource& s : sources_)
    if (s.maker()) bytes += s.row_bytes();
  return bytes;
}

BlockRows::BlockRows(const Device& device, const Batch& batch, const BlockPlan& plan, int workers)
    : device_(device), made_(batch.made_bytes() > 0) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const RowSource& from = batch[i];
    const CountedPart part(device, "the rows that a list names");
    Source s{from, {}, {}};
    if (from.list() && from.maker())
      s.list = Array({from.samples()}, Dtype::i32, device.host());
    else if (from.list())
      s.gathered = Array(with_rows(from.view().shape, from.samples()), from.view().dtype, device);
    sources_.push_back(std::move(s));
  }
  const CountedPart part(device, "the samples that are made for a block");
  std::int64_t most = 0;
  for (const Block& b : plan.blocks) most = std::max(most, b.samples);
  const auto buffer = [&](const RowSource& s, const Device& where) {
    return s.maker() ? Array(with_rows(s.view().shape, most), s.view().dtype, where) : Array();
  };
  slots_.resize(static_cast<std::size_t>(workers));
  for (Slot& slot : slots_)
    for (const Source& s : sources_) {
      slot.views.push_back(s.from.view());
      slot.buffers.push_back(buffer(s.from, device));
    }
  if (made_ && device.where == Where::cuda)
    for (const Source& s : sources_)
      for (int turn = 0; turn < 2; ++turn) staged_.push_back(buffer(s.from, device.host()));
}

void BlockRows::gather(Device& device) {
  for (Source& s : sources_) {
    const RowList* const list = s.from.list();
    if (!list) continue;
    if (s.from.maker()) {
      std::ranges::copy(list->on_host().span<std::int32_t>(), s.list.span<std::int32_t>().begin());
      for (Slot& slot : slots_) slot.first_sample = -1;
      continue;
    }
    constexpr std::int64_t grain = 16;
    parallel_for(device, list->length(), grain, grain, [&](std::int64_t begin, std::int64_t end) {
      Device serial = device.serial();
      gather_rows(serial, s.gathered.view().rows(begin, end - begin), s.from.view(),
                  list->on_device().rows(begin, end - begin));
    });
  }
}

void BlockRows::make_rows(const Source& s, std::int64_t first, std::int64_t count, char* out) const {
  if (!s.from.list()) return s.from.maker()->fill(first, count, out);
  for (std::int64_t i = 0; i < count; ++i, out += s.from.row_bytes())
    s.from.maker()->fill(s.list.view().as<std::int32_t>()[first + i], 1, out);
}

std::span<const View> BlockRows::rows(int worker, const Block& block) {
  Slot& slot = slots_[static_cast<std::size_t>(worker)];
  const bool filled = slot.first_sample == block.first_sample && slot.views[0].shape[0] == block.samples;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const RowSource& s = sources_[i].from;
    View& v = slot.views[i];
    if (s.maker()) {
      v = slot.buffers[i].view();
      v.shape.extent[0] = block.samples;
    } else {
      const View& all = s.list() ? sources_[i].gathered.view() : s.view();
      v = all.rows(block.first_sample, block.samples);
    }
  }
  if (!made_ || filled) return slot.views;
  slot.first_sample = block.first_sample;
  const bool staged = device_.where == Where::cuda;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Source& s = sources_[i];
    if (!s.from.maker()) continue;
    char* const out = static_cast<char*>(staged ? staged_[2 * i + turn_].view().data : slot.views[i].data);
    Device host = staged ? device_.host() : device_.serial();
    constexpr std::int64_t grain = 16;
    parallel_for(host, block.samples, grain, grain, [&](std::int64_t begin, std::int64_t end) {
      make_rows(s, block.first_sample + begin, end - begin, out + begin * s.from.row_bytes());
    });
  }
  if (staged) {
    // What was copied from the other turn's memory has then arrived, so the next call may write there.
    synchronize(device_);
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (sources_[i].from.maker())
        copy(device_, slot.views[i], {staged_[2 * i + turn_].view().data, slot.views[i].shape, slot.views[i].dtype});
    turn_ ^= 1;
  }
  return slot.views;
}

void BlockRows::run(Device& device, Replay& replay, std::span<void* const> memory, FunctionRef<void()> work) const {
  if (made_)
    work();
  else
    replay.run(device, memory, work);
}

}  // namespace brink
