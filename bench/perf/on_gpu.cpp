// SPDX-License-Identifier: MIT
// The implementation of on_gpu.h. Without CUDA its functions throw, because Environment refuses.
#include "bench/perf/on_gpu.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "bench/perf/products.h"
#include "kernels/gpu.h"
#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "kernels/replay.h"
#include "kernels/thread_pool.h"
#include "kernels/vendor.h"
#include "training/environment.h"

namespace brink::bench::gpu {
namespace {

nlohmann::json about(const Device& device) {
  const DeviceProperties& p = device.gpu->properties();
  return {{"name", p.name},
          {"compute_capability", fmt::format("{}.{}", p.major, p.minor)},
          {"multiprocessors", p.multiprocessors},
          {"memory_bytes", p.memory_bytes}};
}

/// `times` launches of `work`, captured at the first run and waited for.
class Repeated {
 public:
  Repeated(Device device, std::int64_t times, std::function<void(Device&)> work)
      : device_(device), times_(times), work_(std::move(work)) {}
  void run() {
    replay_.run(device_, {}, [this] {
      for (std::int64_t i = 0; i < times_; ++i) work_(device_);
    });
    synchronize(device_);
  }

 private:
  Device device_;
  std::int64_t times_;
  std::function<void(Device&)> work_;
  Replay replay_;
};

/// cuBLAS with either arithmetic; or why it cannot be opened.
struct Libraries {
  std::unique_ptr<Vendor> pedantic, standard;
  std::string reason;
  explicit Libraries(const Device& device) {
    try {
      pedantic = open_cublas(*device.gpu, CublasMath::pedantic);
      standard = open_cublas(*device.gpu, CublasMath::standard);
    } catch (const NoVendor& e) { reason = e.what(); }
  }
};

double flop_of(const Product& s) { return 2.0 * static_cast<double>(s.m * s.k * s.n); }

nlohmann::json time_product(Device device, const Product& s, const Libraries& libraries, const Turns& turns,
                            double graph_flop) {
  const Operands host(s);
  const Array a = to_device(device, host.a.view()), b = to_device(device, host.b.view()),
              c({s.m, s.n}, Dtype::f32, device), scratch({scratch_bytes(s, device.where)}, Dtype::u8, device);
  const double flop = flop_of(s);
  const auto times = static_cast<std::int64_t>(std::clamp(graph_flop / flop, 1.0, 100.0));
  const std::function<void(Device&)> work = [&](Device& d) {
    run_product(d, s, a.view(), b.view(), c.view(), scratch.view());
  };
  std::vector<std::unique_ptr<Repeated>> repeated;
  std::vector<Contender> contenders;
  const auto enter = [&](const std::string& name, Vendor* vendor) {
    Device with = device;
    with.vendor = vendor;
    repeated.push_back(std::make_unique<Repeated>(with, times, work));
    Repeated* const one = repeated.back().get();
    set_zero(device, c.view());
    one->run();
    const Array found = to_host(device, c.view());
    if (const double error = worst_error(s, host, found.span<float>()); !(error <= 1))
      throw std::runtime_error(
          fmt::format("{}, {} {}x{}x{}: error {} bounds", name, name_of(s.role), s.m, s.k, s.n, error));
    contenders.push_back({name, [one] { one->run(); }});
  };
  enter("brink", nullptr);
  if (libraries.pedantic) enter("cuBLAS, pedantic", libraries.pedantic.get());
  if (libraries.standard) enter("cuBLAS, standard", libraries.standard.get());

  const std::vector<Timing> timings = take_turns(contenders, turns);
  nlohmann::json out{{"role", name_of(s.role)}, {"note", s.note}, {"m", s.m}, {"k", s.k}, {"n", s.n}, {"flop", flop}};
  const Timing* best = nullptr;
  for (const Timing& t : timings) {
    const Spread ms = spread_of(t.wall_ms);
    if (&t != &timings.front() && (!best || ms.median < spread_of(best->wall_ms).median)) best = &t;
    const double each_us = ms.median * 1e3 / static_cast<double>(times);
    out["timings"].push_back(
        {{"name", t.name}, {"us", each_us}, {"tflops", flop / each_us * 1e-6}, {"ms_of_graph", to_json(ms)}});
  }
  out["launches_in_graph"] = times;
  fmt::print("{:15} {:5}x{:4}x{:4}", name_of(s.role), s.m, s.k, s.n);
  for (const auto& t : out["timings"])
    fmt::print("  {} {:.2f} us {:.2f} TFLOP/s", t["name"].get<std::string>(), t["us"].get<double>(),
               t["tflops"].get<double>());
  if (best) {
    const Spread ratio = ratio_of(best->wall_ms, timings.front().wall_ms);  // times: above 1 brink is faster
    out["yardstick"] = best->name;
    out["speed_over_yardstick"] = to_json(ratio);
    fmt::print("  brink/yardstick {}", text_of(ratio, 2));
  }
  fmt::print("\n");
  std::fflush(stdout);
  return out;
}

}  // namespace

nlohmann::json time_products(const Turns& turns, const Sizes& sizes) {
  const Environment environment({.device = Where::cuda, .threads = 1});
  const Device device = environment.device();
  const Libraries libraries(device);
  nlohmann::json out{{"device", about(device)}};
  out["cublas"] = libraries.pedantic ? libraries.pedantic->name() : "not used: " + libraries.reason;
  fmt::print("{}, {}\n", environment.device_name(), out["cublas"].get<std::string>());
  const auto time = [&](const Product& s) {
    if (flop_of(s) <= sizes.most_flop)
      out["results"].push_back(time_product(device, s, libraries, turns, sizes.graph_flop));
  };
  time({Role::forward, sizes.square, sizes.square, sizes.square, "large square"});
  for (const Product& s : products) time(s);
  return out;
}

nlohmann::json time_vectors(const Turns& turns, std::int64_t elements) {
  const Environment environment({.device = Where::cuda, .threads = 1});
  Device device = environment.device();
  const Shape shape{elements};
  Array host(shape, Dtype::f32);
  fill_values(host.span<float>(), 1);
  const Array a = to_device(device, host.view()), b = to_device(device, host.view()), c(shape, Dtype::f32, device);
  const double bytes = 4.0 * static_cast<double>(elements);
  struct Work {
    const char* name;
    double moved;  // in units of the vector
    std::function<void()> run;
  };
  const auto waiting = [&](auto work) {
    return [&, work] {
      work();
      synchronize(device);
    };
  };
  const Work works[] = {
      {"copy", 2, waiting([&] { copy(device, c.view(), a.view()); })},
      {"sum", 1, [&] { (void)sum(device, a.view()); }},
      {"dot", 2, [&] { (void)dot(device, a.view(), b.view()); }},
      {"add", 3, waiting([&] {
         map<Add>(device, c.view(), {a.view(), b.view()});
       })},
      {"scale", 2, waiting([&] { map<Scale>(device, c.view(), {a.view()}, 0.5); })},
      {"tanh", 2, waiting([&] { map<Tanh>(device, c.view(), {a.view()}); })},
  };
  std::vector<Contender> contenders;
  for (const Work& w : works) contenders.push_back({w.name, w.run});
  const std::vector<Timing> timings = take_turns(contenders, turns);
  nlohmann::json out{{"device", about(device)}, {"elements", elements}};
  for (std::size_t i = 0; i < timings.size(); ++i) {
    const Spread ms = spread_of(timings[i].wall_ms);
    const double rate = bytes * works[i].moved / ms.median * 1e-6;
    std::vector<double> copy_ms = timings[0].wall_ms;
    for (double& x : copy_ms) x *= works[i].moved / works[0].moved;
    const Spread share = ratio_of(copy_ms, timings[i].wall_ms);
    out["results"].push_back(
        {{"name", works[i].name}, {"ms", to_json(ms)}, {"gb_per_s", rate}, {"share_of_copy", to_json(share)}});
    fmt::print("{:6} {} ms  {:.0f} GB/s  {} of the copy's rate\n", works[i].name, text_of(ms, 3), rate,
               text_of(share, 2));
  }
  return out;
}

}  // namespace brink::bench::gpu
