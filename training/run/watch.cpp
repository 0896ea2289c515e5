// SPDX-License-Identifier: MIT
#include "training/run/watch.h"

#include <fmt/format.h>

#include <filesystem>

#include "kernels/gpu.h"
#include "training/errors.h"
#include "training/io/file.h"

namespace brink {

Watch::Watch(const TrainOptions& options, Device& device) : file_(options.trace) {
  if (!file_.empty() && options.ranges != Ranges::none)
    throw UsageError("expected --trace or --nvtx, got both; each would show the cost of the other");
  if (!file_.empty()) {
    device.tracer = (recorder_ = std::make_unique<TraceRecorder>(device)).get();
    const std::filesystem::path folder = std::filesystem::path(file_).parent_path();
    in_run_folder_ = folder.lexically_normal() == std::filesystem::path(options.folder).lexically_normal();
    if (!in_run_folder_) begin();
  }
  if (options.ranges == Ranges::none) return;
  try {
    device.tracer = (ranges_ = make_gpu_ranges(options.ranges == Ranges::nodes)).get();
  } catch (const NoDevice& e) { throw UsageError(fmt::format("--nvtx: {}", e.what())); }
}

void Watch::begin() const { write_file(file_, "{\"traceEvents\":[]}\n"); }

void Watch::run_folder_is_there() const {
  if (in_run_folder_) begin();
}

void Watch::finish(const std::string& about, Console& out) {
  if (!recorder_) return;
  write_file(file_, recorder_->json(about));
  out.line("trace: " + file_);
  if (const std::int64_t n = recorder_->dropped(); n > 0)
    out.line(
        fmt::format("trace: it holds the first {} spans; {} later ones are missing. With fewer training.steps "
                    "none are missing.",
                    TraceRecorder::most_spans, n));
}

}  // namespace brink
