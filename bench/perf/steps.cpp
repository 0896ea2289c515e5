// SPDX-License-Identifier: MIT
// Times gradient, Hessian–vector products and higher derivatives of one network on a full batch, with residuals kept and with residuals
// computed again, and compares ratios of times with ratios of flops. Other systems are in bench/peers.
// Products and gradient are timed in turns of one run, because their ratio is the figure of interest.

#include <fmt/format.h>

#include <functional>

#include "bench/perf/harness.h"
#include "bench/perf/program.h"
#include "bench/perf/work.h"

namespace brink::bench {
namespace {

struct Network {
  std::string name;
  Chosen<NetworkKind> model;
  Shape sample;
  std::int64_t classes;
};

/// Every network with pictures; vgg10 has the widths of the workloads of bench/peers.
std::vector<std::string> network_names() {
  std::vector<std::string> out;
  for (const NetworkKind& kind : network_kinds())
    if (kind.build) out.emplace_back(kind.name);
  out.emplace_back("vgg10");
  return out;
}

Network network_of(const std::string& name, const std::vector<std::int64_t>& widths) {
  Chosen<NetworkKind> m(*find_kind(network_kinds(), name == "vgg10" ? "vgg" : name));
  if (name == "mlp") {
    m.options.set("hidden", std::vector<std::int64_t>(widths.begin() + 1, widths.end() - 1));
    return {name, m, Shape{widths.front()}, widths.back()};
  }
  if (name == "vgg10") m.options.set("channels", std::vector<std::int64_t>{32, 64, 128});
  return {name, m, Shape{32, 32, 3}, 10};
}

struct Row {
  std::string name;
  std::function<void()> run;
  double flops = 0;     // 0: unknown
  double per_call = 1;  // steps in one call
};

nlohmann::json measure(const Network& network, std::int64_t samples, int threads, Where where, Arithmetic arithmetic,
                       const Turns& turns) {
  ThreadPool pool(threads);
  const bool on_cpu = where == Where::cpu;
  const Roofs roofs = on_cpu ? measure_roofs(pool) : Roofs{};
  const Workload data = make_workload(network.model, network.sample, network.classes, samples, 1);
  Work work(data, threads, where, arithmetic);
  constexpr double rate = 0.01;
  constexpr auto anew = Work::Residuals::recomputed;
  const auto tangent_flops = static_cast<double>(work.tangent_flops());
  std::vector<Row> rows{
      {"gradient", [&] { work.gradient(); }, static_cast<double>(work.gradient_flops())},
      {"hvp_linearized", [&] { work.apply(); }, tangent_flops},
      {"hvp_recomputing", [&] { work.apply(anew); }, tangent_flops + static_cast<double>(work.recompute_flops())},
      {"linearize", [&] { work.linearize(); }},
      {"taylor_order_4", [&] { work.fourth_derivative(); }, static_cast<double>(work.fourth_flops())},
      {"mixed_third", [&] { work.mixed_third_derivative(); }, static_cast<double>(work.mixed_third_flops())}};
  if (network.name == "mlp")
    rows.push_back({"gd_step", [&] { work.descend(9, rate); }, 0, 10});  // with the closing evaluation
  work.linearize();
  work.linearize(anew);
  std::vector<Contender> contenders;
  for (const Row& r : rows) contenders.push_back({r.name, r.run});
  const std::vector<Timing> t = take_turns(contenders, turns);

  nlohmann::json out{{"network", network.name},
                     {"samples", samples},
                     {"threads", threads},
                     {"device", work.device_name()},
                     {"parameters", work.layout().count()},
                     {"residual_bytes", work.residual_bytes()}};
  if (on_cpu) out["roofs"] = to_json(roofs);
  fmt::print("{}, N = {}, ", network.name, samples);
  if (on_cpu)
    fmt::print("{} thread(s); roof {:.0f} GFLOP/s, {:.1f} GB/s\n", threads, roofs.fma_f32_gflops_all,
               roofs.read_gb_per_s_all);
  else
    fmt::print("{}\n", work.device_name());
  for (std::size_t i = 0; i < t.size(); ++i) {
    std::vector<double> wall = t[i].wall_ms, cpu = t[i].cpu_ms;
    for (double& x : wall) x /= rows[i].per_call;
    for (double& x : cpu) x /= rows[i].per_call;
    const Spread ms = spread_of(wall), cpu_ms = spread_of(cpu);
    nlohmann::json row{{"name", t[i].name}, {"ms", to_json(ms)}, {"cpu_ms", to_json(cpu_ms)}};
    fmt::print("  {:15} {} ms  best {:.3f}  cpu {:.3f}", t[i].name, text_of(ms, 3), ms.best, cpu_ms.median);
    if (rows[i].flops > 0 && on_cpu) {
      const double share = rows[i].flops * 1e-6 / ms.median / roofs.fma_f32_gflops_all;
      row.update({{"flops", rows[i].flops}, {"share_of_fma_roof", share}});
      fmt::print("  {:.1f} MFLOP, {:.0f} % of roof", rows[i].flops * 1e-6, 100 * share);
    }
    fmt::print("\n");
    out["timings"].push_back(row);
  }
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{5}}) {
    const Spread wall = ratio_of(t[i].wall_ms, t[0].wall_ms), cpu = ratio_of(t[i].cpu_ms, t[0].cpu_ms);
    const double flop_ratio = rows[i].flops / rows[0].flops;
    out["over_gradient"][rows[i].name] = {
        {"time", to_json(wall)}, {"cpu_time", to_json(cpu)}, {"flop_ratio", flop_ratio}};
    fmt::print("  {} / gradient  time {}, processor time {}, flops {:.3f}: time is {:.2f} x the flops\n", rows[i].name,
               text_of(wall, 3), text_of(cpu, 3), flop_ratio, wall.median / flop_ratio);
  }
  return out;
}

/// Four products at a time beside four single ones, in turns.
nlohmann::json measure_four(const Network& network, std::int64_t samples, int threads, const Turns& turns) {
  const Workload data = make_workload(network.model, network.sample, network.classes, samples, 1);
  Work work(data, threads, Where::cpu, Arithmetic::exact);
  nlohmann::json out{{"network", network.name}, {"samples", samples}, {"threads", threads}};
  for (const auto& [name, residuals] :
       {std::pair{"kept", Work::Residuals::kept}, {"recomputed", Work::Residuals::recomputed}}) {
    work.linearize_for_four(residuals);
    const std::vector<Timing> t = take_turns(
        {{"four single products", [&] { work.apply_four(false); }}, {"four at a time", [&] { work.apply_four(true); }}},
        turns);
    const Spread wall = ratio_of(t[1].wall_ms, t[0].wall_ms), cpu = ratio_of(t[1].cpu_ms, t[0].cpu_ms);
    fmt::print("  four products at a time / four single ones, residuals {}: time {}, processor time {}\n", name,
               text_of(wall, 3), text_of(cpu, 3));
    out[name] = {{"time", to_json(wall)}, {"cpu_time", to_json(cpu)}};
  }
  return out;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink;
  using namespace brink::bench;
  std::vector<std::int64_t> widths{784, 32, 32, 32, 32, 4}, samples;
  std::vector<int> threads{1, 2};
  Turns turns{0, 20, 0};
  std::string network = "mlp", device = "cpu", arithmetic = "exact";
  CLI::App app("Gradient and Hessian-vector products of a network, in turns within one run.");
  app.add_option("--network", network,
                 "mlp; or another, with its defaults, on 32x32x3 pictures; vgg10 has 32/64/128 channels")
      ->check(CLI::IsMember(network_names()));
  app.add_option("--widths", widths, "mlp: inputs, hidden widths, classes");
  app.add_option("--samples", samples, "batch sizes (default: those of bench/peers)");
  app.add_option("--threads", threads, "thread counts to time");
  app.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--arithmetic", arithmetic, "exact, or vendor (cuda)")->check(CLI::IsMember({"exact", "vendor"}));
  app.add_option("--rounds", turns.rounds, "number of rounds (default: 41 for mlp, 9 for the others)")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--turn-ms", turns.turn_ms, "length of a turn in milliseconds")
      ->check(CLI::Range(1e-3, 1e6))
      ->capture_default_str();
  return run_program(argc, argv, app, "steps", [&](nlohmann::json& report) {
    if (device == "cuda") threads = {1};
    if (turns.rounds == 0) turns.rounds = network == "mlp" ? 41 : 9;
    if (samples.empty()) {
      if (network == "mlp")
        samples = {4000, 1000};
      else
        samples = {is_normalised(network_of(network, widths).model) ? 128 : 256};
    }
    for (const std::int64_t n : samples)
      for (const int count : threads) {
        report["results"].push_back(measure(network_of(network, widths), n, count,
                                            device == "cuda" ? Where::cuda : Where::cpu,
                                            arithmetic == "vendor" ? Arithmetic::vendor : Arithmetic::exact, turns));
        if (device == "cpu")
          report["four_products"].push_back(measure_four(network_of(network, widths), n, count, turns));
      }
  });
}
