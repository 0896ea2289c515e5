// SPDX-License-Identifier: MIT
#include "tests/emulator/emulated_runtime.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/memory.h"
#include "tests/emulator/emulator.h"

namespace brink::cuda {

namespace {
constexpr std::int64_t page_bytes = 65536, piece_bytes = 64 * page_bytes, guard_bytes = 4096;
constexpr unsigned char guard_byte = 0xC3;
constexpr std::uint32_t not_a_number = 0x7FF7FFF7;
constexpr int not_a_number_byte = 0xFF;  // a NaN when repeated

/// Device memory of whole pages, poisoned: every page is a private copy of one file, made at the first write, so a large slab
/// costs only what is used of it. Null if there is no memory.
char* map_poisoned(std::int64_t bytes) {
  static const int file = [] {
    const std::vector<std::uint32_t> pattern(static_cast<std::size_t>(piece_bytes / 4), not_a_number);
    const int made = memfd_create("poison", MFD_CLOEXEC);
    return made >= 0 && write(made, pattern.data(), static_cast<std::size_t>(piece_bytes)) == piece_bytes ? made : -1;
  }();
  constexpr int access = PROT_READ | PROT_WRITE;
  const auto size = static_cast<std::size_t>(bytes);
  void* const all = mmap(nullptr, size, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED || file < 0) return nullptr;
  auto* const memory = static_cast<char*>(all);
  for (std::int64_t at = 0; at < bytes; at += piece_bytes) {
    const auto part = static_cast<std::size_t>(std::min(piece_bytes, bytes - at));
    if (mmap(memory + at, part, access, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0) == MAP_FAILED) {
      munmap(all, size);
      return nullptr;
    }
  }
  return memory;
}
}  // namespace

EmulatedRuntime::~EmulatedRuntime() {
  for (const auto& [p, a] : allocations_) munmap(a.mapped, static_cast<std::size_t>(a.mapped_bytes));
}

void EmulatedRuntime::set_access(const Allocation& a, bool open) {
  (void)mprotect(a.mapped, static_cast<std::size_t>(a.mapped_bytes), open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void EmulatedRuntime::set_open(bool open) {
  if (open == open_ || (!open && !protected_)) return;
  for (const auto& [p, a] : allocations_) set_access(a, open);
  open_ = open;
}

void EmulatedRuntime::set_protected(bool is_protected) {
  protected_ = is_protected;
  set_open(!is_protected);
}

Status EmulatedRuntime::check_guard(const char* memory, const Allocation& a) {
  static const std::vector<unsigned char> whole(guard_bytes, guard_byte);
  const bool before = std::memcmp(memory - guard_bytes, whole.data(), whole.size()) != 0,
             behind = std::memcmp(memory + a.bytes, whole.data(), whole.size()) != 0;
  if (!before && !behind) return success;
  report_ = std::string("a write ") + (before ? "before" : "behind") + " an allocation of " + std::to_string(a.bytes) +
            " bytes";
  return launch_failure;
}

Status EmulatedRuntime::check_guards() {
  Status s = success;
  for (const auto& [p, a] : allocations_)
    if (const Status found = check_guard(p, a); s == success) s = found;
  return s;
}

Status EmulatedRuntime::device_count(int& count) {
  count = 1;
  return success;
}
Status EmulatedRuntime::use_device(int ordinal) { return ordinal == 0 ? success : invalid_value; }
Status EmulatedRuntime::properties(int, DeviceProperties& p) {
  p = {"emulated GPU", 9, 0, 4, memory_bytes};
  return success;
}
Status EmulatedRuntime::versions(int& driver, int& runtime) {
  driver = runtime = 13000;
  return success;
}
Status EmulatedRuntime::memory(std::int64_t& free_bytes, std::int64_t& total_bytes) {
  total_bytes = memory_bytes;
  free_bytes = memory_bytes - in_use_bytes_;
  return success;
}

Status EmulatedRuntime::allocate(void*& p, std::int64_t bytes) {
  if (bytes <= 0) return invalid_value;
  if (bytes > memory_bytes - in_use_bytes_) return out_of_memory;
  const std::int64_t mapped_bytes = align_up(bytes + 2 * guard_bytes, page_bytes);
  char* const mapped = map_poisoned(mapped_bytes);
  if (!mapped) return out_of_memory;
  char* const memory = mapped + guard_bytes;
  std::memset(mapped, guard_byte, guard_bytes);
  std::memset(memory + bytes, guard_byte, guard_bytes);
  const Allocation& a = allocations_[memory] = {mapped, mapped_bytes, bytes};
  set_access(a, open_);
  in_use_bytes_ += bytes;
  p = memory;
  return success;
}

Status EmulatedRuntime::release(void* p) {
  Status s = success;
  for (Queue* q : streams_)
    if (const Status drained = drain(*q); s == success) s = drained;
  const auto it = allocations_.find(static_cast<char*>(p));
  if (it == allocations_.end()) return p ? invalid_value : success;
  const Allocation a = it->second;
  set_access(a, true);
  if (const Status found = check_guard(it->first, a); s == success) s = found;
  in_use_bytes_ -= a.bytes;
  allocations_.erase(it);
  // No longer mapped: an access through an old address ends the process.
  munmap(a.mapped, static_cast<std::size_t>(a.mapped_bytes));
  return s;
}

Status EmulatedRuntime::allocate_pinned(void*& p, std::int64_t bytes) {
  std::vector<char> memory(static_cast<std::size_t>(bytes), static_cast<char>(guard_byte));
  p = memory.data();
  pinned_[p] = std::move(memory);
  return success;
}
Status EmulatedRuntime::release_pinned(void* p) {
  Status s = success;
  for (Queue* q : streams_)
    if (const Status drained = drain(*q); s == success) s = drained;
  return pinned_.erase(p) == 1 ? s : invalid_value;
}

Status EmulatedRuntime::drain(Queue& q, const Mark* until) {
  Status s = success;
  if (!q.pending.empty()) set_open(true);
  const std::vector<Work> pending = std::exchange(q.pending, {});
  auto next = pending.begin();
  while (next != pending.end() && s == success && !(until && until->reached)) s = (*next++)();
  if (s == success) q.pending.assign(next, pending.end());
  return s;
}

bool EmulatedRuntime::is_device_memory(const void* p) const {
  const auto* const at = static_cast<const char*>(p);
  const auto behind = std::ranges::find_if(
      allocations_, [&](const auto& entry) { return at >= entry.first && at < entry.first + entry.second.bytes; });
  return behind != allocations_.end();
}

Status EmulatedRuntime::enqueue(Stream stream, Work work) {
  auto* const q = static_cast<Queue*>(stream);
  if (!q) return invalid_value;
  if (q->capturing) {
    q->captured.push_back(std::move(work));
    return success;
  }
  q->pending.push_back(std::move(work));
  return deferred_ ? success : drain(*q);
}

Status EmulatedRuntime::copy(void* to, const void* from, std::int64_t bytes, Stream s) {
  if (deferred_ && !is_device_memory(to)) std::memset(to, not_a_number_byte, static_cast<std::size_t>(bytes));
  return enqueue(s, [=, this] {
    std::memmove(to, from, static_cast<std::size_t>(bytes));
    return check_guards();
  });
}

Status EmulatedRuntime::fill(void* to, int byte, std::int64_t bytes, Stream s) {
  return enqueue(s, [=, this] {
    std::memset(to, byte, static_cast<std::size_t>(bytes));
    return check_guards();
  });
}

Status EmulatedRuntime::create_stream(Stream& s) {
  streams_.push_back(new Queue);
  s = streams_.back();
  return success;
}

Status EmulatedRuntime::destroy_stream(Stream s) {
  auto* const q = static_cast<Queue*>(s);
  if (std::erase(streams_, q) == 0) return invalid_value;
  const Status drained = drain(*q);
  delete q;
  return drained;
}

Status EmulatedRuntime::synchronize(Stream s) {
  auto* const q = static_cast<Queue*>(s);
  if (!q || q->capturing) return invalid_value;
  const Status drained = drain(*q);
  set_open(false);
  return drained;
}

Status EmulatedRuntime::launch(const LaunchCall& c, Stream s) {
  constexpr unsigned most_threads = 1024, most_z = 64, most_rows = 65535;
  const std::uint64_t threads = std::uint64_t{c.block.x} * c.block.y * c.block.z;
  if (!c.body || threads == 0 || threads > most_threads || c.block.z > most_z || c.grid.x == 0 || c.grid.y == 0 ||
      c.grid.z == 0 || c.grid.y > most_rows || c.grid.z > most_rows)
    return invalid_configuration;
  return enqueue(s, [this, grid = c.grid, block = c.block, body = c.body] {
    report_ = emulator::run(grid, block, body);
    return report_.empty() ? check_guards() : launch_failure;
  });
}

Status EmulatedRuntime::begin_capture(Stream s) {
  auto* const q = static_cast<Queue*>(s);
  if (!q || q->capturing) return invalid_value;
  q->capturing = true;
  return success;
}

Status EmulatedRuntime::end_capture(Stream s, Capture& c) {
  auto* const q = static_cast<Queue*>(s);
  if (!q || !q->capturing) return invalid_value;
  q->capturing = false;
  c = new Graph{std::exchange(q->captured, {})};
  return success;
}

Status EmulatedRuntime::instantiate(Capture c, Executable& e) {
  e = c;
  return c ? success : invalid_value;
}

Status EmulatedRuntime::launch(Executable e, Stream s) {
  const auto* const graph = static_cast<const Graph*>(e);
  if (!graph) return invalid_value;
  return enqueue(s, [work = graph->work] {
    Status status = success;
    for (const Work& w : work)
      if (status == success) status = w();
    return status;
  });
}

Status EmulatedRuntime::destroy(Executable e) {
  delete static_cast<Graph*>(e);
  return success;
}

Status EmulatedRuntime::create_event(Event& e, EventUse use) {
  e = new std::shared_ptr<Mark>(new Mark{use, nullptr, false, {}});
  return success;
}
Status EmulatedRuntime::destroy_event(Event e) {
  delete static_cast<std::shared_ptr<Mark>*>(e);  // a pending record of it keeps its mark
  return success;
}
Status EmulatedRuntime::record(Event e, Stream s) {
  if (!e) return invalid_value;
  const std::shared_ptr<Mark> mark = *static_cast<std::shared_ptr<Mark>*>(e);
  mark->reached = false;
  mark->stream = static_cast<Queue*>(s);
  return enqueue(s, [mark] {
    mark->reached = true;
    mark->at = std::chrono::steady_clock::now();
    return success;
  });
}
Status EmulatedRuntime::wait(Event e) {
  if (!e) return invalid_value;
  const std::shared_ptr<Mark> mark = *static_cast<std::shared_ptr<Mark>*>(e);
  if (!mark->stream || mark->stream->capturing) return invalid_value;
  const Status drained = drain(*mark->stream, mark.get());
  set_open(false);
  return drained;
}
Status EmulatedRuntime::elapsed(float& ms, Event from, Event to) {
  if (!from || !to) return invalid_value;
  const std::shared_ptr<Mark> a = *static_cast<std::shared_ptr<Mark>*>(from),
                              b = *static_cast<std::shared_ptr<Mark>*>(to);
  if (a->use != EventUse::time || b->use != EventUse::time) return invalid_value;
  if (!a->reached || !b->reached) return not_ready;
  ms = std::chrono::duration<float, std::milli>(b->at - a->at).count();
  return success;
}
void EmulatedRuntime::push_range(const char*) {}
void EmulatedRuntime::pop_range() {}

const char* EmulatedRuntime::text(Status s) {
  switch (s) {
    case success: return "no error";
    case invalid_value: return "invalid argument";
    case out_of_memory: return "out of memory";
    case invalid_configuration: return "invalid configuration argument";
    case insufficient_driver: return "CUDA driver version is insufficient for CUDA runtime version";
    case no_device: return "no CUDA-capable device is detected";
    case not_ready: return "device not ready";
    case no_kernel_image: return "no kernel image is available for execution on the device";
    case 700: return "an illegal memory access was encountered";
    case launch_failure:
      text_ = "unspecified launch failure" + (report_.empty() ? "" : ": " + report_);
      return text_.c_str();
    default: return "unrecognized error code";
  }
}

EmulatedRuntime& emulated_runtime() {
  static EmulatedRuntime one;
  return one;
}
Runtime& toolkit_runtime() { return emulated_runtime(); }

}  // namespace brink::cuda
