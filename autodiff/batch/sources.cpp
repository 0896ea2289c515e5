// SPDX-License-Identifier: MIT
#include "autodiff/block_data.h"

#include <algorithm>

namespace brink {

std::int64_t BatchArrays::made_bytes() const {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < views_.size(); ++i)
    if (source(i)) bytes += views_[i].shape.row_elements() * size_of(views_[i].dtype);
  return bytes;
}

BlockData::BlockData(const Device& device, const BatchArrays& arrays, const BlockPlan& plan, int workers)
    : device_(device), made_(arrays.made_bytes() > 0) {
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    views_.push_back(arrays.view(i));
    sources_.push_back(arrays.source(i));
  }
  const CountedPart part(device, "the samples that are made for a block");
  std::int64_t most = 0;
  for (const Block& b : plan.blocks) most = std::max(most, b.samples);
  const auto buffer = [&](std::size_t i, const Device& where) {
    if (!sources_[i]) return Array{};
    Shape shape = views_[i].shape;
    shape.extent[0] = most;
    return Array(shape, views_[i].dtype, where);
  };
  slots_.resize(static_cast<std::size_t>(workers));
  for (Slot& s : slots_) {
    s.views = views_;
    for (std::size_t i = 0; i < views_.size(); ++i) s.buffers.push_back(buffer(i, device));
  }
  if (made_ && device.where == Where::cuda)
    for (std::size_t i = 0; i < 2 * views_.size(); ++i) staged_.push_back(buffer(i / 2, device.host()));
}

std::span<const View> BlockData::rows(int worker, const Block& block) {
  Slot& slot = slots_[static_cast<std::size_t>(worker)];
  const bool filled = slot.first_sample == block.first_sample && slot.views[0].shape[0] == block.samples;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    View& v = slot.views[i];
    v.shape.extent[0] = block.samples;
    v.data = sources_[i]
                 ? slot.buffers[i].view().data
                 : static_cast<char*>(views_[i].data) + block.first_sample * v.shape.row_elements() * size_of(v.dtype);
  }
  if (!made_ || filled) return slot.views;
  slot.first_sample = block.first_sample;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (!sources_[i]) continue;
    const View& v = slot.views[i];
    const std::int64_t row_bytes = v.shape.row_elements() * size_of(v.dtype);
    const bool staged = device_.where == Where::cuda;
    char* const out = static_cast<char*>(staged ? staged_[2 * i + turn_].view().data : v.data);
    Device host = staged ? device_.host() : device_.serial();
    constexpr std::int64_t grain = 16;
    parallel_for(host, block.samples, grain, grain, [&](std::int64_t begin, std::int64_t end) {
      sources_[i]->fill(block.first_sample + begin, end - begin, out + begin * row_bytes);
    });
  }
  if (device_.where == Where::cuda) {
    // What was copied from the other turn's memory has then arrived, so the next call may write there.
    synchronize(device_);
    for (std::size_t i = 0; i < views_.size(); ++i)
      if (sources_[i])
        copy(device_, slot.views[i], {staged_[2 * i + turn_].view().data, slot.views[i].shape, slot.views[i].dtype});
    turn_ ^= 1;
  }
  return slot.views;
}

}  // namespace brink
