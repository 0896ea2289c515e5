// SPDX-License-Identifier: MIT
// `brink info`: how this brink was built and what it will use here.
#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "kernels/device.h"
#include "kernels/floating_point.h"
#include "kernels/gpu.h"
#include "kernels/isa.h"
#include "tools/brink/command.h"
#include "training/build_info.h"
#include "training/errors.h"
#include "training/io/console.h"

namespace brink {

namespace {

/// Reports a wrong BRINK_SIMD as the user's error.
Isa chosen_isa() {
  try {
    return isa();
  } catch (const std::invalid_argument& e) { throw UsageError(e.what()); }
}

/// Why the portable code runs; empty if it does not.
std::string portable_line() {
  if (chosen_isa() != Isa::portable) return {};
  const char* wish = std::getenv("BRINK_SIMD");
  const std::string reason = wish != nullptr && *wish != '\0' ? "BRINK_SIMD asks for it"
                                                              : "this processor has no AVX2 with fused multiply-add";
  return "the portable code runs, because " + reason + ": the same bits, but slower";
}

std::string describe(FloatingPointState found) {
  if (!found.flush_to_zero && !found.other_rounding) return {};
  return std::string("the floating-point state was changed before brink started (") +
         (found.flush_to_zero ? "subnormal numbers flushed to zero" : "") +
         (found.flush_to_zero && found.other_rounding ? ", " : "") +
         (found.other_rounding ? "rounding not to nearest" : "") + "); it has been corrected";
}

/// The GPU that --device cuda would use, or why there is none.
std::string gpu_line() {
  try {
    const std::unique_ptr<Gpu> gpu = open_gpu();
    const DeviceProperties& p = gpu->properties();
    constexpr double gib = 1 << 30;
    return fmt::format("{}, compute capability {}.{}, {} multiprocessors, {:.0f} of {:.0f} GiB free", p.name, p.major,
                       p.minor, p.multiprocessors, static_cast<double>(gpu->free_bytes()) / gib,
                       static_cast<double>(p.memory_bytes) / gib);
  } catch (const std::runtime_error& e) { return fmt::format("none: {}", e.what()); }
}

void info() {
  const BuildInfo& build = build_info();
  std::string sets;
  for (const std::string_view name : build.instruction_sets) sets += (sets.empty() ? "" : " ") + std::string(name);
  const std::string state = describe(reset_floating_point()), portable = portable_line();
  std::string out;
  const auto line = [&](std::string_view label, std::string_view value) {
    out += fmt::format("{:<18}{}\n", label, value);
  };
  line("brink", build.version);
  line("compiler", build.compiler);
  line("flags", fmt::format("{} ({})", build.flags, build.build_type));
  line("instruction sets", fmt::format("{} (built in: {})", name_of(chosen_isa()), sets));
  line("processor", processor_name());
  line("threads", std::to_string(available_threads()));
  line("GPU", gpu_line());
  line("floating point", state.empty() ? "round to nearest, gradual underflow" : state);
  if (!portable.empty()) line("note", portable);
  standard_output().print(out);
}

}  // namespace

void announce_arithmetic() {
  for (const std::string& text : {describe(reset_floating_point()), portable_line()})
    if (!text.empty()) standard_output().line("note: " + text);
}

void add_info(CLI::App& app, ExitCode&) {
  CLI::App* sub = app.add_subcommand("info", "Version, build flags, instruction sets, threads, devices");
  sub->callback(info);
}

}  // namespace brink
