// SPDX-License-Identifier: MIT
// Options and last steps that several subcommands share.
#include <filesystem>

#include "tools/brink/command.h"
#include "tools/report/report.h"

namespace brink {

namespace {

constexpr const char* flag_names[6] = {"device", "threads", "chunk", "memory", "precision", "arithmetic"};
constexpr const char* flag_help[6] = {
    "cpu or cuda",
    "Number of threads, or all",
    "Samples computed at a time: auto, or a multiple of the group (128 samples, or model.ghost_batch)",
    "The most memory that the run may use: auto, bytes, or a size such as 2GiB",
    "float32 or float64",
    "exact, or vendor: matrix products by cuBLAS (cuda only)"};

}  // namespace

void add_set(CLI::App& sub, std::vector<std::string>& sets, const std::string& help) {
  sub.add_option("--set", sets, help)->type_name("KEY=VALUE")->take_all()->expected(1)->allow_extra_args(false);
}

Console& ReplayArguments::begin() const {
  announce_arithmetic();
  return quiet ? quiet_output() : standard_output();
}

void add_replay(CLI::App& sub, ReplayArguments& o, const std::string& run, const std::string& set) {
  sub.add_option("RUN", o.run, run)->required()->check(not_empty);
  add_set(sub, o.sets, set);
  sub.add_flag("--quiet", o.quiet, "Print warnings only");
  add_run_flags(sub, o.flags);
}

void add_run_flags(CLI::App& sub, std::vector<std::pair<std::string, std::string>>& flags) {
  for (std::size_t i = 0; i < std::size(flag_names); ++i)
    sub.add_option_function<std::string>(
           std::string("--") + flag_names[i],
           [&flags, i](const std::string& value) { flags.emplace_back(flag_names[i], value); }, flag_help[i])
        ->type_name("VALUE")
        ->group("Run");
}

void report_on(const std::string& folder, Console& out) {
  const std::filesystem::path runs[] = {folder};
  const std::filesystem::path page = default_report_path(runs);
  write_report(runs, page);
  out.line(page.string());
}

}  // namespace brink
