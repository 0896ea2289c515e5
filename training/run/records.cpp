// SPDX-License-Identifier: MIT
#include "training/run/records.h"

#include <sys/utsname.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "kernels/isa.h"
#include "spectral/two_sided.h"
#include "training/build_info.h"
#include "training/errors.h"
#include "training/io/json.h"
#include "training/io/text.h"
#include "training/run/columns_json.h"
#include "training/run/plan_in_words.h"

namespace brink {

namespace {

template <class T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

/// A TOML value of a key as JSON, which has no infinity: that stays a text.
nlohmann::ordered_json json_value(const std::string& toml) {
  try {
    return parse_ordered_json("a value", toml);
  } catch (const DataError&) { return toml; }
}

/// Each change: when it was to apply, the step at which it did (null: not yet, or never), and what it set.
nlohmann::ordered_json changes_json(const Config& c, const RunRecord& r) {
  auto out = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < c.training.changes.size(); ++i) {
    const Config::Change& change = *c.training.changes[i];
    nlohmann::ordered_json j;
    j["step"] = i < r.changed_at.size() ? or_null(r.changed_at[i]) : nlohmann::ordered_json();
    if (change.at_step)
      j["at_step"] = *change.at_step;
    else
      j["at_accuracy"] = *change.at_accuracy;
    for (const auto& [key, value] : change.set) j["set"][key] = json_value(value);
    j["words"] = in_words(change);
    out.push_back(std::move(j));
  }
  return out;
}

nlohmann::ordered_json early_stopping_json(const EarlyStopping& e) {
  const auto at = [](const EarlyStopping::At& row) {
    nlohmann::ordered_json j{{"step", row.step}};
    for (const auto& [name, value] : row.metrics) j[name] = value;
    return j;
  };
  nlohmann::ordered_json j = at(e.stop);
  j["reversal"] = or_null(e.reversal);
  j["at_the_end"] = at(e.end);
  return j;
}

}  // namespace

std::vector<Column> metrics_columns(const Row& row) {
  std::vector<Column> out{{"step", "updates", "updates made before this row", {}}};
  out.insert(out.end(), row.columns().begin(), row.columns().end());
  return out;
}

std::string metrics_header(const Row& row) {
  std::string out;
  for (const Column& c : metrics_columns(row)) out += (out.empty() ? "" : ",") + c.name;
  return out + "\n";
}

void append_row(std::string& out, const Row& row) {
  append_number(out, row.step);
  for (const Cell& cell : row.cells()) {
    out += ',';
    std::visit(
        [&]<class T>(const T& x) {
          if constexpr (std::is_same_v<T, bool>)
            out += x ? '1' : '0';
          else if constexpr (std::is_same_v<T, std::string>)
            out += x;
          else if constexpr (!std::is_same_v<T, std::monostate>)
            append_number(out, x);
        },
        cell);
  }
  out += '\n';
}

std::string spectra_header() { return "step,index,lambda,residual,branch\n"; }

void append_spectrum(std::string& out, const Observed& seen) {
  for (std::size_t i = 0; i < seen.branches.size(); ++i) {
    append_number(out, seen.step);
    append_number(out += ',', static_cast<std::int64_t>(i) + 1);
    for (const double x : {seen.spectrum.top[i].value, seen.spectrum.top[i].residual}) append_number(out += ',', x);
    append_number(out += ',', seen.branches[i]);
    out += '\n';
  }
}

std::string timing_header() { return "step,elapsed_ms,gradient_ms,spectrum_ms,products_ms,evaluation_ms\n"; }

void append_row(std::string& out, const TimingRow& r) {
  append_number(out, r.step);
  for (const double x : {r.elapsed_ms, r.gradient_ms, r.spectrum_ms, r.products_ms, r.evaluation_ms}) {
    out += ',';
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, 3);
    out.append(text, end.ec == std::errc{} ? end.ptr : text);
  }
  out += '\n';
}

std::string run_json(const Config& c, const RunRecord& r) {
  nlohmann::ordered_json j;
  j["version"] = build_info().version;
  j["status"] = r.status;
  if (!r.interrupted_because.empty()) j["interrupted_because"] = r.interrupted_because;
  j["config_hash"] = config_hash(c);
  j["settings"] = settings_of(c);
  j["data"] = nullptr;
  if (has_data(c))
    j["data"] = {{"provenance", r.data_provenance},
                 {"train_checksum", r.train_checksum},
                 {"test_checksum", text_or_null(r.test_checksum)}};
  if (!c.start_file.empty()) j["start"] = {{"file", c.start_file}, {"digest", r.start_digest}};
  if (is_normalised(c.model) && measures_spectrum(c))
    j["hessian_of"] = has_evaluation_hessian(c)
                          ? "the loss in evaluation mode, for comparison: not the function that is descended"
                          : "the loss in training mode, by ghost groups: the function that is descended";
  j["parameters"] = r.parameters;
  j["steps_done"] = or_null(r.steps_done);
  j["diverged_at"] = or_null(r.diverged_at);
  if (c.training.complete_accuracy) j["completed_at"] = or_null(r.completed_at);
  if (!c.training.changes.empty()) j["changes"] = changes_json(c, r);
  if (r.early_stopping) j["early_stopping"] = early_stopping_json(*r.early_stopping);
  j["instabilities"] = or_null(r.instabilities);
  j["long_instabilities"] = or_null(r.long_instabilities);
  j["crossings"] = or_null(r.crossings);
  j["measured_steps"] = or_null(r.measured_steps);
  j["converged_steps"] = or_null(r.converged_steps);
  j["measured_every"] =
      measures_spectrum(c) ? nlohmann::ordered_json(steps_between_measurements(c)) : nlohmann::ordered_json();
  j["lambda_1_steps"] = or_null(r.lambda_1_steps);
  j["lambda_1_certified_steps"] = or_null(r.lambda_1_certified_steps);
  j["products"] = or_null(r.products);
  if (r.random_starts)
    j["bounds"] = {{"random_starts", *r.random_starts},
                   {"probability_per_start", bound_probability},
                   {"probability_of_a_column", static_cast<double>(*r.random_starts) * bound_probability}};
  j["final_digest"] = text_or_null(r.final_digest);
  for (const RecordedFile& file : r.files) j["files"][file.name] = {{"bytes", file.bytes}, {"hash", file.hash}};
  j["threads"] = r.threads;
  j["device"] = r.device;
  const bool data = has_data(c);
  j["chunk_samples"] = data ? nlohmann::ordered_json(r.chunk_samples) : nlohmann::ordered_json();
  j["blocks"] = data ? nlohmann::ordered_json(r.blocks) : nlohmann::ordered_json();
  if (r.kept_blocks) j["kept_blocks"] = *r.kept_blocks;
  j["arithmetic"] = {{"kind", c.run.arithmetic == Arithmetic::exact ? "exact" : "vendor"},
                     {"library", text_or_null(r.vendor)},
                     {"portable_bits", c.run.arithmetic == Arithmetic::exact}};
  j["build"] = {{"compiler", build_info().compiler}, {"flags", build_info().flags}, {"cuda", has_cuda}};
  utsname machine{};
  if (uname(&machine) == 0)
    j["machine"] = {{"host", machine.nodename},         {"system", machine.sysname},
                    {"release", machine.release},       {"architecture", machine.machine},
                    {"processor", processor_name()},    {"threads", available_threads()},
                    {"instruction_set", name_of(isa())}};
  j["started"] = r.started;
  j["ended"] = text_or_null(r.ended);
  if (!r.resumed_at.empty()) j["resumed_at"] = r.resumed_at;
  j["columns"] = columns_to_json(r.columns);
  // A host name need not be UTF-8; what is not becomes U+FFFD rather than an error.
  return j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string utc_now() {
  using namespace std::chrono;
  const auto now = floor<seconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  std::string out;
  const auto add = [&out](auto value, std::size_t width, char after) {
    const std::string digits = number_text(value);
    out += std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits + after;
  };
  add(static_cast<int>(date.year()), 4, '-');
  add(static_cast<unsigned>(date.month()), 2, '-');
  add(static_cast<unsigned>(date.day()), 2, 'T');
  add(time.hours().count(), 2, ':');
  add(time.minutes().count(), 2, ':');
  add(time.seconds().count(), 2, 'Z');
  return out;
}

}  // namespace brink
