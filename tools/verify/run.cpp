// SPDX-License-Identifier: MIT
// Recomputes a run folder from its own config and checkpoints, in memory (docs/promises.md, B13).
#include <nlohmann/json.hpp>
#include <string_view>

#include "tools/verify/verify.h"
#include "training/io/console.h"
#include "training/io/json.h"
#include "training/io/readable.h"
#include "training/replay/segments.h"
#include "training/run/records.h"
#include "training/run/row_difference.h"

namespace brink::verify {

namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view out = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return out;
}

/// Where a file beside metrics.csv differs first; empty: nowhere. A run that was killed may lack what belongs to its last row.
std::string rows_difference(std::string_view recorded, std::string_view computed, bool over) {
  if (recorded == computed) return {};
  const std::vector<std::string_view> names = cells_of(computed.substr(0, computed.find('\n')));
  while (!recorded.empty() && !computed.empty()) {
    const std::string_view a = take_line(recorded), b = take_line(computed);
    if (a != b) return "first difference: " + in_words(differences(a, b).front(), names, b);
  }
  if (!recorded.empty()) return std::string(names[0]) + " " + std::string(cells_of(recorded)[0]) + ": not recomputed";
  const std::string_view first = take_line(computed);
  if (first.empty()) return over ? "the end of the last line" : "";
  if (!over && computed.empty()) return {};
  return std::string(names[0]) + " " + std::string(cells_of(first)[0]) + ": not recorded";
}

}  // namespace

Table check_run(const std::string& folder, const std::vector<std::string>& sets, const std::string& device,
                Console& out) {
  std::vector<std::pair<std::string, std::string>> flags;
  if (!device.empty()) flags.emplace_back("device", device);
  RecordedRun run;
  read_recorded_run(run, folder, sets, flags);
  const Recomputed again = recompute(run, out);

  Table table;
  if (!again.left_out.empty()) table.skip(again.left_out, again.why_left_out);
  for (const std::string& text : run.passed_over) table.add({"checkpoints", "file", 1, 0, text});
  if (!again.header.empty()) {
    table.add({"metrics.csv", "header", 1, 0, again.header});
    return table;
  }
  table.add({"metrics.csv", "bytes", again.first_row.empty() ? 0.0 : 1.0, 0,
             again.first_row.empty() ? "" : "first difference: " + again.first_row});
  for (const ColumnDifferences& c : again.columns)
    table.add({"metrics.csv", c.name, static_cast<double>(c.rows), 0, c.first});
  for (const CheckpointDifferences& c : again.checkpoints)
    table.add({"checkpoints", "step " + std::to_string(c.step), static_cast<double>(c.parts), 0,
               c.first.empty() ? "" : "first difference: " + c.first});
  for (const TensorDifferences& t : again.tensors)
    table.add({t.kind, "files", static_cast<double>(t.files), 0, t.first});
  const std::string hessian = parse_json("run.json", run_json(run.config, {})).value("hessian_of", std::string());
  if (!run.hessian_of.empty() || !hessian.empty())
    table.add({"run.json", "hessian_of", hessian == run.hessian_of ? 0.0 : 1.0, 0, "of " + hessian});
  const auto add_rows = [&](const char* file, const std::string& recorded, const std::string& computed) {
    const std::string found = rows_difference(recorded, computed, run.is_over());
    table.add({file, "bytes", found.empty() ? 0.0 : 1.0, 0, found});
  };
  add_rows("events.csv", run.events, again.events);
  if (!again.spectra.empty()) add_rows("spectra.csv", run.spectra, again.spectra);
  std::string text = counted(again.steps, "step") + " recomputed in " + counted(again.segments, "segment");
  if (again.segments > 1) text += " between checkpoints, " + std::to_string(again.at_once) + " at once";
  if (!run.is_over()) text += "; the run has not finished, so only the steps that it recorded were recomputed";
  out.line(text);
  return table;
}

}  // namespace brink::verify
