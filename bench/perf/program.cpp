// SPDX-License-Identifier: MIT
#include "bench/perf/program.h"

#include <fmt/format.h>

#include "training/io/file.h"

namespace brink::bench {

void add_turns(CLI::App& app, Turns& turns) {
  app.add_option("--rounds", turns.rounds, "number of rounds")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--turn-ms", turns.turn_ms, "length of a turn in milliseconds")
      ->check(CLI::Range(1e-3, 1e6))
      ->capture_default_str();
}

int run_program(int argc, char** argv, CLI::App& app, const std::string& name,
                const std::function<void(nlohmann::json& report)>& measure) {
  std::string out;
  app.add_option("--out", out, "JSON file to write");
  CLI11_PARSE(app, argc, argv);
  try {
    nlohmann::json report{{"benchmark", name}, {"machine", machine_and_build()}};
    measure(report);
    if (!out.empty()) write_file(out, report.dump(1) + "\n");
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", name, e.what());
    return 1;
  }
}

}  // namespace brink::bench
