// SPDX-License-Identifier: MIT
// Times brink's convolutions against oneDNN's direct ones, layer by layer of the networks that brink trains, in turns, and the
// sums and additions of their biases against the bandwidth of memory. Results are compared only to see that all do the same
// work.
// The yardstick of a layer is the faster of oneDNN in its own layouts (converted before the clock starts) and oneDNN in NHWC.
// Brink's time includes packing its weights.
#include <fmt/format.h>

#include <cmath>

#include "bench/perf/harness.h"
#include "bench/perf/onednn.h"
#include "bench/perf/program.h"
#include "kernels/broadcast/broadcast.h"
#include "kernels/memory.h"

namespace brink::bench {
namespace {

constexpr std::string_view name_of(ConvRole r) {
  return r == ConvRole::forward ? "forward" : r == ConvRole::input_gradient ? "input gradient" : "weight gradient";
}

struct Layer {
  const char* network;
  std::int64_t side, c, taps, k, stride, padding;
};
constexpr std::int64_t samples = 32;
constexpr Layer layers[] = {
    {"VGG10", 32, 3, 3, 32, 1, 1},         {"VGG10", 32, 32, 3, 32, 1, 1},
    {"VGG10", 16, 32, 3, 64, 1, 1},        {"VGG10", 16, 64, 3, 64, 1, 1},
    {"VGG10", 8, 64, 3, 128, 1, 1},        {"VGG10", 8, 128, 3, 128, 1, 1},
    {"VGG10, narrow", 32, 3, 3, 8, 1, 1},  {"VGG10, narrow", 32, 8, 3, 8, 1, 1},
    {"VGG10, narrow", 16, 8, 3, 16, 1, 1}, {"VGG10, narrow", 16, 16, 3, 16, 1, 1},
    {"VGG10, narrow", 8, 16, 3, 32, 1, 1}, {"VGG10, narrow", 8, 32, 3, 32, 1, 1},
    {"AlexNet", 32, 3, 5, 64, 1, 2},       {"AlexNet", 15, 64, 5, 64, 1, 2},
    {"ResNet20", 32, 3, 3, 16, 1, 1},      {"ResNet20", 32, 16, 3, 16, 1, 1},
    {"ResNet20", 32, 16, 3, 32, 2, 1},     {"ResNet20", 16, 32, 3, 32, 1, 1},
    {"ResNet20", 16, 32, 3, 64, 2, 1},     {"ResNet20", 8, 64, 3, 64, 1, 1},
};

ConvShape shape_of(const Layer& l) {
  const std::int64_t out = ConvShape::pixels(l.side, l.taps, l.stride, l.padding);
  return {samples, l.side, l.side, l.c, l.taps, l.taps, l.k, out, out, l.stride, l.padding};
}

/// Deterministic values in (−1, 1), none of them special.
void fill(std::span<float> out, std::uint32_t seed) {
  for (float& x : out) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31f;
  }
}

struct Arrays {
  Array x, w, d;
  explicit Arrays(const ConvShape& f)
      : x({f.n, f.h, f.w, f.c}, Dtype::f32), w({f.r, f.s, f.c, f.k}, Dtype::f32), d({f.n, f.p, f.q, f.k}, Dtype::f32) {
    fill(x.span<float>(), 1);
    fill(w.span<float>(), 2);
    fill(d.span<float>(), 3);
  }
};

std::int64_t scratch_bytes(ConvRole role, const ConvShape& f) {
  return role == ConvRole::forward          ? cpu::conv2d_scratch_bytes(f, 1, Dtype::f32)
         : role == ConvRole::input_gradient ? cpu::conv2d_input_gradient_scratch_bytes(f, 1, Dtype::f32)
                                            : cpu::conv2d_weight_gradient_scratch_bytes(f, 1, samples, Dtype::f32);
}

void run_brink(Device& device, ConvRole role, const ConvShape& f, const Arrays& a, View out, View scratch) {
  const View x = a.x.view(), w = a.w.view(), d = a.d.view();
  const View forward[] = {x, w}, input[] = {d, w}, weight[] = {x, d};
  if (role == ConvRole::forward)
    conv2d(device, out, forward, f, scratch);
  else if (role == ConvRole::input_gradient)
    conv2d_input_gradient(device, out, input, f, scratch);
  else
    conv2d_weight_gradient(device, out, weight, f, samples, scratch);
}

/// Largest difference over the largest value.
double difference(std::span<const float> a, std::span<const float> b) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double apart = std::fabs(double{a[i]} - double{b[i]});
    worst = apart <= worst ? worst : apart;  // a NaN passes through and fails
    largest = std::max(largest, std::fabs(double{a[i]}));
  }
  return worst / largest;
}

struct Arguments {
  std::vector<int> threads{1};
  Turns turns{41, 3, 0};
  std::string only;
};

nlohmann::json measure(ConvRole role, const Layer& layer, int threads, const Arguments& o, double roof) {
  const ConvShape f = shape_of(layer);
  const Arrays a(f);
  const Array result(role == ConvRole::forward          ? a.d.view().shape
                     : role == ConvRole::input_gradient ? a.x.view().shape
                                                        : a.w.view().shape,
                     Dtype::f32),
      other(result.view().shape, Dtype::f32), scratch({scratch_bytes(role, f)}, Dtype::u8);
  ThreadPool pool(threads);
  Device device{Where::cpu, threads > 1 ? &pool : nullptr};
  std::vector<Contender> contenders{{"brink", [&] { run_brink(device, role, f, a, result.view(), scratch.view()); }}};
  contenders[0].run();
  const auto foreign =
      onednn_convs(role, f, a.x.view().as<float>(), a.w.view().as<float>(), a.d.view().as<float>(), threads);
  for (const auto& y : foreign) {
    y->run();
    y->fetch(other.view().as<float>());
    if (const double apart = difference(result.span<float>(), other.span<float>()); !(apart < 1e-4))
      throw std::runtime_error(fmt::format("{}: result differs from brink's by {} of the largest", y->name(), apart));
    contenders.push_back({y->name(), [&y] { y->run(); }});
  }
  Turns turns = o.turns;
  if (threads > 1) turns.settle_ms = 40;  // the idle threads of OpenMP spin
  const std::vector<Timing> timings = take_turns(contenders, turns);
  const double gflop = 2e-9 * static_cast<double>(f.n * f.p * f.q * f.weights());
  nlohmann::json out{{"role", name_of(role)},
                     {"network", layer.network},
                     {"n", f.n},
                     {"side", f.h},
                     {"c", f.c},
                     {"k", f.k},
                     {"taps", f.r},
                     {"stride", f.stride},
                     {"padding", f.padding},
                     {"threads", threads},
                     {"gflop", gflop}};
  const auto of = [&](const Timing& t) -> const std::vector<double>& { return threads == 1 ? t.cpu_ms : t.wall_ms; };
  const Timing &own = timings.front(), *best = nullptr;
  for (const Timing& t : timings) {
    const Spread ms = spread_of(of(t));
    if (&t != &own && (!best || ms.median < spread_of(of(*best)).median)) best = &t;
    out["timings"].push_back({{"name", t.name},
                              {"ms", to_json(spread_of(t.wall_ms))},
                              {"cpu_ms", to_json(spread_of(t.cpu_ms))},
                              {"gflops_median", gflop / ms.median * 1e3},
                              {"gflops_best", gflop / ms.best * 1e3},
                              {"share_of_fma_roof", gflop / ms.best * 1e3 / roof}});
    if (&t != &own) out["speed_over"][t.name] = to_json(ratio_of(of(t), of(own)));
  }
  const Spread ms = spread_of(of(own));
  fmt::print(
      "{:15} {:13} {:2}² {:3}->{:3} {}x{}/{} {} thr | brink {:6.3f} ms {:6.1f} best {:6.1f} GFLOP/s, {:3.0f} % of roof",
      name_of(role), layer.network, f.h, f.c, f.k, f.r, f.s, f.stride, threads, ms.median, gflop / ms.median * 1e3,
      gflop / ms.best * 1e3, 100 * gflop / ms.best * 1e3 / roof);
  if (best) {
    // The ratio is oneDNN's time over brink's; above 1 brink is faster. On one thread it uses processor time, which excludes
    // what other processes took.
    const Spread ratio = ratio_of(of(*best), of(own));
    out["yardstick"] = best->name;
    out["speed_over_yardstick"] = to_json(ratio);
    fmt::print(" | over yardstick {}", text_of(ratio, 2));
    for (std::size_t i = 1; i < timings.size(); ++i)
      fmt::print(" | {} {:5.1f} ({:.2f})", timings[i].name.substr(timings[i].name.find(' ', 8) + 1),
                 gflop / spread_of(of(timings[i])).median * 1e3, ratio_of(of(timings[i]), of(own)).median);
  }
  fmt::print("\n");
  std::fflush(stdout);
  return out;
}

nlohmann::json measure_biases(const Layer& layer, int threads, const Arguments& o, double roof) {
  const ConvShape f = shape_of(layer);
  const Shape d{f.n, f.p, f.q, f.k};
  const Array in(d, Dtype::f32), to(d, Dtype::f32), row({f.k}, Dtype::f32),
      scratch({cpu::sum_samples_scratch_bytes(d, samples, Dtype::f32)}, Dtype::u8);
  fill(in.span<float>(), 1);
  fill(row.span<float>(), 2);
  ThreadPool pool(threads);
  Device device{Where::cpu, threads > 1 ? &pool : nullptr};
  const std::vector<Timing> timings =
      take_turns({{"sum_samples", [&] { sum_samples(device, row.view(), in.view(), samples, scratch.view()); }},
                  {"add_row", [&] { add_row(device, to.view(), in.view(), row.view()); }}},
                 o.turns);
  nlohmann::json out{{"role", "biases"}, {"network", layer.network}, {"n", f.n}, {"side", f.p},
                     {"k", f.k},         {"threads", threads}};
  fmt::print("{:15} {:13} {:2}² {:3} {} thr", "biases", layer.network, f.p, f.k, threads);
  for (const Timing& t : timings) {
    const double bytes = static_cast<double>(d.elements() * 4 * (t.name == "add_row" ? 2 : 1));
    const double rate = bytes / spread_of(threads == 1 ? t.cpu_ms : t.wall_ms).median * 1e-6;
    out[t.name] = {{"ms", to_json(spread_of(t.wall_ms))}, {"gb_per_s", rate}, {"share_of_read_roof", rate / roof}};
    fmt::print(" | {} {:5.1f} GB/s, {:.2f} of reading memory", t.name, rate, rate / roof);
  }
  fmt::print("\n");
  return out;
}

void measure_all(const Arguments& o, nlohmann::json& report) {
  const auto wanted = [&](std::string_view role, std::string_view network) {
    return role.find(o.only) != role.npos || network.find(o.only) != network.npos;
  };
  for (const int threads : o.threads) {
    ThreadPool pool(threads);
    const Roofs roofs = measure_roofs(pool);
    report["roofs"].push_back(to_json(roofs));
    report["roofs"].back()["threads"] = threads;
    fmt::print("roofs, {} thread(s), {}: {:.0f} GFLOP/s float32, {:.1f} GB/s read\n", threads, roofs.fma_isa,
               roofs.fma_f32_gflops_all, roofs.read_gb_per_s_all);
    for (const Layer& l : layers)
      for (const ConvRole role : {ConvRole::forward, ConvRole::input_gradient, ConvRole::weight_gradient}) {
        // The gradient by the data is never needed.
        if (role == ConvRole::input_gradient && l.c == 3) continue;
        if (wanted(name_of(role), l.network))
          report["results"].push_back(measure(role, l, threads, o, roofs.fma_f32_gflops_all));
      }
    for (const Layer& l : layers)
      if (wanted("biases", l.network) && l.c != 3)
        report["results"].push_back(measure_biases(l, threads, o, roofs.read_gb_per_s_all));
  }
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink::bench;
  Arguments o;
  CLI::App app("Convolutions of brink against oneDNN's direct ones, in turns within one run.");
  app.add_option("--threads", o.threads, "numbers of threads");
  add_turns(app, o.turns);
  app.add_option("--only", o.only, "only networks or roles whose name contains this");
  return run_program(argc, argv, app, "conv", [&](nlohmann::json& report) { measure_all(o, report); });
}
