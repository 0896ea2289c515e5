// SPDX-License-Identifier: MIT
#include "training/run/columns_json.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {
namespace {

constexpr std::array<std::pair<std::string_view, ChartScale>, 3> scale_names{{
    {"linear", ChartScale::linear},
    {"log", ChartScale::logarithmic},
    {"symlog", ChartScale::symmetric_logarithmic},
}};

ChartScale scale_of(const std::string& text, const std::string& where) {
  for (const auto& [name, scale] : scale_names)
    if (name == text) return scale;
  throw DataError(where + ".scale: expected \"linear\", \"log\" or \"symlog\", found \"" + text + "\"");
}

std::string text_at(const nlohmann::json& entry, const char* field, const std::string& where, const char* otherwise) {
  const auto at = entry.find(field);
  if (at == entry.end() && otherwise != nullptr) return otherwise;
  if (at == entry.end() || !at->is_string())
    throw DataError(where + "." + field + ": expected a string, found " +
                    (at == entry.end() ? "nothing" : at->type_name()));
  return at->get<std::string>();
}

Column column_of(const nlohmann::json& entry, const std::string& where) {
  if (!entry.is_object()) throw DataError(where + ": expected an object, found " + entry.type_name());
  Column out{text_at(entry, "name", where, nullptr), text_at(entry, "unit", where, ""),
             text_at(entry, "meaning", where, "")};
  if (out.name.empty()) throw DataError(where + ".name: expected a column's name, found an empty string");
  out.chart.panel = text_at(entry, "panel", where, "");
  out.chart.scale = scale_of(text_at(entry, "scale", where, "linear"), where);
  out.chart.error = text_at(entry, "error", where, "");
  out.chart.reference_name = text_at(entry, "reference_name", where, "");
  out.chart.heat_map = text_at(entry, "heat_map", where, "");
  out.chart.label = text_at(entry, "label", where, "");
  const auto reference = entry.find("reference");
  if (reference == entry.end()) return out;
  if (reference->is_string()) {
    out.chart.reference = reference->get<std::string>();
  } else if (reference->is_number() && std::isfinite(reference->get<double>())) {
    out.chart.reference = reference->get<double>();
  } else {
    throw DataError(where + ".reference: expected a finite number or a column's name, found " + reference->type_name());
  }
  return out;
}

}  // namespace

nlohmann::ordered_json columns_to_json(std::span<const Column> columns) {
  auto out = nlohmann::ordered_json::array();
  for (const Column& column : columns) {
    nlohmann::ordered_json entry{
        {"name", column.name}, {"unit", column.unit}, {"meaning", column.meaning}, {"panel", column.chart.panel}};
    for (const auto& [name, scale] : scale_names)
      if (scale == column.chart.scale) entry["scale"] = name;
    if (const auto* value = std::get_if<double>(&column.chart.reference); value && std::isfinite(*value))
      entry["reference"] = *value;
    if (const auto* name = std::get_if<std::string>(&column.chart.reference)) entry["reference"] = *name;
    if (!column.chart.reference_name.empty()) entry["reference_name"] = column.chart.reference_name;
    if (!column.chart.error.empty()) entry["error"] = column.chart.error;
    if (!column.chart.heat_map.empty()) entry["heat_map"] = column.chart.heat_map;
    if (!column.chart.label.empty()) entry["label"] = column.chart.label;
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<Column> columns_from_json(const nlohmann::json& list) {
  if (!list.is_array()) throw DataError(std::string("columns: expected a list, found ") + list.type_name());
  std::vector<Column> out;
  std::set<std::string> names;
  for (const auto& entry : list) {
    const std::string where = "columns[" + number_text(out.size()) + "]";
    out.push_back(column_of(entry, where));
    if (!names.insert(out.back().name).second)
      throw DataError(where + ".name: \"" + out.back().name + "\" occurs twice; a name may be used once");
  }
  return out;
}

}  // namespace brink
