// SPDX-License-Identifier: MIT
// What it is: how many samples a second a data source makes: rows copied from records, and rows cut, mirrored and normalised anew.
// What it is not: a bit test, or the speed of a disk; the records are in memory and made by a formula.
// Decision: both take turns, on one thread and on all; what counts is the time of a sample beside that of its gradient.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/perf/harness.h"
#include "kernels/device.h"
#include "training/data/pictures.h"

namespace brink::bench {
namespace {

constexpr std::int64_t pictures = 2048, block = 128;

std::shared_ptr<const Records> make_records() {
  auto out = std::make_shared<Records>(Records{{32, 32, 3}, {}, {}});
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < pictures; ++i) {
    out->labels.push_back(static_cast<std::uint8_t>(i % 10));
    for (int p = 0; p < 3072; ++p) {
      state = state * 1664525u + 1013904223u;
      out->pixels.push_back(static_cast<std::uint8_t>(state >> 24));
    }
  }
  return out;
}

int measure(const std::string& out, int rounds) {
  const auto records = make_records();
  const Normalisation n{{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
  nlohmann::json all = nlohmann::json::array();
  std::string table =
      fmt::format("{:<9} {:<10} {:>7} {:>12} {:>13}\n", "type", "rows", "threads", "samples/s", "cpu us each");
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const PictureRows plain(records, n, dtype, pictures), augmented(records, n, dtype, 10 * pictures, 0);
    for (const int threads : {1, available_threads()}) {
      ThreadPool pool(threads);
      std::vector<Array> to;
      for (int t = 0; t < threads; ++t) to.emplace_back(Shape{block, 3072}, dtype);
      const auto make = [&](const PictureRows& rows, std::int64_t first) {
        pool.run(pictures / block, [&](int worker, std::int64_t piece) {
          rows.fill(first + piece * block, block, to[static_cast<std::size_t>(worker)].view().data);
        });
      };
      const std::vector<Timing> times =
          take_turns({{"plain", [&] { make(plain, 0); }}, {"augmented", [&] { make(augmented, 3 * pictures); }}},
                     {.rounds = rounds, .turn_ms = 20});
      for (const Timing& t : times) {
        const Spread ms = spread_of(t.wall_ms), cpu_ms = spread_of(t.cpu_ms);
        const double a_second = static_cast<double>(pictures) / (ms.median * 1e-3);
        table += fmt::format("{:<9} {:<10} {:>7} {:>12.0f} {:>13.2f}\n", name_of(dtype), t.name, threads, a_second,
                             1e3 * cpu_ms.median / static_cast<double>(pictures));
        all.push_back({{"type", name_of(dtype)},
                       {"rows", t.name},
                       {"threads", threads},
                       {"samples_per_second", a_second},
                       {"ms_per_2048", to_json(ms)},
                       {"cpu_ms_per_2048", to_json(cpu_ms)}});
      }
    }
  }
  fmt::print("{}", table);
  if (!out.empty()) std::ofstream(out) << all.dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  CLI::App app("Samples a second of the data sources (32x32x3 pictures)");
  std::string out;
  int rounds = 21;
  app.add_option("--out", out, "Write the figures as JSON");
  app.add_option("--rounds", rounds, "Turns of each contender");
  CLI11_PARSE(app, argc, argv);
  return brink::bench::measure(out, rounds);
}
