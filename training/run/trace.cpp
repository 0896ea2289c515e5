// SPDX-License-Identifier: MIT
#include "training/run/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "kernels/gpu.h"
#include "training/build_info.h"

namespace brink {

namespace {

std::int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// The lane of a recorder to which this thread writes.
struct Mine {
  std::uint64_t recorder = 0;
  int lane = -1;
};
thread_local Mine mine;

std::string json_text(std::string_view text) { return nlohmann::json(text).dump(); }

/// Appends microseconds, with nanosecond digits.
void append_us(std::string& out, std::int64_t ns) {
  fmt::format_to(std::back_inserter(out), "{}.{:03}", ns / 1000, ns % 1000);
}

}  // namespace

struct alignas(64) TraceRecorder::Lane {
  static constexpr int deepest = 32;
  static constexpr std::int64_t portion = 64;  // slots that a thread takes at once
  std::array<std::int64_t, deepest> open{};    // slots; −1: not recorded
  int depth = 0;
  std::int64_t next = 0, end = 0, dropped = 0;
};

/// Times on the device: a pool of events recorded into its stream, read whenever the pool is used up. The first error is kept
/// and not thrown: the run meets the device's errors itself, and a trace must not end it.
class TraceRecorder::DeviceClock {
 public:
  DeviceClock(Gpu& gpu, std::vector<Span>& spans, std::int64_t start_ns) : gpu_(gpu), spans_(spans) {
    waiting_.reserve(pool);
    events_.reserve(pool);
    try {
      for (Gpu::Event* e : {&base_, &next_base_}) *e = gpu_.create_event(EventUse::time);
      while (events_.size() < pool) events_.push_back(gpu_.create_event(EventUse::time));
      check(gpu_.record(base_));
      gpu_.synchronize();
    } catch (const GpuError& e) { check(e.status); }
    base_ns_ = static_cast<double>(clock_ns() - start_ns);
  }
  ~DeviceClock() {
    for (const Gpu::Event e : events_) gpu_.destroy_event(e);
    for (const Gpu::Event e : {base_, next_base_})
      if (e) gpu_.destroy_event(e);
  }
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;

  /// Marks the begin or end of a span with the moment at which the stream reaches this point.
  void mark(std::int64_t slot, bool end) noexcept {
    if (waiting_.size() == pool) read();
    if (status_ != 0) return;
    check(gpu_.record(events_[waiting_.size()]));
    waiting_.push_back({slot, end});
  }
  /// Waits for the device and stores all times. Each reading starts from a new base, because elapsed times are float32.
  void read() noexcept {
    if (status_ != 0) return;
    const auto since_base = [&](Gpu::Event e) {
      float ms = 0;
      check(gpu_.elapsed(ms, base_, e));
      return base_ns_ + static_cast<double>(ms) * 1e6;
    };
    check(gpu_.record(next_base_));
    const double next_ns = since_base(next_base_);  // waits, so all earlier events have been reached too
    for (std::size_t i = 0; i < waiting_.size() && status_ == 0; ++i) {
      Span& s = spans_[static_cast<std::size_t>(waiting_[i].slot)];
      (waiting_[i].end ? s.device_end_ns : s.device_begin_ns) = static_cast<std::int64_t>(since_base(events_[i]));
    }
    base_ns_ = next_ns;
    std::swap(base_, next_base_);
    waiting_.clear();
  }
  /// Empty, or why times are missing.
  std::string trouble() const { return status_ == 0 ? "" : gpu_.text(status_); }

 private:
  static constexpr std::size_t pool = 4096;
  struct Waiting {
    std::int64_t slot;
    bool end;
  };
  void check(GpuStatus s) noexcept {
    if (status_ == 0) status_ = s;
  }

  Gpu& gpu_;
  std::vector<Span>& spans_;
  std::vector<Gpu::Event> events_;
  std::vector<Waiting> waiting_;
  Gpu::Event base_ = nullptr, next_base_ = nullptr;
  double base_ns_ = 0;
  GpuStatus status_ = 0;
};

TraceRecorder::TraceRecorder(const Device& device, std::int64_t spans)
    : Tracer(true),
      identity_(next_identity()),
      start_ns_(clock_ns()),
      spans_(static_cast<std::size_t>(spans)),
      lanes_(static_cast<std::size_t>(device.pool ? device.pool->threads() : 1)) {
  (void)lane();
  if (device.gpu) clock_ = std::make_unique<DeviceClock>(*device.gpu, spans_, start_ns_);
}

TraceRecorder::~TraceRecorder() = default;

std::int64_t TraceRecorder::now_ns() const { return clock_ns() - start_ns_; }

TraceRecorder::Lane* TraceRecorder::lane() noexcept {
  if (mine.recorder != identity_) mine = {identity_, lanes_taken_.fetch_add(1, std::memory_order_relaxed)};
  return mine.lane < static_cast<int>(lanes_.size()) ? &lanes_[static_cast<std::size_t>(mine.lane)] : nullptr;
}

void TraceRecorder::begin(const TraceName& name, std::int64_t number) noexcept {
  Lane* const l = lane();
  if (!l) return void(homeless_.fetch_add(1, std::memory_order_relaxed));
  if (l->depth >= Lane::deepest) {
    ++l->depth;
    ++l->dropped;
    return;
  }
  if (l->next == l->end) {
    const auto all = static_cast<std::int64_t>(spans_.size());
    // The counter is not increased once all slots are taken, so it cannot overflow.
    l->next = taken_.load(std::memory_order_relaxed) < all ? taken_.fetch_add(Lane::portion) : all;
    l->end = std::min(l->next + Lane::portion, all);
    l->next = std::min(l->next, l->end);
  }
  std::int64_t& open = l->open[static_cast<std::size_t>(l->depth++)];
  if (l->next == l->end) {
    open = -1;
    ++l->dropped;
    return;
  }
  open = l->next++;
  spans_[static_cast<std::size_t>(open)] = {&name, number, now_ns(), -1, -1, -1, mine.lane};
  if (clock_ && mine.lane == 0) clock_->mark(open, false);
}

void TraceRecorder::end() noexcept {
  Lane* const l = lane();
  if (!l || --l->depth >= Lane::deepest) return;
  const std::int64_t slot = l->open[static_cast<std::size_t>(l->depth)];
  if (slot < 0) return;
  if (clock_ && mine.lane == 0) clock_->mark(slot, true);
  spans_[static_cast<std::size_t>(slot)].end_ns = now_ns();
}

std::int64_t TraceRecorder::dropped() const {
  std::int64_t sum = homeless_.load();
  for (const Lane& l : lanes_) sum += l.dropped;
  return sum;
}

std::string TraceRecorder::json(std::string_view about) {
  if (clock_) clock_->read();
  const std::string trouble = clock_ ? clock_->trouble() : "";
  const int host_lanes = std::min(lanes_taken_.load(), static_cast<int>(lanes_.size())), gpu_lane = host_lanes;
  std::string out = "{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"program\":" +
                    json_text("brink " + std::string(build_info().version)) + ",\"about\":" + json_text(about) +
                    ",\"dropped\":" + std::to_string(dropped());
  if (!trouble.empty()) out += ",\"no device times\":" + json_text(trouble);
  out += "},\n\"traceEvents\":[\n";
  const auto track = [&](int lane, const std::string& name) {
    fmt::format_to(
        std::back_inserter(out),
        "{{\"ph\":\"M\",\"pid\":1,\"tid\":{0},\"name\":\"thread_name\",\"args\":{{\"name\":{1}}}}},\n"
        "{{\"ph\":\"M\",\"pid\":1,\"tid\":{0},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{0}}}}},\n",
        lane, json_text(name));
  };
  for (int i = 0; i < host_lanes; ++i) track(i, i == 0 ? "main thread" : "worker " + std::to_string(i));
  if (clock_) track(gpu_lane, "GPU");

  struct Text {
    std::string head, tail;
  };
  std::map<const TraceName*, Text> texts;
  const auto text_of = [&](const TraceName& n) -> const Text& {
    const auto [it, is_new] = texts.try_emplace(&n);
    if (is_new) {
      Text& t = it->second;
      t.head = "{\"ph\":\"X\",\"pid\":1,\"name\":" + json_text(n.name) + ",\"cat\":" + json_text(n.category);
      t.tail = ",\"args\":{";
      if (!n.shapes.empty()) t.tail += "\"shapes\":" + json_text(n.shapes) + ",";
      if (n.flops > 0) t.tail += "\"flops\":" + std::to_string(n.flops) + ",";
      if (!n.number.empty()) t.tail += json_text(n.number) + ":";
    }
    return it->second;
  };
  const auto write = [&](const Span& s, int lane, std::int64_t begin_ns, std::int64_t end_ns) {
    const Text& t = text_of(*s.name);
    out += t.head;
    out += ",\"tid\":" + std::to_string(lane) + ",\"ts\":";
    append_us(out, begin_ns);
    out += ",\"dur\":";
    append_us(out, end_ns - begin_ns);
    out += t.tail;
    if (!s.name->number.empty())
      out += std::to_string(s.number);
    else if (out.back() == ',')
      out.pop_back();
    out += "}},\n";
  };
  for (const Span& s : spans_) {
    if (!s.name || s.end_ns < 0) continue;
    write(s, s.lane, s.begin_ns, s.end_ns);
    if (s.device_begin_ns >= 0 && s.device_end_ns >= s.device_begin_ns)
      write(s, gpu_lane, s.device_begin_ns, s.device_end_ns);
  }
  out += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"brink\"}}\n]}\n";
  return out;
}

}  // namespace brink
