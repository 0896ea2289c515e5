// SPDX-License-Identifier: MIT
// The programs of one function for every block size of a plan, and the binding of their inputs and outputs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/plan.h"
#include "autodiff/parameters.h"
#include "autodiff/program.h"

namespace brink {

/// Builds the graph of one function for a block of so many samples.
using GraphBuilder = std::function<Graph(std::int64_t samples)>;

/// The memory that one block's run reads and writes; whatever its graph does not mention may be empty.
struct Bindings {
  View parameters;                   ///< a vector of the layout
  std::span<const View> directions;  ///< vectors of the layout: inputs in the role of tangents
  std::span<const View> data;        ///< the block's rows of the data arrays (sources.h)
  char* residuals = nullptr;         ///< the block's kept values
  View vector;                       ///< outputs in the role of parameters and of sums
  View scalars;                      ///< float64 [k]: scalar outputs, in order
  std::span<const View> samples;     ///< whole arrays for outputs in the role of samples, in order
};

class BlockRunner {
 public:
  /// Builds and plans one program for each number of samples among the plan's blocks, and for each `workers` workspaces in the
  /// arenas, which are added to and grow as needed.
  /// `name` is what a tracer is told that a block's run is: "gradient".
  BlockRunner(const Device&, const BlockPlan&, const ParameterLayout&, const GraphBuilder&, Arenas&, int workers,
              const std::string& name = "program");

  /// Arrays for inputs in the role of shared ones, by index; they may change between runs.
  void share(std::span<const View> arrays) { shared_.assign(arrays.begin(), arrays.end()); }
  void run(int worker, const Block&, const Bindings&);

  /// Bytes of one block's residual outputs (or inputs, for a tangent program), each aligned.
  std::int64_t residual_bytes(const Block& b) const { return program_of(b).residual_bytes; }
  /// Floating-point operations of all blocks together.
  std::int64_t flops() const;
  /// Where the first worker's arena lies; it moves when somebody makes the arena grow.
  void* arena() const { return arena_->data(); }
  const Graph& graph(const Block& b) const { return program_of(b).program->graph(); }
  /// The residual offsets of `primal`, so that a tangent program reads what the primal one wrote.
  void share_residual_offsets(const BlockRunner& primal);

 private:
  struct Sized {
    std::int64_t samples;
    std::unique_ptr<Program> program;
    std::vector<Workspace> workspaces;
    std::vector<std::int64_t> residual_offsets;  // by index
    std::int64_t residual_bytes;
    TraceName name;
  };
  Sized& program_of(const Block&);
  const Sized& program_of(const Block&) const;

  Device device_;
  BlockPlan plan_;
  ParameterLayout layout_;
  std::vector<View> shared_;
  std::vector<Sized> programs_;
  std::shared_ptr<const Arena> arena_;
  struct Pointers {
    std::vector<void*> inputs, outputs;
  };
  std::vector<Pointers> pointers_;  // by worker
};

}  // namespace brink
