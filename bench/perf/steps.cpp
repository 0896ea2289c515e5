// SPDX-License-Identifier: MIT
// What it is: gradient, linearised HVP and GD step of one MLP on a full batch, taking turns; time ratio beside flop
// ratio. What it is not: a comparison with other systems (bench/peers) or a training run. Decision: HVP and gradient
// are timed in turns of one run, because their ratio is the figure of interest.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "bench/perf/harness.h"
#include "bench/perf/mlp_work.h"

namespace brink::bench {
namespace {

nlohmann::json measure(const std::vector<std::int64_t>& widths, std::int64_t samples, int threads, Where where,
                       Arithmetic arithmetic, const Turns& turns) {
  ThreadPool pool(threads);
  const bool on_cpu = where == Where::cpu;
  const Roofs roofs = on_cpu ? measure_roofs(pool) : Roofs{};
  MlpWork work(make_mlp_data(widths, samples, 1), threads, where, arithmetic);
  work.linearize();
  constexpr double rate = 0.01;
  const std::vector<Timing> t = take_turns({{"gradient", [&] { work.gradient(); }},
                                            {"hvp_linearized", [&] { work.apply(); }},
                                            {"linearize", [&] { work.linearize(); }},
                                            {"gd_step", [&] { work.descend(9, rate); }}},
                                           turns);
  const double flops[] = {static_cast<double>(work.gradient_flops()), static_cast<double>(work.tangent_flops()), 0, 0};
  nlohmann::json out{{"widths", widths}, {"samples", samples}, {"threads", threads}, {"device", work.device_name()}};
  if (on_cpu) out["roofs"] = to_json(roofs);
  fmt::print("N = {}, ", samples);
  if (on_cpu)
    fmt::print("{} thread(s); roof {:.0f} GFLOP/s, {:.1f} GB/s\n", threads, roofs.fma_f32_gflops_all,
               roofs.read_gb_per_s_all);
  else
    fmt::print("{}\n", work.device_name());
  for (std::size_t i = 0; i < t.size(); ++i) {
    const double per_call = t[i].name == "gd_step" ? 10 : 1;  // nine steps and the closing evaluation
    std::vector<double> wall = t[i].wall_ms, cpu = t[i].cpu_ms;
    for (double& x : wall) x /= per_call;
    for (double& x : cpu) x /= per_call;
    const Spread ms = spread_of(wall), cpu_ms = spread_of(cpu);
    nlohmann::json row{{"name", t[i].name}, {"ms", to_json(ms)}, {"cpu_ms", to_json(cpu_ms)}};
    fmt::print("  {:15} {} ms  best {:.3f}  cpu {:.3f}", t[i].name, text_of(ms, 3), ms.best, cpu_ms.median);
    if (flops[i] > 0 && on_cpu) {
      const double share = flops[i] * 1e-6 / ms.median / roofs.fma_f32_gflops_all;
      row.update({{"flops", flops[i]}, {"share_of_fma_roof", share}});
      fmt::print("  {:.1f} MFLOP, {:.0f} % of roof", flops[i] * 1e-6, 100 * share);
    }
    fmt::print("\n");
    out["timings"].push_back(row);
  }
  const Spread wall = ratio_of(t[1].wall_ms, t[0].wall_ms), cpu = ratio_of(t[1].cpu_ms, t[0].cpu_ms);
  const double flop_ratio = flops[1] / flops[0];
  out.update(
      {{"hvp_over_gradient", to_json(wall)}, {"hvp_over_gradient_cpu", to_json(cpu)}, {"flop_ratio", flop_ratio}});
  fmt::print("  HVP / gradient  time {}, processor time {}, flops {:.3f}: time is {:.2f} x the flops\n",
             text_of(wall, 3), text_of(cpu, 3), flop_ratio, wall.median / flop_ratio);
  return out;
}

int main_of(int argc, char** argv) {
  std::vector<std::int64_t> widths{784, 32, 32, 32, 32, 4}, samples{4000, 1000};
  std::vector<int> threads{1, 2};
  Turns turns{41, 20, 0};
  std::string file, device = "cpu", arithmetic = "exact";
  CLI::App app("Gradient, linearised HVP and GD step of an MLP, in turns within one run.");
  app.add_option("--widths", widths, "inputs, hidden widths, classes");
  app.add_option("--samples", samples, "sizes of the batch");
  app.add_option("--threads", threads, "numbers of threads");
  app.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--arithmetic", arithmetic, "exact, or vendor (cuda)")->check(CLI::IsMember({"exact", "vendor"}));
  app.add_option("--rounds", turns.rounds, "rounds")->check(CLI::PositiveNumber);
  app.add_option("--turn-ms", turns.turn_ms, "length of a turn");
  app.add_option("--out", file, "JSON file to write");
  CLI11_PARSE(app, argc, argv);
  if (device == "cuda") threads = {1};
  nlohmann::json report{{"benchmark", "steps"}, {"machine", machine_and_build()}};
  for (const std::int64_t n : samples)
    for (const int count : threads)
      report["results"].push_back(measure(widths, n, count, device == "cuda" ? Where::cuda : Where::cpu,
                                          arithmetic == "vendor" ? Arithmetic::vendor : Arithmetic::exact, turns));
  if (!file.empty()) std::ofstream(file) << report.dump(1) << "\n";
  return 0;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  try {
    return brink::bench::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "steps: {}\n", e.what());
    return 1;
  }
}
