// SPDX-License-Identifier: MIT
#include "kernels/cuda/context.h"

#include <algorithm>
#include <cstring>

#include "kernels/cuda/probe.h"
#include "kernels/memory.h"

namespace brink::cuda {

namespace {
constexpr std::int64_t slab_bytes = std::int64_t{64} << 20;
constexpr std::int64_t pinned_bytes = Context::most_fetched * std::int64_t{sizeof(double)};

std::string version_text(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }

/// What the user can do about a status of this driver, GPU and build; empty where there is nothing to advise.
std::string advice(Status s, const DeviceProperties& p) {
  constexpr Status invalid_function = 98, invalid_image = 200, unsupported_ptx = 222, driver_mismatch = 803,
                   not_compatible = 804;
  const std::string number = std::to_string(p.major) + std::to_string(p.minor);
  switch (s) {
    case no_kernel_image:
    case invalid_function:
    case invalid_image:
      return "this build has no code for the GPU (" + p.name + ", compute capability " + std::to_string(p.major) + "." +
             std::to_string(p.minor) + "); set up the build with -Dgpu_archs=" + number + ", or give --device cpu";
    case unsupported_ptx:
      return "the NVIDIA driver is too old for this build's code for newer GPUs; update the driver, set up the build "
             "with -Dgpu_archs=" +
             number + ", or give --device cpu";
    case driver_mismatch:
      return "the NVIDIA driver's library and its kernel module are of different versions; restart the machine, or "
             "give "
             "--device cpu";
    case not_compatible:
      return "the CUDA compatibility library in use does not support this GPU; take cuda-compat out of "
             "LD_LIBRARY_PATH, "
             "update the driver, or give --device cpu";
    default: return "";
  }
}

/// As check, but throws NoDevice where there is advice.
void check_opening(Status s, const char* call, const DeviceProperties& p = {}) {
  if (const std::string text = advice(s, p); !text.empty()) throw NoDevice(text);
  check(s, call);
}

/// The device's name and limits. Throws NoDevice, which says what to do.
DeviceProperties opened_properties(int ordinal) {
  const std::string hint = "; give --device cpu, or leave --device out";
  int driver = 0, toolkit = 0;
  if (runtime().versions(driver, toolkit) != success || driver == 0)
    throw NoDevice("no NVIDIA driver was found" + hint);
  int count = 0;
  const Status counted = runtime().device_count(count);
  if (counted == insufficient_driver || driver / 1000 < toolkit / 1000)
    throw NoDevice("the NVIDIA driver is too old: it serves CUDA " + version_text(driver) + ", this build needs CUDA " +
                   version_text(toolkit) + "; update the driver, or give --device cpu");
  if (counted == no_device || (counted == success && count == 0))
    throw NoDevice("the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)" + hint);
  check_opening(counted, "device_count");
  if (ordinal >= count)
    throw NoDevice("GPU " + std::to_string(ordinal) + ": this machine has GPUs 0 to " + std::to_string(count - 1) +
                   hint);
  DeviceProperties p;
  check_opening(runtime().use_device(ordinal), "use_device");
  check_opening(runtime().properties(ordinal, p), "properties");
  return p;
}
}  // namespace

Context::Context(int ordinal) : properties_(opened_properties(ordinal)) {
  try {
    check_opening(runtime().create_stream(stream_), "create_stream", properties_);
    check_opening(probe(stream_), "launch", properties_);
    pinned_ = static_cast<double*>(allocate_pinned(pinned_bytes));
    partials_ = static_cast<double*>(allocate((most_partials + most_fetched) * std::int64_t{sizeof(double)}));
  } catch (...) {
    close();
    throw;
  }
}

Context::~Context() { close(); }

void Context::close() noexcept {
  for (const Slab& s : slabs_) (void)runtime().release(s.memory);
  slabs_.clear();
  if (pinned_) release_pinned(pinned_);
  if (stream_) (void)runtime().destroy_stream(stream_);
  pinned_ = nullptr;
  stream_ = nullptr;
}

void* Context::allocate(std::int64_t bytes) {
  bytes = align_up(std::max<std::int64_t>(bytes, 1), granularity);
  auto fits = std::ranges::find_if(free_, [&](const Interval& i) { return i.bytes >= bytes; });
  if (fits == free_.end()) {
    // Where a whole slab cannot be had, a smaller one is tried, so that the last memory of a full device can be used.
    void* p = nullptr;
    std::int64_t size = std::max(bytes, slab_bytes);
    Status s = runtime().allocate(p, size);
    if (s == out_of_memory && size > bytes) s = runtime().allocate(p, size = bytes);
    if (s == out_of_memory) {
      release_unused_slabs();
      s = runtime().allocate(p, size);
    }
    if (s == out_of_memory) throw OutOfMemory(bytes, free_bytes());
    check(s, "allocate");
    slabs_.push_back({static_cast<char*>(p), size});
    const auto at = std::ranges::lower_bound(free_, static_cast<char*>(p), {}, &Interval::begin);
    fits = free_.insert(at, {static_cast<char*>(p), size});
  }
  char* const taken = fits->begin;
  fits->begin += bytes;
  fits->bytes -= bytes;
  if (fits->bytes == 0) free_.erase(fits);
  used_.insert(std::ranges::lower_bound(used_, taken, {}, &Interval::begin), {taken, bytes});
  return taken;
}

void Context::release(void* memory) noexcept {
  const auto it = std::ranges::lower_bound(used_, static_cast<char*>(memory), {}, &Interval::begin);
  const Interval freed = *it;
  used_.erase(it);
  auto at = free_.insert(std::ranges::lower_bound(free_, freed.begin, {}, &Interval::begin), freed);
  const auto same_slab = [&](const Interval& a, const Interval& b) {
    return a.begin + a.bytes == b.begin &&
           std::ranges::none_of(slabs_, [&](const Slab& s) { return s.memory == b.begin; });
  };
  if (at + 1 != free_.end() && same_slab(*at, *(at + 1))) {
    at->bytes += (at + 1)->bytes;
    free_.erase(at + 1);
  }
  if (at != free_.begin() && same_slab(*(at - 1), *at)) {
    (at - 1)->bytes += at->bytes;
    free_.erase(at);
  }
}

void* Context::allocate_pinned(std::int64_t bytes) {
  void* p = nullptr;
  check(runtime().allocate_pinned(p, bytes), "allocate_pinned");
  return p;
}

void Context::release_pinned(void* p) noexcept { (void)runtime().release_pinned(p); }

void Context::release_unused_slabs() {
  for (auto it = free_.begin(); it != free_.end();) {
    const auto slab = std::ranges::find(slabs_, it->begin, &Slab::memory);
    if (slab == slabs_.end() || slab->bytes != it->bytes) {
      ++it;
      continue;
    }
    check(runtime().release(slab->memory), "release");
    slabs_.erase(slab);
    it = free_.erase(it);
  }
}

std::int64_t Context::allocated_bytes() const {
  std::int64_t sum = 0;
  for (const Interval& i : used_) sum += i.bytes;
  return sum;
}

std::int64_t Context::free_bytes() {
  std::int64_t free = 0, total = 0;
  check(runtime().memory(free, total), "memory");
  for (const Interval& i : free_) free += i.bytes;
  return free;
}

void Context::copy(void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0) check(runtime().copy(to, from, bytes, stream_), "copy");
}

void Context::fill(void* to, int byte, std::int64_t bytes) {
  if (bytes > 0) check(runtime().fill(to, byte, bytes, stream_), "fill");
}

void Context::synchronize() {
  check(runtime().synchronize(stream_), "synchronize");
  reached_ = marks_;
}

Gpu::Event Context::create_event(EventUse use) {
  Event e = nullptr;
  check(runtime().create_event(e, use), "create_event");
  return e;
}

void Context::destroy_event(Event e) noexcept { (void)runtime().destroy_event(e); }

std::int64_t Context::mark(Runtime::Event e) {
  check(runtime().record(e, stream_), "record");
  return ++marks_;
}

void Context::wait(Runtime::Event e, std::int64_t mark) {
  if (mark <= reached_) return;
  check(runtime().wait(e), "wait");
  reached_ = mark;
}

GpuStatus Context::record(Event e) noexcept { return runtime().record(e, stream_); }

GpuStatus Context::elapsed(float& ms, Event from, Event to) noexcept {
  Status s = runtime().elapsed(ms, from, to);
  if (s == not_ready && (s = runtime().wait(to)) == success) s = runtime().elapsed(ms, from, to);
  return s;
}

std::string Context::text(GpuStatus s) const { return runtime().text(s); }

Gpu::Captured Context::capture(FunctionRef<void()> work) {
  Runtime::Capture capture = nullptr;
  Runtime::Executable executable = nullptr;
  check(runtime().begin_capture(stream_), "begin_capture");
  try {
    work();
  } catch (...) {
    // Only instantiating it ends a failed capture.
    if (runtime().end_capture(stream_, capture) == success && capture &&
        runtime().instantiate(capture, executable) == success)
      (void)runtime().destroy(executable);
    throw;
  }
  check(runtime().end_capture(stream_, capture), "end_capture");
  check(runtime().instantiate(capture, executable), "instantiate");
  return executable;
}

void Context::launch(Captured work) { check(runtime().launch(work, stream_), "launch"); }
void Context::destroy(Captured work) noexcept { (void)runtime().destroy(work); }

void Context::fetch(double* to, const double* from, int count) {
  copy(pinned_, from, count * std::int64_t{sizeof(double)});
  synchronize();
  std::memcpy(to, pinned_, static_cast<std::size_t>(count) * sizeof(double));
}

}  // namespace brink::cuda

std::unique_ptr<brink::Gpu> brink::open_gpu(int ordinal) { return std::make_unique<cuda::Context>(ordinal); }
