// SPDX-License-Identifier: MIT
// The CUDA toolkit's runtime behind the interface of runtime.h. Only this file calls it.
#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

namespace {

cudaStream_t of(Runtime::Stream s) { return static_cast<cudaStream_t>(s); }
cudaEvent_t event_of(Runtime::Event e) { return static_cast<cudaEvent_t>(e); }

/// The status. Clears the runtime's last error, so that an error that does not stick is reported once.
Status taken(cudaError_t e) {
  if (e != cudaSuccess) (void)cudaGetLastError();
  return static_cast<Status>(e);
}

class ToolkitRuntime final : public Runtime {
 public:
  Status device_count(int& count) override { return taken(cudaGetDeviceCount(&count)); }
  Status use_device(int ordinal) override { return taken(cudaSetDevice(ordinal)); }
  Status properties(int ordinal, DeviceProperties& p) override {
    cudaDeviceProp q;
    const Status s = taken(cudaGetDeviceProperties(&q, ordinal));
    if (s == success)
      p = {q.name, q.major, q.minor, q.multiProcessorCount, static_cast<std::int64_t>(q.totalGlobalMem)};
    return s;
  }
  Status versions(int& driver, int& runtime) override {
    const Status s = taken(cudaDriverGetVersion(&driver));
    return s != success ? s : taken(cudaRuntimeGetVersion(&runtime));
  }
  Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) override {
    std::size_t free = 0, total = 0;
    const Status s = taken(cudaMemGetInfo(&free, &total));
    free_bytes = static_cast<std::int64_t>(free);
    total_bytes = static_cast<std::int64_t>(total);
    return s;
  }
  Status allocate(void*& p, std::int64_t bytes) override {
    return taken(cudaMalloc(&p, static_cast<std::size_t>(bytes)));
  }
  Status release(void* p) override { return taken(cudaFree(p)); }
  Status allocate_pinned(void*& p, std::int64_t bytes) override {
    return taken(cudaMallocHost(&p, static_cast<std::size_t>(bytes)));
  }
  Status release_pinned(void* p) override { return taken(cudaFreeHost(p)); }
  Status copy(void* to, const void* from, std::int64_t bytes, Stream s) override {
    return taken(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDefault, of(s)));
  }
  Status fill(void* to, int byte, std::int64_t bytes, Stream s) override {
    return taken(cudaMemsetAsync(to, byte, static_cast<std::size_t>(bytes), of(s)));
  }
  Status create_stream(Stream& s) override {
    cudaStream_t made = nullptr;
    const Status status = taken(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    s = made;
    return status;
  }
  Status destroy_stream(Stream s) override { return taken(cudaStreamDestroy(of(s))); }
  Status synchronize(Stream s) override { return taken(cudaStreamSynchronize(of(s))); }
  Status launch(const LaunchCall& c, Stream s) override {
    const dim3 grid(c.grid.x, c.grid.y, c.grid.z), block(c.block.x, c.block.y, c.block.z);
    return taken(cudaLaunchKernel(c.kernel, grid, block, c.arguments, 0, of(s)));
  }
  Status begin_capture(Stream s) override {
    return taken(cudaStreamBeginCapture(of(s), cudaStreamCaptureModeThreadLocal));
  }
  Status end_capture(Stream s, Capture& c) override {
    cudaGraph_t graph = nullptr;
    const Status status = taken(cudaStreamEndCapture(of(s), &graph));
    c = graph;
    return status;
  }
  Status instantiate(Capture c, Executable& e) override {
    cudaGraphExec_t made = nullptr;
    const Status status = taken(cudaGraphInstantiate(&made, static_cast<cudaGraph_t>(c), 0));
    e = made;
    (void)cudaGraphDestroy(static_cast<cudaGraph_t>(c));
    return status;
  }
  Status launch(Executable e, Stream s) override {
    return taken(cudaGraphLaunch(static_cast<cudaGraphExec_t>(e), of(s)));
  }
  Status destroy(Executable e) override { return taken(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(e))); }
  Status create_event(Event& e, EventUse use) override {
    cudaEvent_t made = nullptr;
    const unsigned flags = use == EventUse::wait ? cudaEventDisableTiming : cudaEventDefault;
    const Status status = taken(cudaEventCreateWithFlags(&made, flags));
    e = made;
    return status;
  }
  Status destroy_event(Event e) override { return taken(cudaEventDestroy(event_of(e))); }
  Status record(Event e, Stream s) override { return taken(cudaEventRecord(event_of(e), of(s))); }
  Status wait(Event e) override { return taken(cudaEventSynchronize(event_of(e))); }
  Status elapsed(float& ms, Event from, Event to) override {
    return taken(cudaEventElapsedTime(&ms, event_of(from), event_of(to)));
  }
  void push_range(const char* name) override { (void)nvtxRangePushA(name); }
  void pop_range() override { (void)nvtxRangePop(); }
  const char* text(Status s) override { return cudaGetErrorString(static_cast<cudaError_t>(s)); }
};

}  // namespace

Runtime& toolkit_runtime() {
  static ToolkitRuntime one;
  return one;
}

}  // namespace brink::cuda
