// SPDX-License-Identifier: MIT
// What it is: a graph made ready to run many times: an order of operations and a plan of the memory they share.
// What it is not: a cutter of batches (block_sum.h). It changes no bit: an operation that only follows a product element by
// element is done by the product's kernel before it stores (kernels/epilogue), in the same roundings.
// Decision: a program is immutable and holds no memory, so several threads run one program on workspaces of their own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "autodiff/graph.h"
#include "kernels/memory.h"

namespace brink {

/// What one run needs and another may reuse.
class Workspace {
 private:
  friend class Program;
  std::shared_ptr<const Buffer> arena_;
  std::vector<View> operands_;
  std::vector<void*> places_;
};

enum class Fusion : std::uint8_t { none, epilogues };

class Program {
 public:
  /// Plans the arena: each value lives from its step to its last use; outputs are written where the caller wants them.
  explicit Program(Graph graph, Where = Where::cpu, Fusion = Fusion::epilogues);

  const Graph& graph() const { return graph_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  std::int64_t flops() const { return flops_; }
  /// Kernel calls of one run.
  std::int64_t steps() const { return static_cast<std::int64_t>(steps_.size()); }
  Workspace make_workspace(const Device& = {}) const;
  /// With the arena of other workspaces that never run at the same time, at least arena_bytes() large.
  Workspace make_workspace(std::shared_ptr<const Buffer> arena) const;

  /// Runs all nodes on `device`. inputs[i] and outputs[i] are the memory of the graph's i-th input and output, of their types;
  /// outputs overlap nothing. Allocates nothing and synchronises nothing.
  void run(Device& device, Workspace&, std::span<void* const> inputs, std::span<void* const> outputs) const;

 private:
  enum class Place : std::uint8_t { input, output, arena };
  struct Location {
    Place place = Place::arena;
    std::int64_t offset = 0;  // in the arena, or index of the input or output
  };
  /// A node, and the nodes that join its epilogue, in order.
  struct Step {
    int node;
    int first_operand;  // in Workspace::operands_: inputs, outputs of the last node, scratch, inputs of the joined nodes
    int inputs, outputs;
    std::int64_t scratch_offset, scratch_bytes;
    std::vector<int> joined;
    int last() const { return joined.empty() ? node : joined.back(); }
  };
  struct Copy {
    Var from;
    int output;
  };
  std::vector<Step> steps_of(Fusion) const;
  void plan(Where, Fusion);

  Graph graph_;
  std::vector<Location> locations_;
  std::vector<Step> steps_;
  std::vector<Copy> copies_;  // outputs whose value is an input or is another output too
  std::vector<View> operands_;
  std::vector<Var> operand_vars_;  // aligned with operands_; symbolic zero for scratch
  std::int64_t arena_bytes_ = 0, flops_ = 0;
};

}  // namespace brink
