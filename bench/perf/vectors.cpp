// SPDX-License-Identifier: MIT
// Times sums and elementwise kernels of a GPU over vectors far larger than its caches, beside a plain copy, in turns.
// The roof is the copy measured in the same turns, not the data sheet's figure.
#include "bench/perf/on_gpu.h"
#include "bench/perf/program.h"

int main(int argc, char** argv) {
  using namespace brink::bench;
  Turns turns{21, 3, 0};
  std::int64_t elements = std::int64_t{1} << 28;
  std::string device = "cuda";
  CLI::App app("Sums and elementwise kernels on a GPU, beside a plain copy, in turns within one run.");
  app.add_option("--device", device, "cuda")->check(CLI::IsMember({"cuda"}));
  app.add_option("--elements", elements, "float32 numbers in a vector")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  add_turns(app, turns);
  return run_program(argc, argv, app, "vectors",
                     [&](nlohmann::json& report) { report["gpu"] = gpu::time_vectors(turns, elements); });
}
