// SPDX-License-Identifier: MIT
// Recomputes a run folder from its own config (docs/promises.md, B13).
// The second run uses the same code as the first, in a folder of its own that is removed afterwards, so bytes of the same file
// are compared. Its record of machine and time is ignored.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "tools/verify/verify.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/io/file.h"
#include "training/io/json.h"
#include "training/run/stop_signals.h"
#include "training/run/train.h"

namespace brink::verify {

namespace {

constexpr std::size_t largest_bytes = std::size_t{4} << 30;

std::string text_of(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, largest_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "brink-verify-XXXXXX").string()) {
    if (!mkdtemp(path_.data())) throw IoError(path_ + ": mkdtemp: " + std::generic_category().message(errno));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Lines without their ends.
std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// Cells of one line; a line "a," has two.
std::vector<std::string_view> cells(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find(',', begin);
    out.push_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return out;
    begin = end + 1;
  }
}

std::string shown(std::string_view cell) { return cell.empty() ? "nothing" : std::string(cell); }

/// A row of the table for each column of metrics.csv: the number of rows that differ, and the first one.
void compare_metrics(std::string_view recorded, std::string_view recomputed, const std::string& path, bool finished,
                     Table& table) {
  const std::vector<std::string_view> a = lines(recorded), b = lines(recomputed);
  if (a.empty()) throw DataError(path + ": expected a header, found nothing");
  const std::vector<std::string_view> names = cells(b[0]);
  if (a[0] != b[0]) {
    const std::vector<std::string_view> found = cells(a[0]);
    std::size_t k = 0;
    while (k < std::min(found.size(), names.size()) && found[k] == names[k]) ++k;
    table.add({"metrics.csv", "header", 1, 0,
               "column " + std::to_string(k + 1) + ": recorded " + (k < found.size() ? shown(found[k]) : "nothing") +
                   ", recomputed " + (k < names.size() ? shown(names[k]) : "nothing")});
    return;
  }
  const std::size_t rows = std::min(a.size(), b.size());
  std::vector<std::int64_t> differing(names.size(), 0);
  std::vector<std::string> notes(names.size());
  std::string first;
  for (std::size_t i = 1; i < rows; ++i) {
    if (a[i] == b[i]) continue;
    const std::vector<std::string_view> x = cells(a[i]), y = cells(b[i]);
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (k < x.size() && x[k] == y[k]) continue;
      const std::string where = "step " + std::string(y[0]);
      const std::string what = ": recorded " + (k < x.size() ? shown(x[k]) : "no cell") + ", recomputed " + shown(y[k]);
      if (differing[k]++ == 0) notes[k] = where + what;
      if (first.empty()) first = where + ", column " + std::string(names[k]) + what;
    }
    if (x.size() > names.size() && first.empty()) first = "step " + std::string(y[0]) + ": more cells than columns";
  }
  if (first.empty() && recorded != recomputed && (finished || a.size() > b.size()))
    first = a.size() == b.size() ? "the ends of the lines"
                                 : "step " + std::string(cells(a.size() < b.size() ? b[rows] : a[rows])[0]) + ": " +
                                       (a.size() < b.size() ? "not recorded" : "not recomputed");
  table.add({"metrics.csv", "bytes", first.empty() ? 0.0 : 1.0, 0, first.empty() ? "" : "first difference: " + first});
  for (std::size_t k = 0; k < names.size(); ++k)
    table.add({"metrics.csv", std::string(names[k]), static_cast<double>(differing[k]), 0, notes[k]});
}

Config config_of(const std::string& folder, const std::vector<std::string>& sets, const std::string& device) {
  const std::string path = folder + "/config.toml";
  text_of(path);
  Config recorded;
  try {
    recorded = load_config({path, {}, {}});
  } catch (const UsageError& e) { throw DataError(e.what()); }
  ConfigSources sources{path, sets, {}};
  if (!device.empty()) sources.flags.emplace_back("device", device);
  Config out = load_config(sources);
  if (config_hash(out) != config_hash(recorded))
    throw UsageError(
        "--set: a run is recomputed under its own settings; only data.directory and run.* that change no number may "
        "differ");
  return out;
}

}  // namespace

Table check_run(const std::string& folder, const std::vector<std::string>& sets, const std::string& device) {
  const Config config = config_of(folder, sets, device);
  const std::string metrics = folder + "/metrics.csv", record = folder + "/run.json";
  const std::string recorded = text_of(metrics), recorded_events = text_of(folder + "/events.csv");
  std::string status, hessian;
  try {
    const nlohmann::json said = parse_json(record, text_of(record));
    status = said.at("status").get<std::string>();
    hessian = said.value("hessian_of", "");
  } catch (const nlohmann::json::exception& e) {
    throw DataError(record + ": expected the record of a run: " + e.what());
  }
  const bool finished = status != "running" && status != "interrupted";
  std::string_view whole_rows = recorded;
  if (!finished)
    whole_rows = whole_rows.substr(0, whole_rows.rfind('\n') + 1);  // a killed process may leave a torn row

  const StopSignals signals;
  const TemporaryFolder temporary;
  TrainOptions options{.folder = temporary.path("run"), .checkpoints = false};
  // A run without an end is recomputed as far as it is recorded.
  if (!finished) options.stop_before = std::max<std::int64_t>(0, std::ranges::count(whole_rows, '\n') - 1);
  brink::train(config, options, standard_error());
  if (StopSignals::requested())
    throw Error(ExitCode::interrupted, "verify: interrupted by " + StopSignals::name() + "; nothing was compared");
  const std::string again = temporary.path("run");
  Table table;
  compare_metrics(whole_rows, text_of(again + "/metrics.csv"), metrics, finished, table);
  const std::string hessian_again =
      parse_json("run.json", text_of(again + "/run.json")).value("hessian_of", std::string());
  if (!hessian.empty() || !hessian_again.empty())
    table.add({"run.json", "hessian_of", hessian == hessian_again ? 0.0 : 1.0, 0, "of " + hessian_again});
  if (finished)
    table.add({"events.csv", "bytes", recorded_events == text_of(again + "/events.csv") ? 0.0 : 1.0, 0, {}});
  else
    table.skip("events.csv", "the run has not finished; only the steps that it recorded are compared");
  return table;
}

}  // namespace brink::verify
