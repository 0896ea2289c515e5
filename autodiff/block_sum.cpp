// SPDX-License-Identifier: MIT
#include "autodiff/block_sum.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

#include "kernels/map/map.h"

namespace brink {

namespace {
/// Two subtrees are siblings when the lower one is complete and aligned to twice its size.
bool siblings(std::int64_t lower_first, std::int64_t lower_groups, std::int64_t upper_groups) {
  return lower_groups == upper_groups && (lower_groups & (lower_groups - 1)) == 0 && lower_first % (2 * lower_groups) == 0;
}
}  // namespace

BlockPlan plan_blocks(std::int64_t samples, std::int64_t group, std::int64_t chunk) {
  if (samples < 1 || group < 1) throw std::invalid_argument("plan_blocks: samples and group must be positive");
  BlockPlan plan{samples, group, {}};
  const std::int64_t groups = (samples + group - 1) / group;
  const auto add = [&](std::int64_t first, std::int64_t count) {
    const std::int64_t begin = first * group, end = std::min(samples, (first + count) * group);
    plan.blocks.push_back({first, count, begin, end - begin});
  };
  if (chunk >= samples) {
    add(0, groups);
    return plan;
  }
  if (chunk < group || chunk % group != 0)
    throw std::invalid_argument("chunk " + std::to_string(chunk) + ": expected a multiple of the group of " +
                                std::to_string(group) + " samples");
  const std::int64_t step = chunk / group;
  for (std::int64_t begin = 0; begin < groups; begin += step) {
    const std::int64_t end = std::min(groups, begin + step);
    for (std::int64_t g = begin; g < end;) {
      std::int64_t count = 1;
      while (g % (2 * count) == 0 && g + 2 * count <= end) count *= 2;
      add(g, count);
      g += count;
    }
  }
  return plan;
}

namespace {
int depth_of(const BlockPlan& plan, int workers) {
  // Subtrees a worker can hold at once: its range is cut into at most 2·log₂(groups) maximal aligned ones, and one in work.
  int bits = 1;
  while ((std::int64_t{1} << bits) < plan.blocks.back().first_group + plan.blocks.back().groups) ++bits;
  const auto per_worker = static_cast<int>((plan.blocks.size() + static_cast<std::size_t>(workers) - 1) / static_cast<std::size_t>(workers));
  return std::min(2 * bits, per_worker) + 1;
}
}  // namespace

std::int64_t BlockSum::bytes(const BlockPlan& plan, const ParameterLayout& layout, Dtype dtype, int workers) {
  return workers * depth_of(plan, workers) * layout.extent() * size_of(dtype);
}

BlockSum::BlockSum(const Device& device, BlockPlan plan, const ParameterLayout& layout, Dtype dtype, int scalars)
    : plan_(std::move(plan)), dtype_(dtype), extent_(layout.extent()), scalar_count_(scalars) {
  const int workers = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(device.threads()), plan_.blocks.size()));
  const int depth = depth_of(plan_, workers);
  stacks_.resize(static_cast<std::size_t>(workers));
  for (Stack& s : stacks_) {
    for (int i = 0; i < depth; ++i) {
      s.vectors.push_back(zeros(Shape{extent_}, dtype));
      s.scalars.emplace_back(static_cast<std::size_t>(scalars));
    }
    s.waiting.reserve(static_cast<std::size_t>(depth));
    s.unused.reserve(static_cast<std::size_t>(depth));
  }
  rest_.reserve(static_cast<std::size_t>(workers * depth));
}

void BlockSum::join(Stack& lower_of, int lower, Stack& upper_of, int upper) {
  Device serial;
  const View& into = lower_of.vectors[static_cast<std::size_t>(lower)].view();
  map<Add>(serial, into, {into, upper_of.vectors[static_cast<std::size_t>(upper)].view()});
  auto& sums = lower_of.scalars[static_cast<std::size_t>(lower)];
  const auto& more = upper_of.scalars[static_cast<std::size_t>(upper)];
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sums[i] + more[i];
}

void BlockSum::push(Stack& s, Subtree t) {
  while (!s.waiting.empty() && siblings(s.waiting.back().first_group, s.waiting.back().groups, t.groups)) {
    const Subtree lower = s.waiting.back();
    s.waiting.pop_back();
    join(s, lower.slot, s, t.slot);
    s.unused.push_back(t.slot);
    t = {lower.first_group, lower.groups + t.groups, lower.slot};
  }
  s.waiting.push_back(t);
}

void BlockSum::run(Device& device, const std::function<void(int, std::size_t, const Slot&)>& body, View vector,
                   std::span<double> scalars, std::span<const char> divide_scalar) {
  const auto blocks = static_cast<std::int64_t>(plan_.blocks.size());
  const auto work = [&](int w) {
    if (w >= workers()) return;
    Stack& s = stacks_[static_cast<std::size_t>(w)];
    s.waiting.clear();
    s.unused.clear();
    for (std::size_t i = s.vectors.size(); i-- > 0;) s.unused.push_back(static_cast<int>(i));
    const Range r = split(blocks, workers(), w);
    for (std::int64_t b = r.begin; b < r.end; ++b) {
      const int slot = s.unused.back();
      s.unused.pop_back();
      const auto at = static_cast<std::size_t>(slot);
      body(w, static_cast<std::size_t>(b), {s.vectors[at].view(), s.scalars[at]});
      const Block& block = plan_.blocks[static_cast<std::size_t>(b)];
      push(s, {block.first_group, block.groups, slot});
    }
  };
  if (device.pool && workers() > 1) device.pool->run(std::cref(work));  // by reference: a copy would be allocated
  else
    for (int w = 0; w < workers(); ++w) work(w);

  // The workers' leftovers, in order, join as the blocks did; what remains is folded from the right.
  rest_.clear();
  const auto stack = [&](const std::pair<int, Subtree>& e) -> Stack& { return stacks_[static_cast<std::size_t>(e.first)]; };
  for (int w = 0; w < workers(); ++w)
    for (Subtree t : stacks_[static_cast<std::size_t>(w)].waiting) {
      std::pair<int, Subtree> top{w, t};
      while (!rest_.empty() && siblings(rest_.back().second.first_group, rest_.back().second.groups, top.second.groups)) {
        auto lower = rest_.back();
        rest_.pop_back();
        join(stack(lower), lower.second.slot, stack(top), top.second.slot);
        lower.second.groups += top.second.groups;
        top = lower;
      }
      rest_.push_back(top);
    }
  for (std::size_t i = rest_.size() - 1; i-- > 0;) join(stack(rest_[i]), rest_[i].second.slot, stack(rest_[i + 1]), rest_[i + 1].second.slot);

  Stack& s = stack(rest_[0]);
  const auto total = static_cast<std::size_t>(rest_[0].second.slot);
  const auto n = static_cast<double>(plan_.samples);
  if (vector.data) map<Divide>(device, vector, {s.vectors[total].view()}, n);
  for (std::size_t i = 0; i < scalars.size(); ++i)
    scalars[i] = divide_scalar[i] ? s.scalars[total][i] / n : s.scalars[total][i];
}

}  // namespace brink
