// SPDX-License-Identifier: MIT
#include "kernels/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include "kernels/counted_bytes.h"
#include "kernels/gpu.h"

namespace brink {

namespace {
Poison from_environment() {
  const char* p = std::getenv("BRINK_POISON");
  const std::string_view wish = p ? p : "";
  return wish == "ff" ? Poison::ones : wish == "nan" ? Poison::nan : Poison::zero;
}
Poison& current() {
  static Poison p = from_environment();
  return p;
}

std::atomic<std::int64_t> host_bytes{0};

/// Memory for std::free; nullptr where none is left. Large memory asks for huge pages, because passes over activations exceed
/// what address translation with small pages can follow. Only whole huge pages are asked for, so that no more than `bytes`
/// becomes resident.
void* host_memory(std::int64_t bytes) {
  constexpr std::int64_t huge_page = std::int64_t{2} << 20;
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(bytes < huge_page ? alignment_bytes : huge_page),
                     static_cast<std::size_t>(bytes)) != 0)
    return nullptr;
  if (bytes >= huge_page) (void)madvise(memory, static_cast<std::size_t>(bytes / huge_page * huge_page), MADV_HUGEPAGE);
  return memory;
}
}  // namespace

std::int64_t allocated_bytes(const Device& device) {
  if (device.count) return device.count->bytes(device.where);
  if (device.where == Where::cuda) return device.gpu->allocated_bytes();
  return host_bytes.load(std::memory_order_relaxed);
}

MemoryCount count_memory(const Device& device) {
  return {allocated_bytes(device.host()), allocated_bytes(device), device.where};
}

CountedBytes::CountedBytes(std::int64_t bytes) : bytes_(bytes) {
  host_bytes.fetch_add(bytes_, std::memory_order_relaxed);
}
CountedBytes::~CountedBytes() { host_bytes.fetch_sub(bytes_, std::memory_order_relaxed); }

Poison poison() { return current(); }
void set_poison(Poison p) { current() = p; }

void FreeMemory::operator()(void* p) const {
  if (gpu) return gpu->release(p);
  host_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  std::free(p);
}

std::int64_t room_of(std::int64_t bytes, Where where) {
  const std::int64_t unit = where == Where::cuda ? gpu_granularity_bytes : alignment_bytes;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  return bytes > most - unit ? most : align_up(bytes > 0 ? bytes : 1, unit);
}

Buffer::Buffer(std::int64_t bytes, const Device& device) : bytes_(bytes) {
  const std::int64_t room = room_of(bytes, device.where);
  if (device.count) {
    counted_ = device.count->take(device.where, room);
    return;
  }
  constexpr std::uint32_t pattern = 0x7FF7FFF7;  // a NaN as float32 and, twice, as float64
  if (device.where == Where::cuda) {
    data_ = std::unique_ptr<void, FreeMemory>(device.gpu->allocate(room), FreeMemory{device.gpu, room});
    if (poison() == Poison::nan) {
      const std::vector<std::uint32_t> nans(static_cast<std::size_t>(room / 4), pattern);
      device.gpu->copy(data_.get(), nans.data(), room);
      device.gpu->synchronize();
    } else {
      device.gpu->fill(data_.get(), poison() == Poison::ones ? 0xFF : 0x00, room);
    }
    return;
  }
  void* const memory = host_memory(room);
  if (!memory) throw OutOfMemory(bytes);
  data_ = std::unique_ptr<void, FreeMemory>(memory, FreeMemory{nullptr, room});
  host_bytes.fetch_add(room, std::memory_order_relaxed);
  if (poison() == Poison::nan) {
    for (std::int64_t i = 0; i < room / 4; ++i) std::memcpy(static_cast<char*>(data_.get()) + 4 * i, &pattern, 4);
  } else {
    std::memset(data_.get(), poison() == Poison::ones ? 0xFF : 0x00, static_cast<std::size_t>(room));
  }
}

Array zeros(Shape shape, Dtype dtype, const Device& device) {
  Array a(shape, dtype, device);
  Device d = device;
  set_zero(d, a.view());
  return a;
}

void copy(Device& device, View to, View from) {
  assert(to.bytes() == from.bytes());
  if (device.count) return;
  if (device.where == Where::cuda) return device.gpu->copy(to.data, from.data, from.bytes());
  if (from.bytes() > 0) std::memmove(to.data, from.data, static_cast<std::size_t>(from.bytes()));
}

void set_zero(Device& device, View v) {
  if (device.count) return;
  if (device.where == Where::cuda) return device.gpu->fill(v.data, 0, v.bytes());
  if (v.bytes() > 0) std::memset(v.data, 0, static_cast<std::size_t>(v.bytes()));
}

void synchronize(Device& device) {
  if (device.count) return;
  if (device.where == Where::cuda) device.gpu->synchronize();
}

void fetch(Device& device, std::span<double> to, View from) {
  assert(from.bytes() == static_cast<std::int64_t>(to.size_bytes()));
  if (device.where == Where::cuda) return device.gpu->fetch(to.data(), from.as<double>(), static_cast<int>(to.size()));
  std::ranges::copy(from.span<double>(), to.begin());
}

Array to_host(Device& device, View from) {
  Array out(from.shape, from.dtype);
  copy(device, out.view(), from);
  synchronize(device);
  return out;
}

Array to_device(Device& device, View from) {
  Array out(from.shape, from.dtype, device);
  copy(device, out.view(), from);
  synchronize(device);
  return out;
}

}  // namespace brink
