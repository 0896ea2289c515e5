// SPDX-License-Identifier: MIT
// The implementation of harness.h.

#include "bench/perf/harness.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/perf/build_flags.h"
#include "kernels/device.h"
#include "kernels/isa.h"

namespace brink::bench {
namespace {

double wall_now_ms() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

double cpu_now_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75), values.front(), values.back()};
}

Spread ratio_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) ratios.push_back(a[i] / b[i]);
  return spread_of(std::move(ratios));
}

std::string text_of(const Spread& s, int decimals) {
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", s.median, decimals, s.q1, decimals, s.q3, decimals);
}

nlohmann::json to_json(const Spread& s) {
  return {{"median", s.median}, {"q1", s.q1}, {"q3", s.q3}, {"best", s.best}, {"worst", s.worst}};
}

std::vector<Timing> take_turns(const std::vector<Contender>& contenders, const Turns& turns) {
  std::vector<Timing> timings;
  for (const Contender& c : contenders) {
    c.run();
    double once_ms = 1e300;
    for (int i = 0; i < 3; ++i) {
      const double start = wall_now_ms();
      c.run();
      once_ms = std::min(once_ms, wall_now_ms() - start);
    }
    const double calls = std::clamp(std::ceil(turns.turn_ms / std::max(once_ms, 1e-6)), 1.0, 1e6);
    timings.push_back({c.name, {}, {}, static_cast<int>(calls)});
  }
  for (int round = 0; round < turns.rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t who = (i + static_cast<std::size_t>(round)) % contenders.size();
      if (turns.settle_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(turns.settle_ms));
      contenders[who].run();
      const int calls = timings[who].calls_per_turn;
      const double cpu = cpu_now_ms(), wall = wall_now_ms();
      for (int call = 0; call < calls; ++call) contenders[who].run();
      timings[who].wall_ms.push_back((wall_now_ms() - wall) / calls);
      timings[who].cpu_ms.push_back((cpu_now_ms() - cpu) / calls);
    }
  }
  return timings;
}

nlohmann::json to_json(const Roofs& r) {
  return {{"fma_isa", r.fma_isa},
          {"fma_f32_gflops_core", r.fma_f32_gflops_core},
          {"fma_f32_gflops_all", r.fma_f32_gflops_all},
          {"read_gb_per_s_core", r.read_gb_per_s_core},
          {"read_gb_per_s_all", r.read_gb_per_s_all}};
}

AnonymousBytes anonymous_bytes() {
  std::map<std::string, std::int64_t> kib{{"VmRSS:", -1}, {"VmHWM:", -1}, {"RssFile:", -1}};
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (const auto found = kib.find(key); found != kib.end()) words >> found->second;
  }
  for (const auto& [key, value] : kib)
    if (value < 0) throw std::runtime_error("/proc/self/status has no " + key);
  return {1024 * (kib["VmRSS:"] - kib["RssFile:"]), 1024 * (kib["VmHWM:"] - kib["RssFile:"])};
}

void reset_most_bytes() {
  if (!(std::ofstream("/proc/self/clear_refs") << "5" << std::flush))
    throw std::runtime_error("/proc/self/clear_refs cannot be written");
}

nlohmann::json machine_and_build() {
  nlohmann::json out;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    const std::string key = line.substr(0, line.find_first_of("\t:"));
    const std::string value = colon + 2 < line.size() ? line.substr(colon + 2) : "";
    if (key == "model name" || key == "cpu family" || key == "model" || key == "cache size")
      out["processor"][key] = value;
    if (key != "flags") continue;
    for (const char* feature : {"fma", "avx2", "avx512f", "avx512dq", "avx512vl"})
      if ((" " + value + " ").find(std::string(" ") + feature + " ") != std::string::npos)
        out["processor"]["features"].push_back(feature);
  }
  utsname system{};
  if (uname(&system) == 0) out["system"] = std::string(system.sysname) + " " + system.release;
  double load[3] = {0, 0, 0};
  if (getloadavg(load, 3) == 3) out["load_average"] = {load[0], load[1], load[2]};
  out["available_threads"] = available_threads();
  out["isa"] = name_of(isa());
  out["compiler"] = __VERSION__;
  out["build_flags"] = build_flags;
  return out;
}

}  // namespace brink::bench
