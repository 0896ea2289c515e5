// SPDX-License-Identifier: MIT
// What it is: sums and elementwise kernels of a GPU over vectors far larger than its caches, beside a plain copy, in turns.
// What it is not: for the CPU, whose sums have their figure in roofs.cpp's terms. Decision: the roof is the copy measured in
// the same turns, not the data sheet's.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "bench/perf/on_gpu.h"

namespace brink::bench {
namespace {

int main_of(int argc, char** argv) {
  Turns turns{21, 3, 0};
  std::int64_t elements = std::int64_t{1} << 28;
  std::string device = "cuda", out;
  CLI::App app("Sums and elementwise kernels on a GPU, beside a plain copy, in turns within one run.");
  app.add_option("--device", device, "cuda")->check(CLI::IsMember({"cuda"}));
  app.add_option("--elements", elements, "float32 numbers in a vector")->check(CLI::PositiveNumber);
  app.add_option("--rounds", turns.rounds, "rounds")->check(CLI::PositiveNumber);
  app.add_option("--turn-ms", turns.turn_ms, "length of a turn");
  app.add_option("--out", out, "JSON file to write");
  CLI11_PARSE(app, argc, argv);
  nlohmann::json report{{"benchmark", "vectors"}, {"machine", machine_and_build()}};
  report["gpu"] = gpu::time_vectors(turns, elements);
  if (!out.empty()) std::ofstream(out) << report.dump(1) << "\n";
  return 0;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  try {
    return brink::bench::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "vectors: {}\n", e.what());
    return 1;
  }
}
