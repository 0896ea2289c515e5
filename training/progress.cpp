// SPDX-License-Identifier: MIT
#include "training/progress.h"

#include <fmt/format.h>
#include <cmath>

#include <algorithm>

namespace brink {

Progress::Progress(Console& out, std::int64_t steps, bool evaluation_hessian)
    : out_(out),
      steps_(steps),
      lambda_(evaluation_hessian ? "λ₁ in evaluation mode" : "λ₁"),
      live_(out.terminal()),
      start_(Clock::now()),
      drawn_(start_ - std::chrono::hours(1)) {}

std::string Progress::text() const {
  std::string out = fmt::format("step {}/{}", last_.step, steps_);
  if (last_.loss) out += fmt::format("  loss {:.4g}", *last_.loss);
  if (!last_.lambda.empty()) {
    out += fmt::format("  {} {:.4g}", lambda_, last_.lambda.front());
    if (last_.learning_rate) out += fmt::format(" (2/η = {:.4g})", 2 / *last_.learning_rate);
  }
  if (last_.train_accuracy) out += fmt::format("  accuracy {:.1f} %", 100 * *last_.train_accuracy);
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto done = static_cast<double>(last_.step - first_step_);
  if (done > 0 && seconds > 0) {
    const double rate = done / seconds;
    out += fmt::format("  {:.{}f} it/s", rate, rate < 10 ? 2 : 0);
    if (last_.step < steps_) {
      const auto left = std::llround(static_cast<double>(steps_ - last_.step) / rate);
      out += left < 60     ? fmt::format("  ETA {} s", left)
             : left < 3600 ? fmt::format("  ETA {}:{:02} min", left / 60, left % 60)
                           : fmt::format("  ETA {}:{:02} h", left / 3600, left / 60 % 60);
    }
  }
  return out;
}

void Progress::erase() {
  if (live_ && rows_ > 0) out_.print("\r\033[K");
}

void Progress::row(const MetricsRow& row) {
  if (rows_++ == 0) first_step_ = next_line_ = row.step;
  last_ = row;
  shown_ = false;
  if (live_) {
    const auto now = Clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100) && row.step < steps_) return;
    drawn_ = now;
    out_.print("\r" + text() + "\033[K");
    shown_ = true;
  } else if (row.step >= next_line_ || row.step >= steps_) {
    next_line_ = row.step - row.step % std::max<std::int64_t>(1, steps_ / 20) + std::max<std::int64_t>(1, steps_ / 20);
    out_.line(text());
    shown_ = true;
  }
}

void Progress::note(std::string_view text) {
  erase();
  out_.line(text);
  shown_ = false;
}

void Progress::event(const Instability& e) {
  note(fmt::format("instability from step {} to {} ({} steps{}): {} up to {:.2f} × 2/η at step {}{}", e.entry,
                   e.resolution, e.length(), e.is_long ? ", long" : "", lambda_, 1 + e.peak_surplus / 2, e.peak_step,
                   e.open ? ", still open at the end" : ""));
}

void Progress::finish() {
  if (rows_ == 0) return;
  if (live_)
    out_.print("\r" + text() + "\033[K\n");
  else if (!shown_)
    out_.line(text());
  rows_ = 0;
}

}  // namespace brink
