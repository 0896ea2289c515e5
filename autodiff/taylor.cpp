// SPDX-License-Identifier: MIT
#include "autodiff/taylor.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace brink {

namespace {

std::size_t at(Var v) { return static_cast<std::size_t>(v.id); }

bool is_zero(const Series& s) {
  return std::ranges::none_of(s, [](Var v) { return static_cast<bool>(v); });
}

}  // namespace

std::vector<Series> expand(Graph& g, std::span<const Var> outputs, std::span<const Var> known,
                           std::span<const Series> series, int order) {
  if (order > max_series_order)
    throw std::invalid_argument(fmt::format("a series of order {}: expected at most {}", order, max_series_order));
  std::vector<Series> of(static_cast<std::size_t>(g.size()));
  std::vector<char> given(of.size(), 0), needed(of.size(), 0);
  for (std::size_t i = 0; i < known.size(); ++i) {
    given[at(known[i])] = 1;
    of[at(known[i])] = series[i];
    if (of[at(known[i])].size() > static_cast<std::size_t>(order))
      of[at(known[i])].resize(static_cast<std::size_t>(order));
  }
  for (const Var v : outputs)
    if (v) needed[at(v)] = 1;
  const std::size_t nodes = order > 0 ? g.nodes().size() : 0;
  std::vector<char> leads(nodes, 0);
  for (std::size_t n = nodes; n-- > 0;) {
    const Node& node = g.nodes()[n];
    if (std::ranges::none_of(node.out, [&](Var v) { return needed[at(v)] && !given[at(v)]; })) continue;
    leads[n] = 1;
    for (const Var v : node.in) needed[at(v)] = 1;
  }
  for (std::size_t n = 0; n < nodes; ++n) {
    if (!leads[n]) continue;
    const Node node = g.nodes()[n];  // a copy: emitting moves the nodes
    std::vector<Series> in;
    for (const Var v : node.in) in.push_back(of[at(v)]);
    if (std::ranges::all_of(in, is_zero)) continue;
    if (!node.primitive->derivative.series)
      throw std::logic_error(fmt::format("[{}] has no Taylor rule", node.primitive->name));
    const Graph::Within within(g, {node.origin.layer, node.origin.backward, true});
    const std::vector<Series> out =
        node.primitive->derivative.series({g, node.in, node.out, in, order, node.attributes, *node.primitive});
    for (std::size_t i = 0; i < out.size(); ++i)
      if (!given[at(node.out[i])]) of[at(node.out[i])] = out[i];
  }
  std::vector<Series> result;
  for (const Var v : outputs) result.push_back(v ? of[at(v)] : Series{});
  return result;
}

}  // namespace brink
