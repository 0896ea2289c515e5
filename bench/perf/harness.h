// SPDX-License-Identifier: MIT
// What it is: turn-taking timing, medians and spreads, the machine's roofs, and the JSON head of every benchmark of
// brink. What it is not: a test (nothing here asserts a time) or a profiler. Decision: contenders take turns within one
// run, in rotating order, and ratios are taken round by round; a slow second of a shared machine then falls on all
// alike. Figures of different runs or machines are never compared.
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
  double settle_ms = 0;  // sleep before each turn: spinning worker threads of the one before must fall asleep
};

/// Milliseconds of wall clock and of processor time (all threads) per call, one entry per round.
struct Timing {
  std::string name;
  std::vector<double> wall_ms, cpu_ms;
  int calls_per_turn = 1;
};

/// Calls every contender once (checks, page faults), then lets them take turns. Each turn starts with one untimed call,
/// so that the caches are the contender's own. → one Timing per contender, in the order given.
std::vector<Timing> take_turns(const std::vector<Contender>& contenders, const Turns& turns);

/// Spread of a's time over b's, round by round.
Spread ratio_of(const std::vector<double>& a, const std::vector<double>& b);

/// What this machine can do at best, measured here.
struct Roofs {
  std::string fma_isa;             // the instruction set of the figure below
  double fma_f32_gflops_core = 0;  // independent fused multiply-adds from registers, one thread
  double fma_f32_gflops_all = 0;   // the same on all threads of the pool at once
  double read_gb_per_s_core = 0;   // reading 256 MiB, one thread
  double read_gb_per_s_all = 0;
};
/// Takes about a second. `pool` decides what "all" means. The instruction set is brink's own choice (isa()).
Roofs measure_roofs(ThreadPool& pool);
nlohmann::json to_json(const Roofs&);

/// Bytes of this process in memory that no file stands behind: now, and the most since the last reset of the mark.
/// Source: /proc/self/status, VmRSS and VmHWM less RssFile. Throws std::runtime_error where there is none.
struct AnonymousBytes {
  std::int64_t now = 0, most = 0;
};
AnonymousBytes anonymous_bytes();
/// The mark becomes what is resident now.
void reset_most_bytes();

/// Processor, its features, load, compiler, build flags, instruction set: what a figure needs beside it.
nlohmann::json machine_and_build();

/// "6.31 [6.20, 6.55]"
std::string text_of(const Spread&, int decimals);

}  // namespace brink::bench
