// SPDX-License-Identifier: MIT
// A graph prepared for many runs: an order of operations and a plan of the memory they share. It is immutable and holds no
// memory, so several threads run one program on workspaces of their own.
// Fusion changes no bit: an elementwise operation that only follows a product is done by the product's kernel before it stores
// its result (kernels/epilogue), with the same roundings.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "autodiff/graph.h"
#include "kernels/memory.h"
#include "kernels/tracer.h"

namespace brink {

/// Memory for values between two nodes, shared by workspaces that never run at the same time. It grows while workspaces are
/// made, never while a program runs.
class Arena {
 public:
  explicit Arena(const Device& device) : device_(device) {}
  /// Throws OutOfMemory; the contents are lost.
  void reserve(std::int64_t bytes);
  void* data() const { return buffer_.data(); }

 private:
  Device device_;
  Buffer buffer_;
};

/// One arena for each worker. Sums that never run at the same time share them.
using Arenas = std::vector<std::shared_ptr<Arena>>;

/// The memory that one run needs and another may reuse.
class Workspace {
 private:
  friend class Program;
  std::shared_ptr<const Arena> arena_;
  char* base_ = nullptr;  // of the arena, when the addresses were last computed
  std::vector<View> operands_;
  std::vector<void*> places_;
};

enum class Fusion : std::uint8_t { none, epilogues };

class Program {
 public:
  /// Plans the arena: each value lives from its step to its last use; outputs are written to the caller's memory.
  explicit Program(Graph graph, Where = Where::cpu, Fusion = Fusion::epilogues);

  const Graph& graph() const { return graph_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  std::int64_t flops() const { return flops_; }
  /// The number of kernel calls of one run.
  std::int64_t steps() const { return static_cast<std::int64_t>(steps_.size()); }
  /// The names of the steps, in order: "dense0 matmul backward".
  const std::vector<TraceName>& names() const { return names_; }
  /// The nodes of a step, by their index in the graph: the first one's kernel computes the others, too.
  std::vector<int> nodes_of(int step) const;
  Workspace make_workspace(const Device& = {}) const;
  /// Uses the arena of other workspaces that never run at the same time. Throws OutOfMemory.
  Workspace make_workspace(std::shared_ptr<Arena>) const;

  /// Runs all nodes on `device`. inputs[i] and outputs[i] are the memory of the graph's i-th input and output, of their types;
  /// outputs overlap nothing. Does not allocate or synchronise. A tracer of single nodes receives a span for each step.
  void run(Device& device, Workspace&, std::span<void* const> inputs, std::span<void* const> outputs) const;

 private:
  enum class Place : std::uint8_t { input, output, arena };
  struct Location {
    Place place = Place::arena;
    std::int64_t offset = 0;  // in the arena, or index of the input or output
  };
  /// A node, and the nodes that join its epilogue, in order.
  struct Step {
    int node = -1;
    int first_operand =
        0;  // index into Workspace::operands_: inputs, outputs of the last node, scratch, inputs of the joined nodes
    int inputs = 0, outputs = 0;
    std::int64_t scratch_offset = 0, scratch_bytes = 0;
    std::vector<int> joined;
    int last() const { return joined.empty() ? node : joined.back(); }
  };
  struct Copy {
    Var from;
    int output;
  };
  std::vector<Step> steps_of(Fusion) const;
  void plan(Where, Fusion);
  void settle(Workspace&) const;

  Graph graph_;
  std::vector<Location> locations_;
  std::vector<Step> steps_;
  std::vector<TraceName> names_;  // of the steps
  std::vector<Copy> copies_;      // outputs whose value is an input or another output
  std::vector<View> operands_;
  std::vector<Var> operand_vars_;  // aligned with operands_; symbolic zero for scratch
  std::int64_t arena_bytes_ = 0, flops_ = 0;
};

}  // namespace brink
