// SPDX-License-Identifier: MIT
#include "tools/report/run.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "tools/report/damage.h"
#include "tools/report/text.h"
#include "training/io/json.h"
#include "training/rules/kind.h"
#include "training/run/columns_json.h"
#include "training/run/folder.h"

namespace brink::report {
namespace {

namespace fs = std::filesystem;

nlohmann::json read_json(const fs::path& folder, std::vector<std::string>& notes) {
  const auto text = read_file(folder / "run.json");
  if (!text) {
    notes.push_back("There is no run.json: whether the run diverged or ended early is not recorded.");
    return nlohmann::json::object();
  }
  try {
    auto json = parse_json("run.json", *text);
    if (json.is_object()) return json;
  } catch (const DataError&) {}
  notes.push_back("run.json cannot be read.");
  return nlohmann::json::object();
}

std::string string_at(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Account account_of(const nlohmann::json& json) {
  Account out;
  out.version = string_at(json, "brink");
  if (out.version.empty()) out.version = string_at(json, "version");
  out.status = string_at(json, "status");
  out.interrupted_because = string_at(json, "interrupted_because");
  out.final_digest = string_at(json, "final_digest");
  if (const auto at = json.find("parameters"); at != json.end() && at->is_number_integer()) out.parameters = at->dump();
  if (const auto at = json.find("diverged_at"); at != json.end() && at->is_number())
    out.diverged_at = at->get<double>();
  if (const auto at = json.find("completed_at"); at != json.end() && at->is_number())
    out.completed_at = at->get<double>();
  if (const auto at = json.find("early_stopping"); at != json.end() && at->is_object())
    for (const auto& [name, value] : at->items())
      if (value.is_number()) out.early_stopping[name] = value.get<double>();
  if (const auto at = json.find("instabilities"); at != json.end() && at->is_number_integer())
    out.instabilities = at->get<std::int64_t>();
  if (const auto at = json.find("measured_every"); at != json.end() && at->is_number())
    out.measured_every = at->get<double>();
  const auto data = json.find("data");
  if (data == json.end() || !(data->is_object() || data->is_null())) return out;
  out.data_provenance = string_at(*data, "provenance");
  out.train_checksum = string_at(*data, "train_checksum");
  out.test_checksum = string_at(*data, "test_checksum");
  out.has_data_set = !(out.data_provenance + out.train_checksum + out.test_checksum).empty();
  return out;
}

/// Which function's Hessian was measured, where a normalisation makes two of one loss.
void read_hessian(Run& run) {
  const std::string mode = run.settings.text("model.norm_mode");
  if (mode.empty() || run.top_asked.value_or(1) + run.bottom_asked.value_or(1) <= 0) return;
  run.evaluation_hessian = mode == "evaluation";
  run.hessian_of = run.evaluation_hessian
                       ? "the loss in evaluation mode, for comparison: not the function that is descended, to which "
                         "the threshold belongs"
                       : "the loss in training mode, by ghost groups: the function that is descended";
}

/// Steps between two rows; absent if only the run knew how many updates an epoch has.
std::optional<double> steps_between_rows(const Run& run) {
  const Settings& s = run.settings;
  if (const auto steps = s.number("measure.row_every")) return steps;
  if (s.number("training.batch").value_or(0) == 0) return 1;
  const auto rows = s.number("measure.every");
  if (run.account.measured_every && rows && *rows > 0) return *run.account.measured_every / *rows;
  return {};
}

void apply_settings(Run& run) {
  const Settings& s = run.settings;
  run.learning_rate = s.number("training.learning_rate");
  run.planned_steps = s.number("training.steps");
  run.forked_at = s.number("fork.at_step");
  run.tolerance = s.number("measure.tolerance").value_or(1e-3);
  if (s.text("measure.accuracy") == "value") run.tolerance = std::max(run.tolerance, std::sqrt(run.tolerance / 10));
  run.top_asked = s.number("measure.top");
  run.bottom_asked = s.number("measure.bottom");
  run.row_every = steps_between_rows(run);
  run.every = run.account.measured_every ? run.account.measured_every : s.number("measure.every");
  if (!run.account.measured_every && run.every && run.row_every) *run.every *= *run.row_every;
  if (const auto rule = s.text("training.rule"); !rule.empty()) run.rule = rule;
  const RuleKind* kind = find_kind(rule_kinds(), run.rule);
  run.preconditioned = kind && kind->preconditions;
  run.has_data_set = run.account.has_data_set.value_or(s.text("model.name") != "dln");
  run.diverged_at = run.account.diverged_at;
  run.unfinished = run.account.status == "running" || run.account.status == "interrupted";
  read_hessian(run);
}

bool is_true(const std::string& cell) { return cell == "true" || cell == "1" || cell == "yes"; }

void read_events(Run& run, const fs::path& folder) {
  const auto text = read_file(folder / "events.csv");
  if (!text || text->empty()) {
    run.notes.push_back("There is no events.csv: no events recorded, and no instability is shaded.");
    return;
  }
  const Table table = parse_csv(*text);
  const auto entry = table.numbers("entry"), resolution = table.numbers("resolution"), length = table.numbers("length");
  if (!entry) {
    run.notes.push_back("events.csv has no column “entry”: no events recorded, and no instability is shaded.");
    return;
  }
  run.has_events = true;
  std::ranges::move(damage_of(folder / "events.csv", table, {"entry", "resolution", "length"}),
                    std::back_inserter(run.damage));
  const auto is_long = table.find("long"), open = table.find("open");
  if (!is_long) run.notes.push_back("events.csv does not say which instabilities are long.");
  std::int64_t unreadable = std::ssize(table.misshapen);
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (!entry->values[row] || !std::isfinite(*entry->values[row])) {
      ++unreadable;
      continue;
    }
    InstabilityRow event;
    event.entry = *entry->values[row];
    if (resolution) event.resolution = resolution->values[row];
    if (length) event.length = length->values[row];
    event.is_long = is_long && is_true(table.rows[row][*is_long]);
    event.open = open ? is_true(table.rows[row][*open]) : !event.resolution;
    run.instabilities.push_back(event);
  }
  if (unreadable > 0) {
    run.notes.push_back("events.csv: " + counted(unreadable, "line is", "lines are") + " unreadable and left out.");
  }
}

/// A column of which nothing is known but its name has a panel of its own. Eigenvalues belong to the charts that know them.
brink::Column undescribed(const Table& table, const std::string& name) {
  brink::Column out{name, "", "", {}};
  const auto numbers = table.numbers(name);
  const bool any = std::ranges::any_of(numbers->values, [](const auto& value) { return value.has_value(); });
  const bool all_words = !table.rows.empty() && numbers->unreadable == static_cast<std::int64_t>(table.rows.size());
  if (all_words) out.unit = "text";
  if (name == "lambda_min") out.chart.panel = "smallest eigenvalue";
  if (any && name != "step" && !name.starts_with("lambda_") && !name.starts_with("residual_")) out.chart.panel = name;
  return out;
}

/// What run.json says of the columns; for a folder without that, their names.
std::vector<brink::Column> schema_of(const nlohmann::json& json, const Table& table, std::vector<std::string>& notes) {
  if (const auto list = json.find("columns"); list != json.end()) {
    try {
      return columns_from_json(*list);
    } catch (const DataError& error) {
      notes.push_back("The description of the columns in run.json cannot be used: " + std::string(error.what()) + ".");
    }
  }
  notes.push_back(
      "run.json does not say what the columns of metrics.csv are: each is drawn by its name, and no "
      "stability threshold.");
  std::vector<brink::Column> out;
  for (const std::string& name : table.header)
    if (std::ranges::find(out, name, &brink::Column::name) == out.end()) out.push_back(undescribed(table, name));
  return out;
}

void add_name(std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; }

/// Each described column of numbers, and names of what is missing, unreadable or not described.
void read_columns(Run& run, const Table& table, const std::vector<std::size_t>& kept) {
  std::string unreadable, absent, foreign;
  for (const auto& name : table.header) {
    const brink::Column* described = run.described(name);
    if (!described) add_name(foreign, name);
    if (name == "step" || (described && described->unit == "text") || run.columns.contains(name)) continue;
    const auto column = table.numbers(name);
    auto& values = run.columns[name];
    for (std::size_t row : kept) values.push_back(column->values[row]);
    if (column->unreadable > 0) add_name(unreadable, name + " (" + std::to_string(column->unreadable) + ")");
  }
  for (const brink::Column& column : run.schema)
    if (!table.find(column.name)) add_name(absent, column.name);
  if (!unreadable.empty())
    run.notes.push_back("metrics.csv: cells that are not numbers, left out: " + unreadable + ".");
  if (!absent.empty()) run.notes.push_back("metrics.csv has no column: " + absent + ".");
  if (!foreign.empty())
    run.notes.push_back("metrics.csv has columns that run.json does not describe, so they are not drawn: " + foreign +
                        ".");
}

void read_metrics(Run& run, const fs::path& folder, const nlohmann::json& json) {
  const fs::path path = folder / "metrics.csv";
  auto text = read_file(path);
  if (!text) throw ReportError(path.generic_string() + ": cannot be read; this is not a run folder");
  if (run.account.status == "running") text->resize(text->rfind('\n') + 1);  // a row may be half written
  Table table = parse_csv(*text);
  const auto steps = table.numbers("step");
  if (!steps) throw ReportError(path.generic_string() + ": expected a column “step” in the header, found none");

  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto& step = steps->values[row];
    if (!step || !std::isfinite(*step) || (!run.step.empty() && *step <= run.step.back())) continue;
    run.step.push_back(*step);
    kept.push_back(row);
  }
  const auto lost = std::ssize(table.misshapen) + static_cast<std::int64_t>(table.rows.size() - kept.size());
  if (lost > 0) {
    run.notes.push_back("metrics.csv: " + counted(lost, "line is", "lines are") +
                        " left out, being damaged or out of order.");
  }
  run.schema = schema_of(json, table, run.notes);
  read_columns(run, table, kept);
  std::vector<std::string> numbers{"step"};
  for (const std::string& name : table.header)
    if (run.columns.contains(name)) numbers.push_back(name);
  std::ranges::move(damage_of(path, table, numbers), std::back_inserter(run.damage));
  if (const auto digest = table.find("digest"); digest && !kept.empty()) {
    run.final_digest = table.rows[kept.back()][*digest];
  }
  while (run.columns.contains("lambda_" + std::to_string(run.top + 1))) ++run.top;
}

/// What run.json says against what the other files hold.
void compare_accounts(Run& run) {
  const auto held = static_cast<std::int64_t>(run.instabilities.size());
  if (run.has_events && run.account.instabilities && *run.account.instabilities != held) {
    run.notes.push_back("run.json counts " + std::to_string(*run.account.instabilities) +
                        " instabilities, events.csv holds " + std::to_string(held) + ".");
  }
  const std::string& digest = run.account.final_digest;
  if (!digest.empty() && !run.final_digest.empty() && digest != run.final_digest) {
    run.notes.push_back("The final digest in run.json is " + digest + ", that of the last row of metrics.csv is " +
                        run.final_digest + ".");
  }
}

/// t = Σ η over the steps before each row.
void add_time(Run& run) {
  if (run.forked_at.value_or(0) > 0) return;  // the steps before are the parent's
  double sum = 0;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (row > 0) {
      const auto eta = run.columns.contains("learning_rate") ? run.at("learning_rate", row - 1) : run.learning_rate;
      if (!eta || !(*eta >= 0) || !std::isfinite(*eta)) {
        run.time.clear();
        return;
      }
      sum += *eta * (run.step[row] - run.step[row - 1]);
    }
    run.time.push_back(sum);
  }
}

}  // namespace

bool Run::measured(const std::string& column) const {
  const auto at = columns.find(column);
  return at != columns.end() &&
         std::any_of(at->second.begin(), at->second.end(), [](auto& v) { return v.has_value(); });
}

std::optional<double> Run::at(const std::string& column, std::size_t row) const {
  const auto found = columns.find(column);
  return found == columns.end() ? std::nullopt : found->second[row];
}

std::string bound_column(int index) { return index == 0 ? "lambda_min_lower" : index == 1 ? "lambda_1_upper" : ""; }

std::string column_suffix(int index) { return index == 0 ? "min" : std::to_string(index); }

// Certified: the residual is at most the tolerance times the largest |eigenvalue| recorded in the row.
std::optional<EigenvalueCell> Run::eigenvalue(int index, std::size_t row) const {
  const auto value = at("lambda_" + column_suffix(index), row);
  if (!value) return std::nullopt;
  const double residual =
      at("residual_" + column_suffix(index), row).value_or(std::numeric_limits<double>::quiet_NaN());
  double largest = at("scale", row).value_or(0);
  for (int i = 0; i <= top; ++i) {
    if (const auto other = at("lambda_" + column_suffix(i), row); other && std::isfinite(*other)) {
      largest = std::max(largest, std::fabs(*other));
    }
  }
  return EigenvalueCell{*value, residual, largest, std::isfinite(*value) && residual <= tolerance * largest};
}

std::optional<double> Run::threshold(std::size_t row) const {
  const brink::Column* first = described("lambda_1");
  if (!first) return std::nullopt;
  if (const auto* column = std::get_if<std::string>(&first->chart.reference)) return at(*column, row);
  const auto* value = std::get_if<double>(&first->chart.reference);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<EigenvalueCell> Run::sharpness(std::size_t row) const {
  if (!preconditioned) return eigenvalue(1, row);
  const auto value = at("lambda_eff", row);
  if (!value) return std::nullopt;
  const double residual = at("residual_eff", row).value_or(std::numeric_limits<double>::quiet_NaN()),
               largest = at("scale_eff", row).value_or(0);
  return EigenvalueCell{*value, residual, largest, std::isfinite(*value) && residual <= tolerance * largest};
}

std::string Run::threshold_name() const {
  const brink::Column* first = described(preconditioned ? "lambda_eff" : "lambda_1");
  return first && !first->chart.reference_name.empty() ? first->chart.reference_name : "the threshold";
}

const brink::Column* Run::described(const std::string& column) const {
  const auto at = std::find_if(schema.begin(), schema.end(), [&](const brink::Column& c) { return c.name == column; });
  return at == schema.end() ? nullptr : &*at;
}

Run read_run(const fs::path& folder) {
  Run run;
  run.name =
      folder.filename().empty() ? folder.parent_path().filename().generic_string() : folder.filename().generic_string();
  if (run.name.empty()) run.name = folder.generic_string();
  const nlohmann::json json = read_json(folder, run.notes);
  run.account = account_of(json);
  // A process that was killed has left its record as it was. One that has just begun has none yet, and may have been killed then.
  const bool begun = run.account.status.empty() && RunFolder::look(folder.string()) == RunFolder::Opened::unfinished;
  const bool in_use = (run.account.status == "running" || begun) && RunFolder::is_in_use(folder.string());
  if (in_use)
    run.account.status = "running";
  else if (run.account.status == "running" || begun)
    run.account.status = "interrupted";
  run.settings = read_settings(folder, run.notes);
  apply_settings(run);
  read_metrics(run, folder, json);
  add_time(run);
  read_events(run, folder);
  run.spectra = read_spectra(folder, run.notes);
  compare_accounts(run);
  return run;
}

}  // namespace brink::report
