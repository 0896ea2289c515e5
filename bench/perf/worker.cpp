// SPDX-License-Identifier: MIT
// brink's worker for bench/peers: answers lines of JSON about one workload until its input ends. The protocol is that of
// bench/peers/worker.py.

#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "bench/perf/harness.h"
#include "bench/perf/work.h"
#include "spectral/lanczos.h"
#include "training/curvature.h"
#include "training/io/json.h"

namespace brink::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Call {
  std::function<void()> run;
  std::function<void()> prepare = {};  ///< once, before the first run
  double divide = 1;
};
using Variants = std::map<std::string, Call>;

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

void write_vector(const std::string& file, const std::vector<float>& values) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!out.flush()) throw std::runtime_error(fmt::format("{}: expected to write {} numbers", file, values.size()));
}

class Worker {
 public:
  Json answer(const Json& request) {
    if (request.contains("setup")) return setup(request["setup"]);
    if (request.contains("lambda_1")) return lambda_1(request);
    if (request.contains("run")) return run(request);
    if (request.contains("memory")) return memory(request);
    return peak(request.at("peak"));
  }

 private:
  void open(const Json& s) {
    lanczos_.reset();
    data_ = read_workload(s.at("folder"));
    before_bytes_ = anonymous_bytes().now;
    work_ = std::make_unique<Work>(data_, s.at("threads").get<int>(),
                                   s.value("device", "cpu") == "cuda" ? Where::cuda : Where::cpu);
    const int steps = s.at("gd_steps");
    const double rate = s.at("learning_rate");
    Work& w = *work_;
    constexpr auto anew = Work::Residuals::recomputed;
    calls_ = {{"gradient", {{"program", {[&w] { w.gradient(); }}}}},
              {"hvp",
               {{"linearize_and_apply", {[&w] { w.linearize(), w.apply(); }}},
                {"recomputing", {[&w] { w.apply(anew); }, [&w] { w.linearize(anew); }}}}},
              {"hvp_linearized", {{"tangent_program", {[&w] { w.apply(); }, [&w] { w.linearize(); }}}}},
              // descend ends with one more evaluation, for the loss that it returns
              {"gd_step",
               {{"program", {[&w, steps, rate] { w.descend(steps - 1, rate); }, {}, static_cast<double>(steps)}}}}};
  }

  Json setup(const Json& s) {
    open(s);
    Work& w = *work_;
    const double loss = w.gradient();
    const std::vector<float> g = w.packed(w.gradient_vector());
    w.linearize();
    w.apply();
    const std::vector<float> h = w.packed(w.product());
    Json variants;
    for (const std::string kind : s.at("kinds"))
      if (const auto found = calls_.find(kind); found != calls_.end())
        for (const auto& [name, call] : found->second) variants[kind].push_back(name);
      else if (kind == "lambda_1")
        variants[kind].push_back("lanczos");
    return {{"ready", true},
            {"versions", {{"brink", machine_and_build()}, {"device", w.device_name()}}},
            {"flops", {{"gradient", w.gradient_flops()}, {"hvp_linearized", w.tangent_flops()}}},
            {"values",
             {{"loss", loss},
              {"gradient_norm", std::sqrt(dot(g, g))},
              {"gradient_v", dot(g, data_.v)},
              {"hvp_norm", std::sqrt(dot(h, h))},
              {"v_h_v", dot(h, data_.v)},
              {"hvp_linearized_norm", std::sqrt(dot(h, h))},
              {"loss_after_gd", w.descend(s.at("gd_steps"), s.at("learning_rate"))}}},
            {"variants", variants}};
  }

  Json run(const Json& r) {
    Call& call = calls_.at(r.at("run")).at(r.at("variant"));
    prepare(call);
    Json wall = Json::array(), cpu = Json::array();
    for (int i = 0; i < r.at("repeat").get<int>(); ++i) {
      const double c = cpu_ms();
      const auto start = std::chrono::steady_clock::now();
      call.run();
      const auto ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      wall.push_back(ms / call.divide);
      cpu.push_back((cpu_ms() - c) / call.divide);
    }
    return {{"ms", wall}, {"cpu_ms", cpu}, {"info", Json::object()}};
  }

  /// The largest eigenvalue at the given θ, from the workload's v to the relative residual `setting`. What is timed begins with θ
  /// alone: the linearisation is part of it.
  Json lambda_1(const Json& r) {
    if (r.at("lambda_1") != "lanczos") throw std::runtime_error("lambda_1: expected the variant lanczos");
    Work& w = *work_;
    w.unpack(read_vector(r.at("theta"), w.layout().count()), w.theta());
    const LinearOperator hessian = w.hessian();
    if (!lanczos_)
      lanczos_.emplace(w.device(), hessian.dim, hessian.dtype, LanczosLimits{.max_pairs = 1},
                       normals_of(w.device(), w.layout(), 0));
    const LanczosOptions options{.tolerance = r.at("setting"), .orthogonality = false};
    const double c = cpu_ms();
    const auto start = std::chrono::steady_clock::now();
    w.linearize();
    const LanczosResult found = lanczos_->run(hessian, options, w.direction());
    const auto ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    const double cpu = cpu_ms() - c;
    if (found.top.empty()) throw std::runtime_error("lambda_1: the products are not finite");
    write_vector(r.at("vector"), w.packed(found.top[0].vector));
    return {{"ms", ms}, {"cpu_ms", cpu}, {"lambda_1", found.top[0].value}, {"products", found.products}};
  }

  Json memory(const Json& r) {
    open(r.at("memory"));
    kind_ = r.at("kind");
    // A gradient by the object that also computes residuals again in products: as much memory as both together.
    if (kind_ == "gradient")
      calls_["gradient"]["recomputing"] = {[this] { work_->linearize(Work::Residuals::recomputed); }};
    Json names = Json::array();
    for (const auto& [name, call] : calls_.at(kind_)) names.push_back(name);
    return {{"variants", names}};
  }

  Json peak(const std::string& name) {
    Call& call = calls_.at(kind_).at(name);
    prepare(call);
    call.run();
    const std::int64_t first = anonymous_bytes().most;
    call.run();
    reset_most_bytes();
    call.run();
    return {{"peak_bytes", anonymous_bytes().most - before_bytes_}, {"first_peak_bytes", first - before_bytes_}};
  }

  /// The first run allocates and touches pages, like the first run of any system.
  static void prepare(Call& call) {
    if (call.prepare) std::exchange(call.prepare, {})();
  }

  Workload data_;
  std::unique_ptr<Work> work_;
  std::optional<Lanczos> lanczos_;  // of lambda_1, made at its first request
  std::map<std::string, Variants> calls_;
  std::string kind_;
  std::int64_t before_bytes_ = 0;
};

}  // namespace
}  // namespace brink::bench

int main() {
  try {
    brink::bench::Worker worker;
    for (std::string line; std::getline(std::cin, line);) {
      const auto request = brink::parse_ordered_json("request", line);
      std::cout << worker.answer(request).dump() << std::endl;
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "worker: {}\n", e.what());
    return 1;
  }
}
