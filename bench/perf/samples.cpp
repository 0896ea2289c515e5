// SPDX-License-Identifier: MIT
// How many samples a second a data source makes: rows copied from records, and rows cut, mirrored and normalised anew. The
// records are in memory and made by a formula.
// Both take turns, on one thread and on all; what matters is the time of a sample beside that of its gradient.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/perf/harness.h"
#include "bench/perf/program.h"
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

void measure(const Turns& turns, nlohmann::json& report) {
  const auto records = make_records();
  const Normalisation n{{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
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
      const std::vector<Timing> times = take_turns(
          {{"plain", [&] { make(plain, 0); }}, {"augmented", [&] { make(augmented, 3 * pictures); }}}, turns);
      for (const Timing& t : times) {
        const Spread ms = spread_of(t.wall_ms), cpu_ms = spread_of(t.cpu_ms);
        const double a_second = static_cast<double>(pictures) / (ms.median * 1e-3);
        table += fmt::format("{:<9} {:<10} {:>7} {:>12.0f} {:>13.2f}\n", name_of(dtype), t.name, threads, a_second,
                             1e3 * cpu_ms.median / static_cast<double>(pictures));
        report["results"].push_back({{"type", name_of(dtype)},
                                     {"rows", t.name},
                                     {"threads", threads},
                                     {"samples_per_second", a_second},
                                     {"ms_per_2048", to_json(ms)},
                                     {"cpu_ms_per_2048", to_json(cpu_ms)}});
      }
    }
  }
  fmt::print("{}", table);
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink::bench;
  Turns turns{21, 20, 0};
  CLI::App app("Samples a second of the data sources (32x32x3 pictures), in turns within one run.");
  add_turns(app, turns);
  return run_program(argc, argv, app, "samples", [&](nlohmann::json& report) { measure(turns, report); });
}
