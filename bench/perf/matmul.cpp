// SPDX-License-Identifier: MIT
// What it is: brink's matrix products against OpenBLAS, shape by shape, on one thread and on two, in turns.
// What it is not: a bit test; results are compared with float64 sums only to see that everyone does the same work.
// Decision: the yardstick of a shape is the fastest of OpenBLAS's processor kernels that computes it correctly, not the
// one that the library happens to choose: on some processors its own choice is neither.
//
// brink sums a weight gradient in panels and a tree (ARCHITECTURE.md), OpenBLAS in one go; the work is the same
// 2·S·K·N.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "bench/perf/harness.h"
#include "bench/perf/openblas.h"
#include "kernels/device.h"
#include "kernels/matmul/matmul.h"
#include "kernels/memory.h"
#include "kernels/thread_pool.h"

namespace brink::bench {
namespace {

enum class Role { forward, input_gradient, weight_gradient };
constexpr std::string_view name_of(Role r) {
  return r == Role::forward ? "forward" : r == Role::input_gradient ? "input gradient" : "weight gradient";
}

/// C [m,n], summed over k. forward: A [m,k]·B [k,n]; input gradient: A [m,k]·Bᵀ, B [n,k]; weight gradient: Aᵀ, A [k,m].
struct Case {
  Role role;
  std::int64_t m, k, n;
  const char* note;
};

constexpr Case cases[] = {
    {Role::forward, 4000, 784, 32, "W1, first layer"},
    {Role::forward, 4000, 32, 32, "W1, hidden layer"},
    {Role::forward, 4000, 32, 10, "narrow head"},
    {Role::forward, 4000, 32, 4, "W1, head"},
    {Role::forward, 1000, 784, 32, "W1, N = 1000"},
    {Role::forward, 1024, 1024, 1024, "square"},
    {Role::forward, 8192, 576, 64, "3x3 conv as rows"},
    {Role::input_gradient, 4000, 32, 32, "W1, hidden layer"},
    {Role::input_gradient, 4000, 4, 32, "W1, head"},
    {Role::weight_gradient, 784, 1000, 32, "W1, N = 1000"},
    {Role::weight_gradient, 784, 4000, 32, "W1, first layer"},
    {Role::weight_gradient, 32, 4000, 32, "W1, hidden layer"},
    {Role::weight_gradient, 32, 4000, 4, "W1, head"},
};

/// Deterministic values in (−1, 1), none of them special.
void fill(std::span<float> out, std::uint32_t seed) {
  for (float& x : out) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31f;
  }
}

struct Arrays {
  Array a, b, c;
  explicit Arrays(const Case& s)
      : a(s.role == Role::weight_gradient ? Shape{s.k, s.m} : Shape{s.m, s.k}, Dtype::f32),
        b(s.role == Role::input_gradient ? Shape{s.n, s.k} : Shape{s.k, s.n}, Dtype::f32),
        c({s.m, s.n}, Dtype::f32) {
    fill(a.span<float>(), 1);
    fill(b.span<float>(), 2);
  }
};

/// Largest error of sampled elements (the corners among them), in units of the bound k·2⁻²⁴·Σ|a||b| of any summation
/// order.
double worst_error(const Case& s, const Arrays& x) {
  const auto a = x.a.span<float>(), b = x.b.span<float>(), c = x.c.span<float>();
  double worst = 0;
  const std::int64_t elements = s.m * s.n, step = std::max<std::int64_t>(1, elements / 2003);
  auto check = [&](std::int64_t e) {
    const std::int64_t i = e / s.n, j = e % s.n;
    double sum = 0, size = 0;
    for (std::int64_t k = 0; k < s.k; ++k) {
      const double p =
          double{a[static_cast<std::size_t>(s.role == Role::weight_gradient ? k * s.m + i : i * s.k + k)]} *
          double{b[static_cast<std::size_t>(s.role == Role::input_gradient ? j * s.k + k : k * s.n + j)]};
      sum += p;
      size += std::fabs(p);
    }
    const double error = std::fabs(double{c[static_cast<std::size_t>(e)]} - sum);
    const double unit = static_cast<double>(s.k) * 0x1p-24 * size;
    worst = error <= worst * unit ? worst : error / unit;  // a NaN passes through and fails
  };
  for (std::int64_t e = 0; e < elements; e += step) check(e);
  check(s.n - 1);
  check(elements - s.n);
  check(elements - 1);
  return worst;
}

void run_openblas(const OpenBlas& blas, const Case& s, const Arrays& x) {
  const float *a = x.a.view().as<float>(), *b = x.b.view().as<float>();
  float* c = x.c.view().as<float>();
  if (s.role == Role::input_gradient)
    blas.sgemm_bt(s.m, s.n, s.k, a, b, c);
  else
    blas.sgemm(s.role == Role::weight_gradient, s.m, s.n, s.k, a, b, c);
}

void run_brink(Device& device, const Case& s, const Arrays& x, View scratch) {
  const View factors[] = {x.a.view(), x.b.view()};
  if (s.role == Role::weight_gradient)
    weight_gradient(device, x.c.view(), factors, default_group, scratch);
  else
    matmul(device, x.c.view(), factors, s.role == Role::input_gradient, scratch);
}

std::int64_t scratch_bytes(const Case& s) {
  return s.role == Role::weight_gradient
             ? cpu::weight_gradient_scratch_bytes(s.k, s.m, s.n, 1, default_group, Dtype::f32)
             : cpu::matmul_scratch_bytes(s.k, s.n, Dtype::f32);
}

struct Options {
  std::vector<std::string> libraries{"libopenblas.so.0"};
  std::vector<std::string> core_types;
  std::vector<int> threads{1, 2};
  Turns turns{41, 3, 0};
  std::string out;
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

/// Every library with every core type; those that turn out to be the same kernels only once.
std::vector<Yardstick> open_yardsticks(const Options& o, nlohmann::json& report) {
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

nlohmann::json measure(const Case& s, int threads, const std::vector<Yardstick>& yardsticks, const Options& o,
                       double roof) {
  Arrays x(s);
  ThreadPool pool(threads);
  Device device{Where::cpu, threads > 1 ? &pool : nullptr, nullptr};
  const Array scratch({scratch_bytes(s)}, Dtype::u8);
  std::vector<Contender> contenders{{"brink", [&] { run_brink(device, s, x, scratch.view()); }}};
  nlohmann::json wrong = nlohmann::json::array();
  run_brink(device, s, x, scratch.view());
  if (const double error = worst_error(s, x); !(error <= 1))
    throw std::runtime_error(fmt::format("brink: error {} bounds", error));
  for (const Yardstick& y : yardsticks) {
    y.blas.set_threads(threads);
    fill(x.c.span<float>(), 3);
    run_openblas(y.blas, s, x);
    if (worst_error(s, x) <= 1)
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
    // Times: OpenBLAS's over brink's, so that above 1 brink is faster.
    const Spread ratio = ratio_of(best->wall_ms, timings.front().wall_ms), theirs = spread_of(best->wall_ms);
    out["yardstick"] = best->name;
    out["speed_over_yardstick"] = to_json(ratio);
    out["speed_over_yardstick_best"] = theirs.best / own.best;
    // On one thread the processor's own clock leaves out what other processes took: the figure of a busy machine.
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

int main_of(int argc, char** argv) {
  Options o;
  CLI::App app("Matrix products of brink against OpenBLAS, in turns within one run.");
  app.add_option("--openblas", o.libraries, "library names or files; several take part side by side");
  app.add_option("--core-type", o.core_types,
                 "OPENBLAS_CORETYPE values to try; default: the library's choice and what fits");
  app.add_option("--threads", o.threads, "numbers of threads");
  app.add_option("--rounds", o.turns.rounds, "rounds")->check(CLI::PositiveNumber);
  app.add_option("--turn-ms", o.turns.turn_ms, "length of a turn");
  app.add_option("--out", o.out, "JSON file to write");
  CLI11_PARSE(app, argc, argv);

  nlohmann::json report{{"benchmark", "matmul"}, {"machine", machine_and_build()}};
  const std::vector<Yardstick> yardsticks = open_yardsticks(o, report);
  for (const int threads : o.threads) {
    ThreadPool pool(threads);
    const Roofs roofs = measure_roofs(pool);
    report["roofs"].push_back(to_json(roofs));
    report["roofs"].back()["threads"] = threads;
    fmt::print("roofs, {} thread(s), {}: {:.0f} GFLOP/s float32, {:.1f} GB/s read\n", threads, roofs.fma_isa,
               roofs.fma_f32_gflops_all, roofs.read_gb_per_s_all);
    for (const Case& s : cases)
      report["results"].push_back(measure(s, threads, yardsticks, o, roofs.fma_f32_gflops_all));
  }
  if (!o.out.empty()) std::ofstream(o.out) << report.dump(1) << "\n";
  return 0;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  try {
    return brink::bench::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "matmul: {}\n", e.what());
    return 1;
  }
}
