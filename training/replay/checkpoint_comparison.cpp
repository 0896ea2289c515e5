// SPDX-License-Identifier: MIT
#include "training/replay/checkpoint_comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "training/io/text.h"

namespace brink {

namespace {

/// "dense0.weight[17]": what is at an element of a vector of the layout.
std::string element_of(const ParameterLayout& layout, const View& view, std::int64_t element) {
  const std::int64_t extent = layout.extent();
  if (view.shape.elements() % extent != 0) return fmt::format("element {}", element);
  const std::string row = view.shape.elements() > extent ? fmt::format("row {}, ", element / extent) : "";
  const std::int64_t inside = element % extent;
  for (const Parameter& p : layout.parameters())
    if (inside >= p.offset && inside < p.offset + p.shape.elements())
      return fmt::format("{}{}[{}]", row, p.name, inside - p.offset);
  return fmt::format("{}between two parameters", row);
}

std::string value_text(const View& view, std::int64_t i) {
  if (view.dtype == Dtype::f64) return number_text(view.span<double>()[static_cast<std::size_t>(i)]);
  if (view.dtype == Dtype::f32) return number_text(view.span<float>()[static_cast<std::size_t>(i)]);
  return "another value";
}

/// The first element whose bytes differ; −1: none.
std::int64_t first_different(const View& a, const View& b) {
  const auto *x = static_cast<const char*>(a.data), *y = static_cast<const char*>(b.data);
  if (std::memcmp(x, y, static_cast<std::size_t>(a.bytes())) == 0) return -1;
  const std::int64_t bytes = a.bytes(), size = bytes / a.shape.elements();
  std::int64_t i = 0;
  while (std::memcmp(x + i * size, y + i * size, static_cast<std::size_t>(size)) == 0) ++i;
  return i;
}

/// How a part of a state differs, in words; empty: not at all.
std::string difference(const SavedState::Value& recorded, const SavedState::Value& computed,
                       const ParameterLayout& layout) {
  if (recorded.index() != computed.index()) return "it is of another type";
  return std::visit(
      [&]<class T>(const T& a) -> std::string {
        const T& b = std::get<T>(computed);
        if constexpr (std::is_same_v<T, Array>) {
          const View x = a.view(), y = b.view();
          if (x.shape != y.shape || x.dtype != y.dtype) return "it has another shape";
          const std::int64_t i = first_different(x, y);
          if (i < 0) return {};
          return fmt::format("{}: recorded {}, computed again {}", element_of(layout, x, i), value_text(x, i),
                             value_text(y, i));
        } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>) {
          if (std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b)) return {};
          return fmt::format("recorded {}, computed again {}", number_text(a), number_text(b));
        } else if constexpr (std::is_same_v<T, std::string>) {
          return a == b ? std::string() : fmt::format("recorded {}, computed again {}", a, b);
        } else {
          return a == b ? std::string()
                        : fmt::format("recorded {}, computed again {}", fmt::join(a, " "), fmt::join(b, " "));
        }
      },
      recorded);
}

void add(CheckpointDifferences& to, const std::string& name, const std::string& what) {
  if (what.empty()) return;
  if (to.parts++ == 0) to.first = name + ": " + what;
}

/// What is wrong with the part of what a command remembered that tells of time and of processes, which cannot be computed again.
std::string clock_problem(const std::string& name, const SavedState::Value& value, std::int64_t step) {
  if (name == "started") return std::holds_alternative<std::string>(value) ? "" : "expected a time";
  if (name == "records/elapsed_ms") {
    const auto* ms = std::get_if<double>(&value);
    return ms && *ms >= 0 && std::isfinite(*ms) ? "" : "expected a time of at least 0 ms";
  }
  const auto* steps = std::get_if<std::vector<std::int64_t>>(&value);
  const bool possible =
      steps && std::ranges::is_sorted(*steps) && (steps->empty() || (steps->front() >= 0 && steps->back() <= step));
  return possible ? "" : fmt::format("expected steps that ascend up to {}", step);
}

}  // namespace

CheckpointDifferences compare(const CheckpointFile& file, PreparedTrainer& prepared, SavedState& remembered) {
  CheckpointDifferences out{file.step, file.path, 0, {}};
  Checkpoint read = read_checkpoint(file);
  remembered = std::move(read.run);
  const SavedState recorded = std::move(read.trainer), computed = save_state(prepared.device(), prepared.trainer());
  for (const auto& [name, value] : recorded.parts) {
    const auto there = computed.parts.find(name);
    add(out, name,
        there == computed.parts.end() ? "this program has no such part"
                                      : difference(value, there->second, prepared.trainer().layout()));
  }
  for (const auto& [name, value] : computed.parts)
    if (!recorded.parts.contains(name)) add(out, name, "it is missing");
  return out;
}

void compare_remembered(CheckpointDifferences& out, const SavedState& remembered, const WrittenFiles& files) {
  std::map<std::string, SavedState::Value> computed;
  for (const auto& [name, written] : files.all()) {
    computed["records/" + std::string(name) + "/bytes"] = written->bytes;
    computed["records/" + std::string(name) + "/hash"] = written->hash.text();
  }
  const std::set<std::string> of_clocks{"records/elapsed_ms", "resumed_at", "started"};
  const auto said = [](const std::string& name) { return "run/" + name; };
  for (const auto& [name, value] : remembered.parts) {
    if (const auto there = computed.find(name); there != computed.end())
      add(out, said(name), difference(value, there->second, {}));
    else
      add(out, said(name),
          of_clocks.contains(name) ? clock_problem(name, value, out.step) : "this program has no such part");
  }
  for (const auto& [name, value] : computed)
    if (!remembered.parts.contains(name)) add(out, said(name), "it is missing");
  for (const std::string& name : of_clocks)
    if (!remembered.parts.contains(name)) add(out, said(name), "it is missing");
}

}  // namespace brink
