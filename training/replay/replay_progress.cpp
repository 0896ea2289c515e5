// SPDX-License-Identifier: MIT
#include "training/replay/replay_progress.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "training/io/readable.h"
#include "training/run/progress.h"

namespace brink {

ReplayProgress::ReplayProgress(Console& out, std::string what, std::int64_t steps)
    : out_(out), what_(std::move(what)), steps_(steps), live_(out.terminal()), start_(Clock::now()), drawn_(start_) {}

void ReplayProgress::draw() {
  const auto now = Clock::now();
  if (!live_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const std::int64_t done = done_.load(std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::array<std::string, 3> fields{fmt::format("{}: {} of {}", what_, done, counted(steps_, "step")), "", ""};
  std::size_t n = 1;
  if (done > 0) {
    const double rate = static_cast<double>(done) / seconds;
    fields[n++] = readable(rate, 3) + " it/s";
    if (done < steps_) fields[n++] = "ETA " + readable_duration(static_cast<double>(steps_ - done) / rate);
  }
  for (std::string& field : fields) field = out_.shown(field);
  // Room for the sign of a cut field in ASCII, and for the cursor.
  out_.print("\r" + lines_of(std::span(fields).first(n), out_.columns() - 3).front() + "\033[K");
  shown_ = true;
}

void ReplayProgress::finish() {
  if (std::exchange(shown_, false)) out_.print("\r\033[K");
}

}  // namespace brink
