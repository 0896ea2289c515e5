// SPDX-License-Identifier: MIT
#include "training/sweep/progress.h"

#include <fmt/format.h>

#include "training/io/readable.h"
#include "training/run/progress.h"

namespace brink::sweep {

SweepProgress::SweepProgress(Console& out)
    : out_(out), live_(out.terminal()), start_(Clock::now()), drawn_(start_ - std::chrono::hours(1)) {}

void SweepProgress::finish() {
  if (std::exchange(drawn_line_, false)) out_.print("\r\033[K");
}

void SweepProgress::line(std::string_view text) {
  finish();
  out_.line(text);
}

void SweepProgress::once(const std::string& run, const std::string& text) {
  if (said_.insert(text).second) line(run + ": " + text);
}

std::string SweepProgress::text_of(const Counts& c) {
  std::string out = fmt::format("{}/{} done", c.done, c.tasks);
  if (c.failed > 0) out += fmt::format(", {} failed", c.failed);
  if (c.elsewhere > 0) out += fmt::format(", {} in another process", c.elsewhere);
  return out;
}

void SweepProgress::show(const Counts& counts, const std::vector<std::string>& running, int jobs) {
  if (done_before_ < 0) done_before_ = counts.done;
  if (!live_ || Clock::now() - drawn_ < std::chrono::milliseconds(200)) return;
  drawn_ = Clock::now();
  std::vector<std::string> fields{text_of(counts)};
  const std::int64_t done_here = counts.done - done_before_, left = counts.tasks - counts.done - counts.failed;
  const double seconds = std::chrono::duration<double>(drawn_ - start_).count();
  if (done_here >= jobs && left > 0)
    fields.push_back("ETA " + readable_duration(seconds / static_cast<double>(done_here) * static_cast<double>(left)));
  for (const std::string& run : running) fields.push_back((&run == running.data() ? "running: " : "| ") + run);
  for (std::string& field : fields) field = out_.shown(field);
  std::string text;
  const int columns = out_.columns() - 1;  // after a character in the last one, erasing would erase that character
  for (const std::string& field : fields) text += (text.empty() ? "" : "  ") + field;
  const std::string one[] = {text};
  out_.print("\r" + lines_of(one, columns).front() + "\033[K");
  drawn_line_ = true;
}

}  // namespace brink::sweep
