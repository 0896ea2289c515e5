// SPDX-License-Identifier: MIT
#include "tests/emulator/fake_runtime.h"

#include <algorithm>

namespace brink::cuda {

FakeRuntime::FakeRuntime(Runtime* base) : base_(base ? *base : toolkit_runtime()) { set_runtime(this); }
FakeRuntime::~FakeRuntime() { set_runtime(nullptr); }

void FakeRuntime::stick(std::int64_t n, Status status) {
  sticks_at_call_ = calls_.all + n;
  stuck_ = status;
}

void FakeRuntime::stick_at_launch(std::int64_t n, Status status) {
  sticks_at_launch_ = calls_.launches + n;
  stuck_ = status;
}

Status FakeRuntime::begin(std::int64_t* counter) {
  ++calls_.all;
  if (counter) ++*counter;
  if ((sticks_at_call_ > 0 && calls_.all >= sticks_at_call_) ||
      (sticks_at_launch_ > 0 && calls_.launches >= sticks_at_launch_))
    struck_ = true;
  return struck_ ? stuck_ : success;
}

bool FakeRuntime::driver_is_old() {
  int driver = 0, toolkit = 0;
  return driver_version && base_.versions(driver, toolkit) == success && *driver_version / 1000 < toolkit / 1000;
}

Status FakeRuntime::device_count(int& count) {
  if (const Status s = begin()) return s;
  count = 0;
  if (!has_driver || driver_is_old()) return insufficient_driver;
  if (driver_refusal != success) return driver_refusal;
  count = devices;
  return devices == 0 ? no_device : success;
}

Status FakeRuntime::use_device(int ordinal) {
  if (const Status s = begin()) return s;
  constexpr Status invalid_device = 101;
  if (ordinal < 0 || ordinal >= devices) return invalid_device;
  last_ordinal_ = ordinal;
  return base_.use_device(0);
}

Status FakeRuntime::properties(int, DeviceProperties& p) {
  if (const Status s = begin()) return s;
  const Status s = base_.properties(0, p);
  if (device) p = *device;
  return s;
}

Status FakeRuntime::versions(int& driver, int& runtime) {
  if (const Status s = begin()) return s;
  const Status s = base_.versions(driver, runtime);
  driver = has_driver ? driver_version.value_or(driver) : 0;
  return s;
}

Status FakeRuntime::memory(std::int64_t& free_bytes, std::int64_t& total_bytes) {
  if (const Status s = begin()) return s;
  const Status s = base_.memory(free_bytes, total_bytes);
  if (capacity_bytes) {
    total_bytes = *capacity_bytes;
    free_bytes = std::max<std::int64_t>(*capacity_bytes - in_use_bytes_, 0);
  }
  return s;
}

Status FakeRuntime::allocate(void*& p, std::int64_t bytes) {
  if (const Status s = begin(&calls_.allocations)) return s;
  if (failing_allocation > 0 && --failing_allocation == 0) return out_of_memory;
  if (capacity_bytes && in_use_bytes_ + bytes > *capacity_bytes) return out_of_memory;
  if (largest_allocation_bytes && bytes > *largest_allocation_bytes) return out_of_memory;
  const Status s = base_.allocate(p, bytes);
  if (s == success) {
    in_use_bytes_ += bytes;
    allocated_[p] = bytes;
  }
  return s;
}

// Memory is released even if the call reports an error.
Status FakeRuntime::release(void* p) {
  const Status told = begin(), s = base_.release(p);
  if (const auto it = allocated_.find(p); it != allocated_.end()) {
    in_use_bytes_ -= it->second;
    allocated_.erase(it);
  }
  return told != success ? told : s;
}
Status FakeRuntime::release_pinned(void* p) {
  const Status told = begin(), s = base_.release_pinned(p);
  return told != success ? told : s;
}
Status FakeRuntime::destroy_stream(Stream stream) {
  const Status told = begin(), s = base_.destroy_stream(stream);
  return told != success ? told : s;
}
Status FakeRuntime::destroy(Executable e) {
  const Status told = begin(), s = base_.destroy(e);
  return told != success ? told : s;
}

Status FakeRuntime::allocate_pinned(void*& p, std::int64_t bytes) {
  if (const Status s = begin(&calls_.pinned)) return s;
  return short_pinned.at(calls_.pinned) ? out_of_memory : base_.allocate_pinned(p, bytes);
}
Status FakeRuntime::copy(void* to, const void* from, std::int64_t bytes, Stream stream) {
  const Status s = begin(&calls_.copies);
  return s != success ? s : base_.copy(to, from, bytes, stream);
}
Status FakeRuntime::fill(void* to, int byte, std::int64_t bytes, Stream stream) {
  const Status s = begin(&calls_.fills);
  return s != success ? s : base_.fill(to, byte, bytes, stream);
}
Status FakeRuntime::create_stream(Stream& stream) {
  const Status s = begin();
  return s != success ? s : base_.create_stream(stream);
}
Status FakeRuntime::synchronize(Stream stream) {
  const Status s = begin(&calls_.synchronisations);
  return s != success ? s : base_.synchronize(stream);
}
Status FakeRuntime::launch(const LaunchCall& c, Stream stream) {
  if (const Status s = begin(&calls_.launches)) return s;
  if (!has_kernel_image) return launch_refusal;
  return short_launches.at(calls_.launches) ? out_of_memory : base_.launch(c, stream);
}
Status FakeRuntime::begin_capture(Stream stream) {
  const Status s = begin(&calls_.captures);
  return s != success ? s : base_.begin_capture(stream);
}
Status FakeRuntime::end_capture(Stream stream, Capture& c) {
  const Status s = begin();
  return s != success ? s : base_.end_capture(stream, c);
}
Status FakeRuntime::instantiate(Capture c, Executable& e) {
  Status s = begin(&calls_.instantiations);
  if (short_instantiations.at(calls_.instantiations)) s = out_of_memory;
  if (s == success) return base_.instantiate(c, e);
  Executable given_up = nullptr;  // the capture ends in any case
  if (base_.instantiate(c, given_up) == success) (void)base_.destroy(given_up);
  return s;
}
Status FakeRuntime::launch(Executable e, Stream stream) {
  if (const Status s = begin(&calls_.replays)) return s;
  return short_replays.at(calls_.replays) ? out_of_memory : base_.launch(e, stream);
}
Status FakeRuntime::create_event(Event& e, EventUse use) {
  const Status s = begin();
  return s != success ? s : base_.create_event(e, use);
}
Status FakeRuntime::destroy_event(Event e) {
  const Status told = begin(), s = base_.destroy_event(e);
  return told != success ? told : s;
}
Status FakeRuntime::record(Event e, Stream stream) {
  const Status s = begin(&calls_.events);
  return s != success ? s : base_.record(e, stream);
}
Status FakeRuntime::wait(Event e) {
  const Status s = begin(&calls_.synchronisations);
  return s != success ? s : base_.wait(e);
}
Status FakeRuntime::elapsed(float& ms, Event from, Event to) {
  const Status s = begin();
  return s != success ? s : base_.elapsed(ms, from, to);
}
void FakeRuntime::push_range(const char* name) {
  ranges_.push_back(std::string(static_cast<std::size_t>(2 * open_ranges_++), ' ') + name);
}
void FakeRuntime::pop_range() { --open_ranges_; }
const char* FakeRuntime::text(Status s) { return base_.text(s); }

}  // namespace brink::cuda
