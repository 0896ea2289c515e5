// SPDX-License-Identifier: MIT
// Times brink's matrix products against OpenBLAS, shape by shape, on one thread and on two, in turns; with --device cuda
// against cuBLAS (on_gpu.h). Results are compared with float64 sums only to see that all do the same work.
// The yardstick of a shape is the fastest of OpenBLAS's processor kernels that computes it correctly, because the library's own
// choice is not always the fastest. brink sums a weight gradient in panels and a tree, OpenBLAS in one sum; the work is the
// same 2·S·K·N.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <thread>

#include "bench/perf/harness.h"
#include "bench/perf/on_gpu.h"
#include "bench/perf/openblas.h"
#include "bench/perf/products.h"
#include "bench/perf/program.h"
#include "kernels/device.h"
#include "kernels/thread_pool.h"

namespace brink::bench {
namespace {

void run_openblas(const OpenBlas& blas, const Product& s, const Operands& x) {
  const float *a = x.a.view().as<float>(), *b = x.b.view().as<float>();
  float* c = x.c.view().as<float>();
  if (s.role == Role::input_gradient)
    blas.sgemm_bt(s.m, s.n, s.k, a, b, c);
  else
    blas.sgemm(s.role == Role::weight_gradient, s.m, s.n, s.k, a, b, c);
}

struct Arguments {
  std::vector<std::string> libraries{"libopenblas.so.0"};
  std::vector<std::string> core_types;
  std::vector<int> threads{1, 2};
  Turns turns{41, 3, 0};
  std::string device = "cpu";
  gpu::Sizes sizes;
};

std::vector<std::string> default_core_types() {
  std::vector<std::string> types{""};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) types.insert(types.end(), {"Haswell", "Zen"});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) types.push_back("SkylakeX");
#endif
  return types;
}

struct Yardstick {
  std::string name;
  OpenBlas blas;
};

/// Every library with every core type; types with the same kernels appear only once.
std::vector<Yardstick> open_yardsticks(const Arguments& o, nlohmann::json& report) {
  std::vector<Yardstick> found;
  for (const std::string& library : o.libraries) {
    for (const std::string& type : o.core_types.empty() ? default_core_types() : o.core_types) {
      try {
        OpenBlas blas(library, type);
        const std::string version = blas.config().substr(0, blas.config().find(' ', blas.config().find(' ') + 1));
        const std::string name = version + " " + blas.core_name();
        report["openblas"].push_back(
            {{"library", library}, {"asked_for", type}, {"got", blas.core_name()}, {"config", blas.config()}});
        fmt::print("{:24} core type {:10} -> {}\n", library, type.empty() ? "(own choice)" : type, name);
        if (std::none_of(found.begin(), found.end(), [&](const Yardstick& y) { return y.name == name; }))
          found.push_back({name, std::move(blas)});
      } catch (const std::runtime_error& e) {
        fmt::print("{:24} not used: {}\n", library, e.what());
        report["openblas_errors"].push_back(e.what());
      }
    }
  }
  return found;
}

nlohmann::json measure(const Product& s, int threads, const std::vector<Yardstick>& yardsticks, const Arguments& o,
                       double roof) {
  Operands x(s);
  ThreadPool pool(threads);
  Device device{Where::cpu, threads > 1 ? &pool : nullptr, nullptr};
  const Array scratch({scratch_bytes(s, Where::cpu)}, Dtype::u8);
  std::vector<Contender> contenders{
      {"brink", [&] { run_product(device, s, x.a.view(), x.b.view(), x.c.view(), scratch.view()); }}};
  nlohmann::json wrong = nlohmann::json::array();
  run_product(device, s, x.a.view(), x.b.view(), x.c.view(), scratch.view());
  if (const double error = worst_error(s, x, x.c.span<float>()); !(error <= 1))
    throw std::runtime_error(fmt::format("brink: error {} bounds", error));
  for (const Yardstick& y : yardsticks) {
    y.blas.set_threads(threads);
    fill_values(x.c.span<float>(), 3);
    run_openblas(y.blas, s, x);
    if (worst_error(s, x, x.c.span<float>()) <= 1)
      contenders.push_back({y.name, [&] { run_openblas(y.blas, s, x); }});
    else
      wrong.push_back(y.name);
  }
  Turns turns = o.turns;
  if (threads > 1) turns.settle_ms = 40;  // OpenBLAS's idle threads spin for about 26 ms
  const std::vector<Timing> timings = take_turns(contenders, turns);
  const double gflop = 2e-9 * static_cast<double>(s.m * s.k * s.n);
  nlohmann::json out{
      {"role", name_of(s.role)}, {"note", s.note},        {"m", s.m}, {"k", s.k}, {"n", s.n}, {"threads", threads},
      {"gflop", gflop},          {"wrong_results", wrong}};
  const Timing* best = nullptr;
  for (const Timing& t : timings) {
    const Spread wall = spread_of(t.wall_ms);
    const auto rank = [&](const Timing& y) { return spread_of(threads == 1 ? y.cpu_ms : y.wall_ms).median; };
    if (&t != &timings.front() && (!best || rank(t) < rank(*best))) best = &t;
    out["timings"].push_back({{"name", t.name},
                              {"ms", to_json(wall)},
                              {"cpu_ms", to_json(spread_of(t.cpu_ms))},
                              {"gflops_median", gflop / wall.median * 1e3},
                              {"gflops_best", gflop / wall.best * 1e3},
                              {"share_of_fma_roof", gflop / wall.best * 1e3 / roof},
                              {"calls_per_turn", t.calls_per_turn}});
  }
  const Spread own = spread_of(timings.front().wall_ms);
  fmt::print("{:15} {:5}x{:4}x{:4} {} thr | brink {:6.1f} best {:6.1f} GFLOP/s, {:3.0f} % of roof", name_of(s.role),
             s.m, s.k, s.n, threads, gflop / own.median * 1e3, gflop / own.best * 1e3,
             100 * gflop / own.best * 1e3 / roof);
  if (best) {
    // The ratio is OpenBLAS's time over brink's; above 1 brink is faster.
    const Spread ratio = ratio_of(best->wall_ms, timings.front().wall_ms), theirs = spread_of(best->wall_ms);
    out["yardstick"] = best->name;
    out["speed_over_yardstick"] = to_json(ratio);
    out["speed_over_yardstick_best"] = theirs.best / own.best;
    // On one thread, processor time excludes what other processes took; it is the figure of a busy machine.
    const Spread by_cpu = ratio_of(best->cpu_ms, timings.front().cpu_ms);
    out["speed_over_yardstick_by_cpu_time"] = to_json(by_cpu);
    fmt::print(" | {} {:6.1f} best {:6.1f} | brink/yardstick {} best {:.2f} cpu {}", best->name,
               gflop / theirs.median * 1e3, gflop / theirs.best * 1e3, text_of(ratio, 2), theirs.best / own.best,
               text_of(by_cpu, 2));
  }
  fmt::print("{}\n", wrong.empty() ? "" : " | wrong results from " + wrong.dump());
  std::fflush(stdout);
  for (const Yardstick& y : yardsticks) y.blas.set_threads(1);
  return out;
}

void measure_all(const Arguments& o, nlohmann::json& report) {
  if (o.device == "cuda") {
    report["gpu"] = gpu::time_products(o.turns, o.sizes);
    return;
  }
  const std::vector<Yardstick> yardsticks = open_yardsticks(o, report);
  for (const int threads : o.threads) {
    ThreadPool pool(threads);
    const Roofs roofs = measure_roofs(pool);
    report["roofs"].push_back(to_json(roofs));
    report["roofs"].back()["threads"] = threads;
    fmt::print("roofs, {} thread(s), {}: {:.0f} GFLOP/s float32, {:.1f} GB/s read\n", threads, roofs.fma_isa,
               roofs.fma_f32_gflops_all, roofs.read_gb_per_s_all);
    for (const Product& s : products)
      report["results"].push_back(measure(s, threads, yardsticks, o, roofs.fma_f32_gflops_all));
  }
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink::bench;
  Arguments o;
  CLI::App app("Matrix products of brink against OpenBLAS, in turns within one run.");
  app.add_option("--openblas", o.libraries, "library names or files; several are timed side by side");
  app.add_option("--core-type", o.core_types,
                 "OPENBLAS_CORETYPE values to try; default: the library's choice and what fits");
  app.add_option("--threads", o.threads, "numbers of threads");
  add_turns(app, o.turns);
  app.add_option("--device", o.device, "cpu, or cuda: against cuBLAS")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--square", o.sizes.square, "cuda: extent of an additional square product")
      ->check(CLI::Range(1, 65536));
  app.add_option("--most-flop", o.sizes.most_flop, "cuda: skip products of more operations");
  app.add_option("--graph-flop", o.sizes.graph_flop, "cuda: operations in a captured graph of launches");
  return run_program(argc, argv, app, "matmul", [&](nlohmann::json& report) { measure_all(o, report); });
}
