// SPDX-License-Identifier: MIT
// What it is: reading a run folder. What it is not: strict about the config: `brink train` has checked it already.
// Decision: certified means residual ≤ tolerance · the largest |eigenvalue| recorded in the row; without a recorded
// residual nothing is certified.
#include "tools/report/run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tools/report/error.h"
#include "tools/report/text.h"
#include "training/errors.h"
#include "training/io/json.h"
#include "training/io/toml.h"

namespace brink::report {
namespace {

namespace fs = std::filesystem;

/// A config value as text: numbers in shortest form, arrays joined by '-'. Empty if absent or a table.
std::string text_of(const toml::node* node) {
  if (!node) return {};
  if (const auto* s = node->as_string()) return s->get();
  if (const auto* i = node->as_integer()) return std::to_string(i->get());
  if (const auto* x = node->as_floating_point()) return shortest(x->get());
  if (const auto* b = node->as_boolean()) return b->get() ? "true" : "false";
  std::string out;
  if (const auto* array = node->as_array()) {
    for (const auto& element : *array) out += (out.empty() ? "" : "-") + text_of(&element);
  }
  return out;
}

class Config {
 public:
  explicit Config(toml::table table) : table_(std::move(table)) {}
  std::string text(std::string_view key) const { return text_of(table_.at_path(key).node()); }
  std::optional<double> number(std::string_view key) const { return table_.at_path(key).value<double>(); }
  bool has_changes() const { return table_.at_path("training.change").is_array(); }

 private:
  toml::table table_;
};

Config read_config(const fs::path& folder, std::vector<std::string>& notes) {
  const auto text = read_file(folder / "config.toml");
  if (!text) {
    notes.push_back("There is no config.toml: data, network and hyperparameters are not known.");
    return Config({});
  }
  try {
    return Config(parse_toml(*text));
  } catch (const toml::parse_error& error) {
    notes.push_back("config.toml cannot be read: " + std::string(error.description()) + ".");
    return Config({});
  }
}

nlohmann::json read_provenance(const fs::path& folder, std::vector<std::string>& notes) {
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

void add_fact(Run& run, std::string label, std::string value) {
  if (!value.empty()) run.facts.emplace_back(std::move(label), std::move(value));
}

std::string joined(std::initializer_list<std::string> parts, std::string_view separator = ", ") {
  std::string out;
  for (const auto& part : parts) {
    if (!part.empty()) out += (out.empty() ? "" : std::string(separator)) + part;
  }
  return out;
}

std::string labelled(std::string_view before, const std::string& value, std::string_view after = "") {
  return value.empty() ? "" : std::string(before) + value + std::string(after);
}

/// A VGG by the number of its layers: three convolutions a block and the dense one.
std::string network_name(const Config& config) {
  const std::string channels = config.text("model.channels");
  std::string model = config.text("model.name");
  if (model != "vgg" || channels.empty()) return model;
  const auto blocks = std::ranges::count(channels, '-') + 1;
  return "VGG" + std::to_string(3 * blocks + 1) + " (" + channels + ")";
}

std::string short_group(const Config& config) {
  const std::string rule = config.text("model.short_group");
  return rule == "keep" ? "a short last one kept" : rule == "join" ? "a short last one joined to the one before" : "";
}

/// Which function's Hessian was measured, where a normalisation makes two of one loss.
void describe_hessian(Run& run, const Config& config) {
  const std::string mode = config.text("model.norm_mode");
  const bool measured = config.number("measure.top").value_or(1) + config.number("measure.bottom").value_or(1) > 0;
  if (mode.empty() || !measured) return;
  run.evaluation_hessian = mode == "evaluation";
  run.hessian_of = run.evaluation_hessian
                       ? "the loss in evaluation mode, for comparison: not the function that is descended, for which "
                         "2/η is the threshold"
                       : "the loss in training mode, by ghost groups: the function that is descended";
  if (run.evaluation_hessian) run.title += ", Hessian in evaluation mode (for comparison)";
}

void describe(Run& run, const Config& config, const nlohmann::json& provenance) {
  const std::string data = config.text("data.name"), model = config.text("model.name");
  run.title = data.empty() && model.empty() ? run.name : joined({model, data}, " on ");
  describe_hessian(run, config);
  run.learning_rate = config.number("training.learning_rate");
  run.planned_steps = config.number("training.steps");
  run.tolerance = config.number("measure.tolerance").value_or(1e-3);
  if (const auto rule = config.text("training.rule"); !rule.empty()) run.rule = rule;
  const auto count = provenance.find("parameters");
  const std::string parameters = count != provenance.end() && count->is_number_integer() ? count->dump() : "";
  add_fact(
      run, "Data",
      joined({data, labelled("", config.text("data.train"), " training samples"),
              labelled("", config.text("data.test"), " test samples"), labelled("seed ", config.text("data.seed"))}));
  add_fact(
      run, "Network",
      joined({network_name(config), labelled("hidden ", config.text("model.hidden")), config.text("model.activation"),
              labelled("filters ", config.text("model.filters")), labelled("dense ", config.text("model.dense")),
              labelled("widths ", config.text("model.widths")),
              labelled("ghost groups of ", config.text("model.ghost_batch")), short_group(config),
              labelled("", config.text("model.init"), " initialisation"), labelled("", parameters, " parameters")}));
  add_fact(
      run, "Training",
      joined({config.text("training.rule"), labelled("loss ", config.text("training.loss")),
              labelled("", config.text("training.steps"), " steps"), labelled("seed ", config.text("training.seed"))}));
  add_fact(run, "Hessian of", run.hessian_of);
  if (run.learning_rate) {
    const double eta = *run.learning_rate;
    add_fact(run, "Step size",
             "η = " + shortest(eta) + labelled(", 2/η = ", eta > 0 ? readable(2 / eta, 4) : "") +
                 (config.has_changes() ? ", with changes during the run" : ""));
  }
  add_fact(run, "Arithmetic",
           joined({config.text("run.precision"), config.text("run.arithmetic"), config.text("run.device")}));
  if (const auto record = provenance.find("data"); record != provenance.end()) {
    add_fact(run, "Data source",
             joined({string_at(*record, "provenance"), labelled("training set ", string_at(*record, "train_checksum")),
                     labelled("test set ", string_at(*record, "test_checksum"))}));
  }
  const std::string version = string_at(provenance, "brink");
  add_fact(run, "brink", version.empty() ? string_at(provenance, "version") : version);
  if (const auto at = provenance.find("diverged_at"); at != provenance.end() && at->is_number()) {
    run.diverged_at = at->get<double>();
  }
  run.unfinished = string_at(provenance, "status") == "running";
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
  const auto is_long = table.find("long"), open = table.find("open");
  if (!is_long) run.notes.push_back("events.csv does not say which instabilities are long.");
  std::int64_t unreadable = table.misshapen;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (!entry->values[row] || !std::isfinite(*entry->values[row])) {
      ++unreadable;
      continue;
    }
    Instability event;
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

void read_metrics(Run& run, const fs::path& folder) {
  const fs::path path = folder / "metrics.csv";
  const auto text = read_file(path);
  if (!text) throw ReportError(path.generic_string() + ": cannot be read; this is not a run folder");
  Table table = parse_csv(*text);
  const auto steps = table.numbers("step");
  if (!steps) throw ReportError(path.generic_string() + ": no column “step” in the header");

  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto& step = steps->values[row];
    if (!step || !std::isfinite(*step) || (!run.step.empty() && *step <= run.step.back())) continue;
    run.step.push_back(*step);
    kept.push_back(row);
  }
  const auto lost = table.misshapen + static_cast<std::int64_t>(table.rows.size() - kept.size());
  if (lost > 0) {
    run.notes.push_back("metrics.csv: " + counted(lost, "line is", "lines are") +
                        " left out, being damaged or out of order.");
  }
  std::string unreadable;
  for (const auto& name : table.header) {
    if (name == "step" || name == "digest" || name == "hessian_of" || run.columns.contains(name)) continue;
    const auto column = table.numbers(name);
    auto& values = run.columns[name];
    for (std::size_t row : kept) values.push_back(column->values[row]);
    if (column->unreadable > 0) {
      unreadable += (unreadable.empty() ? "" : ", ") + name + " (" + std::to_string(column->unreadable) + ")";
    }
  }
  if (!unreadable.empty())
    run.notes.push_back("metrics.csv: cells that are not numbers, left out: " + unreadable + ".");
  if (const auto digest = table.find("digest"); digest && !kept.empty()) {
    run.final_digest = table.rows[kept.back()][*digest];
  }
  while (run.columns.contains("lambda_" + std::to_string(run.top + 1))) ++run.top;
  run.has_bottom = run.measured("lambda_min");

  std::string absent;
  for (const char* name : {"loss", "train_accuracy", "test_accuracy", "learning_rate", "gradient_norm", "products",
                           "surplus", "jump", "period2_distance"}) {
    if (!run.columns.contains(name)) absent += (absent.empty() ? "" : ", ") + std::string(name);
  }
  if (!absent.empty()) run.notes.push_back("metrics.csv has no column: " + absent + ".");
}

/// What run.json says of itself against what the other files hold.
void compare_accounts(Run& run, const nlohmann::json& provenance) {
  const auto said = provenance.find("instabilities");
  const auto held = static_cast<std::int64_t>(run.instabilities.size());
  if (run.has_events && said != provenance.end() && said->is_number_integer() && said->get<std::int64_t>() != held) {
    run.notes.push_back("run.json counts " + said->dump() + " instabilities, events.csv holds " + std::to_string(held) +
                        ".");
  }
  const std::string digest = string_at(provenance, "final_digest");
  if (!digest.empty() && !run.final_digest.empty() && digest != run.final_digest) {
    run.notes.push_back("The final digest in run.json is " + digest + ", that of the last row of metrics.csv is " +
                        run.final_digest + ".");
  }
}

/// t = Σ η over the steps before each row.
void add_time(Run& run) {
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

std::optional<Eigenvalue> Run::eigenvalue(int index, std::size_t row) const {
  const auto suffix = [](int i) { return i == 0 ? std::string("min") : std::to_string(i); };
  const auto value = at("lambda_" + suffix(index), row);
  if (!value) return std::nullopt;
  const double residual = at("residual_" + suffix(index), row).value_or(std::numeric_limits<double>::quiet_NaN());
  double largest = at("scale", row).value_or(0);
  for (int i = 0; i <= top; ++i) {
    if (const auto other = at("lambda_" + suffix(i), row); other && std::isfinite(*other)) {
      largest = std::max(largest, std::fabs(*other));
    }
  }
  return Eigenvalue{*value, residual, largest, std::isfinite(*value) && residual <= tolerance * largest};
}

Run read_run(const fs::path& folder) {
  Run run;
  run.name =
      folder.filename().empty() ? folder.parent_path().filename().generic_string() : folder.filename().generic_string();
  if (run.name.empty()) run.name = folder.generic_string();
  read_metrics(run, folder);
  const Config config = read_config(folder, run.notes);
  const nlohmann::json provenance = read_provenance(folder, run.notes);
  describe(run, config, provenance);
  add_time(run);
  read_events(run, folder);
  compare_accounts(run, provenance);
  return run;
}

}  // namespace brink::report
