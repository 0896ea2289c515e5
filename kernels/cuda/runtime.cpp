// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime.h"

#include "kernels/memory.h"

namespace brink::cuda {

namespace {
Runtime* chosen = nullptr;
}

Runtime& runtime() { return chosen ? *chosen : toolkit_runtime(); }
void set_runtime(Runtime* r) { chosen = r; }

void check(Status s, const char* call) {
  if (s == out_of_memory)
    throw OutOfMemory(-1);  // the runtime does not say how many bytes it wanted (for graphs, modules, pinned memory)
  if (s != success)
    throw GpuError(std::string("[cuda] ") + call + ": " + runtime().text(s) + " (" + std::to_string(s) + ")", s);
}

}  // namespace brink::cuda
