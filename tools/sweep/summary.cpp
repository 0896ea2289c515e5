// SPDX-License-Identifier: MIT
#include "tools/sweep/summary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "tools/report/report.h"
#include "tools/report/run.h"
#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"
#include "training/sweep/folder.h"
#include "training/sweep/runner.h"

namespace brink::sweep {

namespace {

namespace fs = std::filesystem;

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\n") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string step_text(double step) { return number_text(static_cast<std::int64_t>(step)); }

std::string cell(const std::optional<double>& x) { return x ? number_text(*x) : std::string(); }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string status_text(const Listed& listed, const std::string& folder) {
  if (listed.state == State::finished) return "finished";
  if (listed.state == State::diverged) return "diverged";
  if (listed.state == State::other || is_there(failure_file(folder, listed.run.hash))) return "failed";
  return listed.state == State::unfinished ? "unfinished" : "not_run";
}

constexpr const char* result_columns[] = {
    "steps",       "loss",       "train_accuracy",     "test_accuracy", "lambda_1_step",
    "lambda_1",    "residual_1", "lambda_1_certified", "instabilities", "long_instabilities",
    "diverged_at", "digest"};

/// The cells of result_columns.
std::vector<std::string> results_of(const report::Run& run) {
  std::vector<std::string> out(std::size(result_columns));
  if (run.step.empty()) return out;
  const std::size_t last = run.step.size() - 1;
  out[0] = step_text(run.step[last]);
  out[1] = cell(run.at("loss", last));
  out[2] = cell(run.at("train_accuracy", last));
  out[3] = cell(run.at("test_accuracy", last));
  for (std::size_t row = run.step.size(); row-- > 0;)
    if (const auto lambda = run.eigenvalue(1, row)) {
      out[4] = step_text(run.step[row]);
      out[5] = number_text(lambda->value);
      out[6] = number_text(lambda->residual);
      out[7] = lambda->certified ? "1" : "0";
      break;
    }
  if (run.has_events && run.measured("lambda_1")) {
    out[8] = number_text(run.instabilities.size());
    out[9] = number_text(std::ranges::count_if(run.instabilities, &report::InstabilityRow::is_long));
  }
  if (run.diverged_at) out[10] = step_text(*run.diverged_at);
  out[11] = run.account.final_digest;
  return out;
}

/// All runs of the list that are known, with their states now.
std::vector<Listed> listed_in(const Plan& plan, const std::string& folder) {
  return list_runs(plan, [&](const std::string& hash) { return state_of(folder_of(folder, hash), hash); });
}

/// Held while the results are read and written.
class ResultsLock {
 public:
  explicit ResultsLock(const std::string& path)
      : file_(posix_system().openat(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (file_ < 0) throw IoError(system_message(path, "open"));
    while (flock(file_, LOCK_EX) != 0 && errno == EINTR) {}
  }
  ~ResultsLock() { posix_system().close(file_); }
  ResultsLock(const ResultsLock&) = delete;
  ResultsLock& operator=(const ResultsLock&) = delete;

 private:
  int file_;
};

/// Reports of single runs that a killed process did not come to write.
void write_missing_pages(const Plan& plan, const std::string& folder) {
  for (const Listed& listed : listed_in(plan, folder)) {
    const fs::path run = folder_of(folder, listed.run.hash);
    if (!is_over(listed.state) || is_there(run / "report.html")) continue;
    const fs::path runs[] = {run};
    try {
      write_report(runs, run / "report.html");
    } catch (const ReportError&) {}  // rows were deleted
  }
}

}  // namespace

std::string summary_csv(const Plan& plan, const std::string& folder) {
  std::string out;
  for (const std::string& key : plan.keys()) out += quoted(key) + ",";
  out += "status";
  for (const char* column : result_columns) out += std::string(",") + column;
  out += ",run\n";
  for (const Listed& listed : listed_in(plan, folder)) {
    for (const std::string& key : plan.keys()) {
      const auto at = std::ranges::find(listed.run.settings, key, &PlacedSetting::path);
      out += quoted(cell_of(*at)) + ",";
    }
    out += status_text(listed, folder);
    std::vector<std::string> cells(std::size(result_columns));
    if (is_over(listed.state)) {
      try {
        cells = results_of(report::read_run(folder_of(folder, listed.run.hash)));
      } catch (const ReportError&) {}  // rows were deleted; the status stands
    }
    for (const std::string& c : cells) out += "," + c;
    out += "," + listed.run.hash + "\n";
  }
  return out;
}

SweepPage sweep_page(const Plan& plan, const std::string& folder) {
  std::vector<fs::path> with_rows;
  for (const Listed& listed : listed_in(plan, folder)) {
    const std::string run = folder_of(folder, listed.run.hash);
    if (listed.state != State::other && is_there(run + "/metrics.csv")) with_rows.emplace_back(run);
  }
  SweepPage out{{}, std::min(most_on_page, with_rows.size()), with_rows.size()};
  if (with_rows.empty()) return out;
  std::vector<fs::path> shown;
  for (std::size_t i = 0; i < out.shown; ++i) shown.push_back(with_rows[i * with_rows.size() / out.shown]);
  out.html = render_report(shown);
  return out;
}

std::vector<std::string> write_results(const Plan& plan, const std::string& folder) {
  const ResultsLock lock(folder + "/" + results_lock_name);
  std::vector<std::string> out;
  write_missing_pages(plan, folder);
  write_file(folder + "/summary.csv", summary_csv(plan, folder));
  out.push_back(folder + "/summary.csv");
  try {
    const SweepPage page = sweep_page(plan, folder);
    if (page.html.empty()) return out;
    write_file(folder + "/report.html", page.html);
    out.push_back(folder + "/report.html");
    if (page.shown < page.runs)
      out.back() += fmt::format(": {} of the {} runs, at equal distances in the list; summary.csv has all", page.shown,
                                page.runs);
  } catch (const ReportError& e) { out.push_back(std::string("no report: ") + e.what()); }
  return out;
}

}  // namespace brink::sweep
