// SPDX-License-Identifier: MIT
// What it is: a graph made ready to run many times: an order of operations and a plan of the memory they share.
// What it is not: a cutter of batches (block_sum.h) or an optimiser; it changes no bit.
// Decision: a program is immutable and holds no memory, so several threads run one program on workspaces of their own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "autodiff/graph.h"
#include "kernels/memory.h"
#include "kernels/tracer.h"

namespace brink {

/// What one run needs and another may reuse.
class Workspace {
 private:
  friend class Program;
  std::shared_ptr<const Buffer> arena_;
  std::vector<View> operands_;
  std::vector<void*> places_;
};

class Program {
 public:
  /// Plans the arena: each value lives from its node to its last use; outputs are written where the caller wants them.
  explicit Program(Graph graph, Where = Where::cpu);

  const Graph& graph() const { return graph_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  std::int64_t flops() const { return flops_; }
  /// What the steps are called, in order: "dense0 matmul backward".
  const std::vector<TraceName>& names() const { return names_; }
  Workspace make_workspace(const Device& = {}) const;
  /// With the arena of other workspaces that never run at the same time, at least arena_bytes() large.
  Workspace make_workspace(std::shared_ptr<const Buffer> arena) const;

  /// Runs all nodes on `device`. inputs[i] and outputs[i] are the memory of the graph's i-th input and output, of their types;
  /// outputs overlap nothing. Allocates nothing and synchronises nothing. A tracer that wants nodes sees a span for each step.
  void run(Device& device, Workspace&, std::span<void* const> inputs, std::span<void* const> outputs) const;

 private:
  enum class Place : std::uint8_t { input, output, arena };
  struct Location {
    Place place = Place::arena;
    std::int64_t offset = 0;  // in the arena, or index of the input or output
  };
  struct Step {
    int node;
    int first_operand;  // in Workspace::operands_: inputs, outputs, scratch
    int inputs, outputs;
    std::int64_t scratch_offset, scratch_bytes;
  };
  struct Copy {
    Var from;
    int output;
  };
  void plan(Where);

  Graph graph_;
  std::vector<Location> locations_;
  std::vector<Step> steps_;
  std::vector<TraceName> names_;  // of the steps
  std::vector<Copy> copies_;      // outputs whose value is an input or is another output too
  std::vector<View> operands_;
  std::vector<Var> operand_vars_;  // aligned with operands_; symbolic zero for scratch
  std::int64_t arena_bytes_ = 0, flops_ = 0;
};

}  // namespace brink
