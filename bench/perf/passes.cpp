// SPDX-License-Identifier: MIT
// Times the passes between convolutions (normalisation, its sums, activation and pooling) on the shapes of the three networks,
// for one ghost group of 32 pictures, on one thread. Convolutions are in conv.cpp, whole steps in steps.cpp.
// The roof is the rate of reading from memory, measured in the same process; a group that fits into a cache may exceed it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/perf/harness.h"
#include "bench/perf/program.h"
#include "kernels/map/map.h"
#include "kernels/memory.h"
#include "kernels/norm/norm.h"
#include "kernels/pool/pool.h"
#include "kernels/thread_pool.h"

namespace brink::bench {
namespace {

struct Stage {
  std::string network;
  std::int64_t side, channels;
};
const Stage stages[] = {{"VGG10", 32, 32},    {"VGG10", 16, 64},    {"VGG10", 8, 128},
                        {"ResNet20", 32, 16}, {"ResNet20", 16, 32}, {"ResNet20", 8, 64}};
constexpr std::int64_t group = 32;

Array numbers(Shape shape, std::uint32_t seed) {
  Array out(shape, Dtype::f32);
  for (float& x : out.span<float>()) {
    seed = seed * 1664525U + 1013904223U;
    x = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31F;
  }
  return out;
}

nlohmann::json measure(const Stage& stage, const Turns& turns, double read_gb_per_s) {
  const Shape shape{group, stage.side, stage.side, stage.channels}, row{stage.channels}, sums{1, stage.channels},
      half{group, stage.side / 2, stage.side / 2, stage.channels};
  const Array x = numbers(shape, 1), t = numbers(shape, 2), gamma = numbers(row, 3), beta = numbers(row, 4),
              r = numbers(sums, 5), q = numbers(sums, 6), d = numbers(half, 7), y(shape, Dtype::f32),
              hat(shape, Dtype::f32), inverse(sums, Dtype::f32), mean(sums, Dtype::f32), deviation(sums, Dtype::f32),
              total(sums, Dtype::f32), pooled(half, Dtype::f32);
  Device device;
  const View outputs[] = {y.view(), hat.view(), inverse.view(), mean.view(), deviation.view()},
             pair[] = {x.view(), t.view()}, terms[] = {x.view(), r.view(), t.view(), q.view(), r.view()};
  Epilogue relu, gate;
  relu.relu = true;
  gate.gate = hat.view();
  const auto whole = static_cast<double>(x.view().bytes());
  struct Pass {
    Contender contender;
    double bytes;  // each operand once; x of ghost_norm three times
  };
  const PoolWindows windows{2, 2};
  const std::vector<Pass> passes{
      {{"ghost_norm, relu",
        [&] { ghost_norm(device, outputs, x.view(), gamma.view(), beta.view(), group, 1e-5, {}, &relu); }},
       5 * whole},
      {{"group_sum", [&] { group_sum(device, total.view(), x.view(), group, {}); }}, whole},
      {{"group_dot", [&] { group_dot(device, total.view(), pair, group, {}); }}, 2 * whole},
      {{"group_affine, two pairs and b", [&] { group_affine(device, y.view(), terms, group); }}, 3 * whole},
      {{"group_affine, gate", [&] { group_affine(device, y.view(), terms, group, &gate); }}, 4 * whole},
      {{"relu", [&] { map<Relu>(device, y.view(), {x.view()}); }}, 2 * whole},
      {{"add",
        [&] {
          map<Add>(device, y.view(), {x.view(), t.view()});
        }},
       3 * whole},
      {{"max_pool 2x2", [&] { max_pool(device, pooled.view(), x.view(), windows); }}, 1.25 * whole},
      {{"pool_select 2x2", [&] { pool_select(device, pooled.view(), x.view(), t.view(), windows); }}, 2.25 * whole},
      {{"pool_scatter 2x2", [&] { pool_scatter(device, y.view(), x.view(), d.view(), windows); }}, 2.25 * whole}};
  std::vector<Contender> contenders;
  for (const Pass& p : passes) contenders.push_back(p.contender);
  const std::vector<Timing> times = take_turns(contenders, turns);
  nlohmann::json out{
      {"network", stage.network}, {"side", stage.side}, {"channels", stage.channels}, {"pictures", group}};
  fmt::print("{} {}x{}x{}, {:.1f} MiB\n", stage.network, stage.side, stage.side, stage.channels, whole / 0x1p20);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Spread ms = spread_of(times[i].cpu_ms);
    const double gb_per_s = passes[i].bytes * 1e-6 / ms.median;
    fmt::print("  {:<30} {} ms  {:6.1f} GB/s, {:4.0f} % of reading from memory\n", times[i].name, text_of(ms, 3),
               gb_per_s, 100 * gb_per_s / read_gb_per_s);
    out["timings"].push_back({{"name", times[i].name},
                              {"cpu_ms", to_json(ms)},
                              {"ms", to_json(spread_of(times[i].wall_ms))},
                              {"bytes", passes[i].bytes},
                              {"share_of_read_roof", gb_per_s / read_gb_per_s}});
  }
  return out;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink;
  using namespace brink::bench;
  Turns turns{21, 3, 0};
  CLI::App app("Normalisation, activation and pooling on the shapes of the convolutional networks, one thread.");
  add_turns(app, turns);
  return run_program(argc, argv, app, "passes", [&](nlohmann::json& report) {
    ThreadPool pool(1);
    const Roofs roofs = measure_roofs(pool);
    fmt::print("reading from memory {:.1f} GB/s, one thread\n", roofs.read_gb_per_s_core);
    report["roofs"] = to_json(roofs);
    for (const Stage& stage : stages) report["results"].push_back(measure(stage, turns, roofs.read_gb_per_s_core));
  });
}
