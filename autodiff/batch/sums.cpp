// SPDX-License-Identifier: MIT
#include "autodiff/batch/sums.h"

#include <algorithm>
#include <chrono>

#include "kernels/map/map.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
/// Two subtrees are siblings when the lower one is complete and aligned to twice its size.
bool siblings(std::int64_t lower_first, std::int64_t lower_groups, std::int64_t upper_groups) {
  return lower_groups == upper_groups && (lower_groups & (lower_groups - 1)) == 0 &&
         lower_first % (2 * lower_groups) == 0;
}

/// Groups of a unit: a power of two, such that each thread has some units to claim.
std::int64_t unit_groups(const BlockPlan& plan, int threads) {
  constexpr std::int64_t units_a_thread = 4;
  const std::int64_t groups = plan.blocks.back().first_group + plan.blocks.back().groups;
  std::int64_t size = 1;
  while (groups / (2 * size) >= units_a_thread * threads) size *= 2;
  for (const Block& b : plan.blocks)
    while (size < b.groups) size *= 2;
  return size;
}

/// Calls join(into, more) for each pair of values that the tree over `values` values adds, lower levels first.
template <class Join>
void join_by_tree(std::size_t values, const Join& join) {
  for (std::size_t stride = 1; stride < values; stride *= 2)
    for (std::size_t i = 0; i + stride < values; i += 2 * stride) join(i, i + stride);
}

const TraceName unit_name{"unit", "sum", {}, 0, "unit"}, join_name{"join units", "sum"};

View first_of(const Array& a, std::int64_t elements) { return {a.view().data, Shape{elements}, a.view().dtype}; }

/// into = into + more.
void join(const Device& device, View into, View more) {
  Device serial = device.serial();
  if (into.shape.elements() > 0) map<Add>(serial, into, {into, more});
}

}  // namespace

BlockSum::BlockSum(const Device& device, BlockPlan plan, const ParameterLayout& layout, Dtype dtype, int scalars)
    : plan_(std::move(plan)), dtype_(dtype) {
  const std::int64_t size = unit_groups(plan_, device.threads());
  for (std::size_t b = 0; b < plan_.blocks.size(); ++b) {
    const bool same = b > 0 && plan_.blocks[b].first_group / size == plan_.blocks[b - 1].first_group / size;
    if (same)
      units_.back().end_block = b + 1;
    else
      units_.push_back({b, b + 1});
  }
  const CountedPart part(device, "the partial sums over the batch");
  const auto make = [&] { return Value{layout.make_vector(dtype, device), zeros(Shape{scalars}, Dtype::f64, device)}; };
  for (std::size_t u = 0; u < units_.size(); ++u) values_.push_back(make());

  // A unit of 2ʲ groups keeps at most j subtrees waiting, and one is being made.
  int depth = 2;
  while ((std::int64_t{1} << (depth - 2)) < size) ++depth;
  std::size_t longest = 1;
  for (const Unit& u : units_) longest = std::max(longest, u.end_block - u.first_block);
  depth = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(depth), longest));
  // A worker's number is the thread's, so each thread needs a stack even where there are fewer units.
  stacks_.resize(static_cast<std::size_t>(units_.size() > 1 ? device.threads() : 1));
  for (Stack& s : stacks_) {
    for (int i = 0; i < depth; ++i) s.slots.push_back(make());
    s.waiting.reserve(s.slots.size() + 1);
    s.unused.reserve(s.slots.size());
  }
}

void BlockSum::run_unit(const Device& device, int worker, std::size_t unit, const Body& body, std::int64_t elements) {
  Stack& s = stacks_[static_cast<std::size_t>(worker)];
  s.waiting.clear();
  s.unused.clear();
  for (std::size_t i = s.slots.size(); i-- > 0;) s.unused.push_back(static_cast<int>(i));
  const auto slot = [&](const Subtree& t) -> Value& { return s.slots[static_cast<std::size_t>(t.slot)]; };
  const auto join_top = [&](const Subtree& upper) {
    Value &into = slot(s.waiting.back()), &more = slot(upper);
    join(device, first_of(into.vector, elements), first_of(more.vector, elements));
    join(device, into.scalars.view(), more.scalars.view());
    s.unused.push_back(upper.slot);
    s.waiting.back().groups += upper.groups;
  };
  for (std::size_t b = units_[unit].first_block; b < units_[unit].end_block; ++b) {
    const Block& block = plan_.blocks[b];
    Subtree t{block.first_group, block.groups, s.unused.back()};
    s.unused.pop_back();
    body(worker, b, {slot(t).vector.view(), slot(t).scalars.view()});
    while (!s.waiting.empty() && siblings(s.waiting.back().first_group, s.waiting.back().groups, t.groups)) {
      join_top(t);
      t = s.waiting.back();
      s.waiting.pop_back();
    }
    s.waiting.push_back(t);
  }
  // The last unit may be no whole subtree: what remains is folded from the right.
  while (s.waiting.size() > 1) {
    const Subtree upper = s.waiting.back();
    s.waiting.pop_back();
    join_top(upper);
  }
  Value& sum = slot(s.waiting[0]);
  if (device.where == Where::cpu) {
    std::swap(values_[unit], sum);
  } else {  // captured work finds its results where they were the first time
    Device d = device;
    copy(d, first_of(values_[unit].vector, elements), first_of(sum.vector, elements));
    copy(d, values_[unit].scalars.view(), sum.scalars.view());
  }
}

void BlockSum::join_units(Device& device, View vector) {
  const Traced span(node_tracer(device), join_name);
  const std::size_t units = units_.size();
  join_by_tree(units, [&](std::size_t into, std::size_t more) {
    join(device, values_[into].scalars.view(), values_[more].scalars.view());
  });
  if (!vector.data) return;

  // Every element goes through the whole tree while its neighbours are in the first-level cache. A GPU takes all at once.
  const std::int64_t elements = vector.shape.elements(), piece = device.where == Where::cpu ? 1024 : elements;
  constexpr std::int64_t serial_below = 1 << 14;
  const auto n = static_cast<double>(plan_.samples);
  parallel_for(device, elements, piece, serial_below / static_cast<std::int64_t>(units),
               [&](std::int64_t begin, std::int64_t end) {
                 Device serial = device.serial();
                 for (std::int64_t e = begin; e < end; e += piece) {
                   const Shape shape{std::min(piece, end - e)};
                   const auto part = [&](const View& v) { return v.part(e, shape); };
                   join_by_tree(units, [&](std::size_t into, std::size_t more) {
                     join(serial, part(values_[into].vector.view()), part(values_[more].vector.view()));
                   });
                   map<Divide>(serial, part(vector), {part(values_[0].vector.view())}, n);
                 }
               });
}

void BlockSum::run(Device& device, Body body, View vector) {
  const auto units = static_cast<std::int64_t>(units_.size());
  const std::int64_t elements = vector.data ? vector.shape.elements() : 0;
  const auto work = [&](int worker, std::int64_t unit) {
    const Traced span(node_tracer(device), unit_name, unit);
    run_unit(device, worker, static_cast<std::size_t>(unit), body, elements);
  };
  if (device.threads() > 1) {
    device.pool->run(units, work);
  } else {
    for (std::int64_t u = 0; u < units; ++u) work(0, u);
  }
  join_units(device, vector);
}

double BlockSum::expected_seconds(Device& device, Body body) {
  using Clock = std::chrono::steady_clock;
  synchronize(device);
  const Clock::time_point start = Clock::now();
  const Value& slot = stacks_[0].slots[0];
  body(0, 0, {slot.vector.view(), slot.scalars.view()});
  synchronize(device);
  const double one = std::chrono::duration<double>(Clock::now() - start).count();
  const auto blocks = static_cast<double>(plan_.samples) / static_cast<double>(plan_.blocks[0].samples);
  return one * blocks / std::min(static_cast<double>(workers()), blocks);
}

void BlockSum::leave_totals(Device& device, Scalar to) const { copy(device, view_of(to.at, totals().shape), totals()); }

void BlockSum::divide(std::span<double> totals, std::span<const char> is_mean) const {
  const auto n = static_cast<double>(plan_.samples);
  for (std::size_t i = 0; i < totals.size(); ++i)
    if (is_mean[i]) totals[i] = totals[i] / n;
}

}  // namespace brink
