// SPDX-License-Identifier: MIT
// What it is: brink's end of bench/peers: answers lines of JSON about one workload until its input ends.
// What it is not: a server, or a benchmark by itself (steps.cpp is).
// Decision: the protocol is that of bench/peers/worker.py, so that the driver knows no system by name.

#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "bench/perf/harness.h"
#include "bench/perf/mlp_work.h"

namespace brink::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Call {
  std::function<void()> run;
  double divide = 1;
};

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

class Worker {
 public:
  Json setup(const Json& s) {
    const MlpData data = read_mlp_data(s.at("folder"));
    work_ = std::make_unique<MlpWork>(data, s.at("threads").get<int>(),
                                      s.value("device", "cpu") == "cuda" ? Where::cuda : Where::cpu);
    const int steps = s.at("gd_steps");
    const double rate = s.at("learning_rate");
    MlpWork& w = *work_;
    calls_ = {
        {"gradient", {{"program", {[&w] { w.gradient(); }}}}},
        {"hvp", {{"linearize_and_apply", {[&w] { w.linearize(), w.apply(); }}}}},
        {"hvp_linearized", {{"tangent_program", {[&w] { w.apply(); }}}}},
        // descend ends with one more evaluation, for the loss that it returns
        {"gd_step", {{"program", {[&w, steps, rate] { w.descend(steps - 1, rate); }, static_cast<double>(steps)}}}}};
    const double loss = w.gradient();
    const std::vector<float> g = w.packed(w.gradient_vector());
    w.linearize();
    w.apply();
    const std::vector<float> h = w.packed(w.product());
    Json variants;
    for (const auto& [kind, names] : calls_)
      for (const auto& [name, call] : names) variants[kind].push_back(name);
    return {{"ready", true},
            {"versions", {{"brink", machine_and_build()}, {"device", w.device_name()}}},
            {"flops", {{"gradient", w.gradient_flops()}, {"hvp_linearized", w.tangent_flops()}}},
            {"values",
             {{"loss", loss},
              {"gradient_norm", std::sqrt(dot(g, g))},
              {"gradient_v", dot(g, data.v)},
              {"hvp_norm", std::sqrt(dot(h, h))},
              {"v_h_v", dot(h, data.v)},
              {"hvp_linearized_norm", std::sqrt(dot(h, h))},
              {"loss_after_gd", w.descend(steps, rate)}}},
            {"variants", variants}};
  }

  Json run(const Json& r) {
    const Call& call = calls_.at(r.at("run")).at(r.at("variant"));
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

 private:
  std::unique_ptr<MlpWork> work_;
  std::map<std::string, std::map<std::string, Call>> calls_;
};

}  // namespace
}  // namespace brink::bench

int main() {
  try {
    brink::bench::Worker worker;
    for (std::string line; std::getline(std::cin, line);) {
      const auto request = nlohmann::ordered_json::parse(line);
      const auto reply = request.contains("setup") ? worker.setup(request["setup"]) : worker.run(request);
      std::cout << reply.dump() << std::endl;
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "worker: {}\n", e.what());
    return 1;
  }
}
