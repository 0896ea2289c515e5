// SPDX-License-Identifier: MIT
#include "tools/report/measured.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "tools/report/csv.h"
#include "tools/report/damage.h"
#include "tools/report/text.h"
#include "training/errors.h"
#include "training/io/json.h"
#include "training/replay/measure.h"
#include "training/run/columns_json.h"

namespace brink::report {
namespace {

namespace fs = std::filesystem;
using Cells = std::vector<std::optional<double>>;

/// One table, its rows as the run has them.
struct Measured {
  std::string file, short_name;  // "measured/0123….csv", "012345"
  std::string settings;          // "measure.top = 2 (there 1)"
  std::vector<brink::Column> columns;
  Table table;
  std::vector<double> steps;         // of each row
  std::vector<std::size_t> run_row;  // of each row
};

/// Throws DataError, without the name of the table.
Measured read_table(const fs::path& path) {
  Measured out;
  out.file = (path.parent_path().filename() / path.filename()).generic_string();
  constexpr std::size_t short_length = 6;
  out.short_name = path.stem().string().substr(0, short_length);
  const auto about = read_file(fs::path(path).replace_extension(".json"));
  if (!about) throw DataError("its description is not there; the same `brink measure` again completes it");
  const auto json = parse_json("its description", *about);
  const auto list = json.is_object() ? json.find("columns") : json.end();
  if (list == json.end()) throw DataError("its description has no columns");
  out.columns = columns_from_json(*list);
  if (const auto settings = json.find("settings"); settings != json.end() && settings->is_array())
    for (const auto& setting : *settings)
      if (setting.is_string()) out.settings += (out.settings.empty() ? "" : ", ") + setting.get<std::string>();
  const auto text = read_file(path);
  if (!text) throw DataError("it cannot be read");
  out.table = parse_csv(*text);
  const auto steps = out.table.numbers("step");
  if (!steps) throw DataError("it has no column “step”");
  for (const auto& step : steps->values) {
    if (!step || !std::isfinite(*step) || (!out.steps.empty() && *step <= out.steps.back()))
      throw DataError("its steps do not ascend");
    out.steps.push_back(*step);
  }
  if (out.steps.empty()) throw DataError("it has no rows");
  return out;
}

/// A row of the run for a step that metrics.csv does not have, between two others.
void insert_row(Run& run, std::size_t row, double step) {
  const auto at = static_cast<std::ptrdiff_t>(row);
  if (!run.time.empty()) {
    const double before = run.step[row - 1], share = (step - before) / (run.step[row] - before);
    run.time.insert(run.time.begin() + at, run.time[row - 1] + share * (run.time[row] - run.time[row - 1]));
  }
  run.step.insert(run.step.begin() + at, step);
  for (auto& [name, cells] : run.columns) cells.insert(cells.begin() + at, std::nullopt);
}

void find_rows(Run& run, Measured& m) {
  for (const double step : m.steps) {
    const auto row = static_cast<std::size_t>(std::ranges::lower_bound(run.step, step) - run.step.begin());
    if (row == run.step.size() || (row == 0 && run.step[row] != step))
      throw DataError("step " + shortest(step) + " is not one of the run");
    if (run.step[row] != step) insert_row(run, row, step);
    m.run_row.push_back(row);
  }
}

Cells cells_of(const Run& run, const Measured& m, const std::string& column) {
  Cells out(run.step.size());
  const auto numbers = m.table.numbers(column);
  if (numbers)
    for (std::size_t i = 0; i < m.run_row.size(); ++i) out[m.run_row[i]] = numbers->values[i];
  return out;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool contradicts(const Cells& recorded, const Cells& measured) {
  for (std::size_t row = 0; row < measured.size(); ++row)
    if (recorded[row] && measured[row] && !same(*recorded[row], *measured[row])) return true;
  return false;
}

/// The names of the columns of the table that are drawn beside the run's own, because they have other values.
std::vector<std::string> apart(const Run& run, const Measured& m) {
  std::vector<std::string> out;
  const bool any = std::ranges::any_of(m.columns, [&](const brink::Column& c) {
    return run.columns.contains(c.name) && contradicts(run.columns.at(c.name), cells_of(run, m, c.name));
  });
  for (const brink::Column& c : m.columns)
    if (any && run.columns.contains(c.name)) out.push_back(c.name);
  return out;
}

void add_columns(Run& run, const Measured& m) {
  const std::vector<std::string> other = apart(run, m);
  const auto named = [&](const std::string& name) {
    return std::ranges::find(other, name) == other.end() ? name : m.short_name + ":" + name;
  };
  for (brink::Column column : m.columns) {
    if (column.name == "step" || column.unit == "text") continue;
    Cells cells = cells_of(run, m, column.name);
    const std::string name = named(column.name);
    if (name != column.name && !column.chart.panel.empty()) column.chart.panel += ", measured again";
    column.name = name;
    if (!column.chart.error.empty()) column.chart.error = named(column.chart.error);
    if (auto* reference = std::get_if<std::string>(&column.chart.reference)) *reference = named(*reference);
    if (const auto [at, fresh] = run.columns.try_emplace(name, cells); !fresh) {
      for (std::size_t row = 0; row < cells.size(); ++row)
        if (!at->second[row]) at->second[row] = cells[row];
    }
    if (!run.described(name)) run.schema.push_back(std::move(column));
  }
  while (run.columns.contains("lambda_" + std::to_string(run.top + 1))) ++run.top;
  run.added.push_back(
      m.file + ", " + counted(std::ssize(m.steps), "row", "rows") + " of steps " + shortest(m.steps.front()) + " to " +
      shortest(m.steps.back()) + (m.settings.empty() ? "" : ", with " + m.settings) + "." +
      (other.empty()
           ? ""
           : " Columns whose values differ from the run's own are drawn apart, as " + m.short_name + ":NAME."));
}

}  // namespace

void add_measured(Run& run, const fs::path& folder) {
  if (run.step.empty()) return;
  std::vector<fs::path> tables;
  std::error_code none;
  for (fs::directory_iterator at(folder / measured_folder, none), end; !none && at != end; at.increment(none))
    if (at->path().extension() == ".csv") tables.push_back(at->path());
  std::ranges::sort(tables);
  for (const fs::path& path : tables) {
    try {
      Measured m = read_table(path);
      find_rows(run, m);
      add_columns(run, m);
      std::vector<std::string> numbers{"step"};
      for (const brink::Column& c : m.columns)
        if (c.name != "step" && c.unit != "text") numbers.push_back(c.name);
      std::ranges::move(damage_of(path, m.table, numbers), std::back_inserter(run.damage));
    } catch (const DataError& e) {
      run.notes.push_back((path.parent_path().filename() / path.filename()).generic_string() +
                          " is not drawn: " + e.what() + ".");
    }
  }
}

}  // namespace brink::report
