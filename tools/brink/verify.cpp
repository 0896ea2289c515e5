// SPDX-License-Identifier: MIT
// `brink verify`: its options, and the result as an exit code. The checks are in tools/verify.
#include "tools/verify/verify.h"

#include <fmt/format.h>

#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "training/environment.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/replay/interruption.h"

namespace brink {

namespace {

struct Arguments {
  std::string run, reference, device;
  std::vector<std::string> sets;
};

/// The only setting that a reference folder leaves open.
std::string data_directory(const std::vector<std::string>& sets) {
  std::string out;
  for (const std::string& set : sets) {
    constexpr std::string_view key = "data.directory=";
    if (!set.starts_with(key))
      throw UsageError("--set " + set + ": expected data.directory; nothing else can be set with --reference");
    out = set.substr(key.size());
    const bool quoted = out.size() >= 2 && (out[0] == '"' || out[0] == '\'') && out.back() == out[0];
    if (quoted) out = out.substr(1, out.size() - 2);
    if (out.empty()) throw UsageError("--set " + set + ": expected a folder");
  }
  return out;
}

ExitCode run_verification(const Arguments& o) {
  if (!o.run.empty() && !o.reference.empty()) throw UsageError("verify: expected RUN or --reference DIR, got both");
  if (o.run.empty() && o.reference.empty() && !o.sets.empty())
    throw UsageError("--set " + o.sets[0] + ": only used with RUN or --reference DIR");
  const std::string directory = o.reference.empty() ? "" : data_directory(o.sets);
  announce_arithmetic();
  const Environment environment({.device = o.run.empty() && o.device == "cuda" ? Where::cuda : Where::cpu});
  Device device = environment.device();
  const verify::Table table =
      !o.run.empty() ? verify::check_run(o.run, o.sets, o.device, standard_output())
                     : interruptible([] { return "nothing was written; the same command begins again"; },
                                     [&] {
                                       return o.reference.empty()
                                                  ? verify::check_closed_forms(device)
                                                  : verify::check_reference(device, o.reference, directory);
                                     });
  standard_output().print(table.text());
  if (table.rows().empty()) {
    standard_error().line(fmt::format("brink: {}: nothing was compared, so nothing was verified: each case was skipped",
                                      o.reference.empty() ? "verify" : o.reference));
    return ExitCode::check_failed;
  }
  if (table.failed() > 0) return ExitCode::check_failed;
  if (!o.run.empty() && !table.skipped().empty())
    throw DataError(o.run + ": " + table.skipped()[0].of + ": " + table.skipped()[0].reason);
  return ExitCode::done;
}

}  // namespace

void add_verify(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* sub =
      app.add_subcommand("verify", "Check brink against closed forms or reference values, or recompute a run");
  sub->add_option("RUN", o->run,
                  "A run folder: recompute what it recorded and name the first step, column and tensor that differ")
      ->check(not_empty);
  sub->add_option("--reference", o->reference, "Folder of reference values: golden.json and CASE.safetensors")
      ->type_name("DIR")
      ->check(not_empty);
  sub->add_option("--device", o->device,
                  "cpu or cuda: where everything is computed (default: cpu; for a RUN, the run's own device)")
      ->type_name("VALUE")
      ->check(one_of({"cpu", "cuda"}));
  add_set(*sub, o->sets, "key=value: data.directory, the folder of the official data files; for a RUN also run.*");
  sub->footer(
      "Without arguments: closed forms, finite differences and one comparison of bits. Exit code 1: a check did not "
      "hold, or none could be made; 3: a file is missing, so a part of RUN was left out; 75: interrupted by a signal.");
  sub->callback([o, &code] { code = run_verification(*o); });
}

}  // namespace brink
