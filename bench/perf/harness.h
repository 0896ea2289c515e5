// SPDX-License-Identifier: MIT
// Turn-taking timing, medians and spreads, the machine's roofs, and the JSON head of every benchmark of brink.
// Contenders take turns within one run, in rotating order, and ratios are taken round by round, so a slow second of a shared
// machine affects all alike. Figures of different runs or machines are never compared.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace brink {
class ThreadPool;
}

namespace brink::bench {

/// Median, quartiles and extremes of a list of times or ratios.
struct Spread {
  double median = 0, q1 = 0, q3 = 0, best = 0, worst = 0;
};
Spread spread_of(std::vector<double> values);
nlohmann::json to_json(const Spread&);

struct Contender {
  std::string name;
  std::function<void()> run;
};

struct Turns {
  int rounds = 21;
  double turn_ms = 3;    // a contender repeats its work until a turn lasts this long
  double settle_ms = 0;  // sleep before each turn, so that spinning worker threads of the contender before fall asleep
};

/// Milliseconds of wall clock and of processor time (all threads) per call, one entry per round.
struct Timing {
  std::string name;
  std::vector<double> wall_ms, cpu_ms;
  int calls_per_turn = 1;
};

/// Calls every contender once (checks, page faults), then lets them take turns. Each turn starts with one untimed call, which
/// fills the caches with the contender's own data. → one Timing per contender, in the given order.
std::vector<Timing> take_turns(const std::vector<Contender>& contenders, const Turns& turns);

/// The spread of a's time over b's, round by round.
Spread ratio_of(const std::vector<double>& a, const std::vector<double>& b);

/// What this machine can do at best, measured here.
struct Roofs {
  std::string fma_isa;             // the instruction set of the following figure
  double fma_f32_gflops_core = 0;  // independent fused multiply-adds from registers, one thread
  double fma_f32_gflops_all = 0;   // the same on all threads of the pool at once
  double read_gb_per_s_core = 0;   // reading 256 MiB, one thread
  double read_gb_per_s_all = 0;
};
/// Takes about a second. `pool` defines "all threads". The instruction set is brink's own choice (isa()).
Roofs measure_roofs(ThreadPool& pool);
nlohmann::json to_json(const Roofs&);

/// Bytes of this process in memory that is not mapped from files: now, and the maximum since the last reset.
/// Source: /proc/self/status, VmRSS and VmHWM less RssFile. Throws std::runtime_error if these are missing.
struct AnonymousBytes {
  std::int64_t now = 0, most = 0;
};
AnonymousBytes anonymous_bytes();
/// Resets the maximum to what is resident now.
void reset_most_bytes();

/// What a figure needs beside it: processor, its features, load, compiler, build flags, instruction set.
nlohmann::json machine_and_build();

/// A text such as "6.31 [6.20, 6.55]".
std::string text_of(const Spread&, int decimals);

}  // namespace brink::bench
