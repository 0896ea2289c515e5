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
    for (std::size_t i = 0; i < views_.size(); ++i) {
      s.buffers.push_back(buffer(i, device));
      s.made.push_back(s.buffers.back().view().data);
    }
  }
  if (made_ && device.where == Where::cuda)
    for (std::size_t i = 0; i < 2 * views_.size(); ++i) staged_.push_back(buffer(i / 2, {}));
}

BlockRows BlockData::rows(int worker, const Block& block) {
  if (!made_) return {views_};
  Slot& slot = slots_[static_cast<std::size_t>(worker)];
  const BlockRows out{views_, slot.made};
  if (slot.first_sample == block.first_sample && slot.samples == block.samples) return out;
  slot.first_sample = block.first_sample;
  slot.samples = block.samples;
  const bool staged = device_.where == Where::cuda;
  const auto of_block = [&](std::size_t i, void* memory) {
    View v{memory, views_[i].shape, views_[i].dtype};
    v.shape.extent[0] = block.samples;
    return v;
  };
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (!sources_[i]) continue;
    const View to = of_block(i, staged ? staged_[2 * i + turn_].view().data : slot.made[i]);
    const std::int64_t row_bytes = to.shape.row_elements() * size_of(to.dtype);
    Device host = staged ? device_.host() : device_.serial();
    constexpr std::int64_t grain = 16;
    parallel_for(host, block.samples, grain, grain, [&](std::int64_t begin, std::int64_t end) {
      sources_[i]->fill(block.first_sample + begin, end - begin, static_cast<char*>(to.data) + begin * row_bytes);
    });
  }
  if (staged) {
    // What was copied from the other turn's memory has then arrived, so the next call may write there.
    synchronize(device_);
    for (std::size_t i = 0; i < views_.size(); ++i)
      if (sources_[i]) copy(device_, of_block(i, slot.made[i]), of_block(i, staged_[2 * i + turn_].view().data));
    turn_ ^= 1;
  }
  return out;
}

}  // namespace brink
