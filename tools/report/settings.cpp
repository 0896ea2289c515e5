// SPDX-License-Identifier: MIT
#include "tools/report/settings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "tools/report/csv.h"
#include "tools/report/text.h"
#include "training/io/text.h"
#include "training/io/toml.h"

namespace brink::report {
namespace {

std::string text_of(const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* x = node.as_floating_point())
    return std::isfinite(x->get()) ? concise(x->get()) : number_text(x->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  std::string out;
  if (const auto* array = node.as_array()) {
    for (const auto& element : *array) out += (out.empty() ? "" : "-") + text_of(element);
  }
  return out;
}

void flatten(const toml::table& table, const std::string& prefix, std::map<std::string, Setting>& out) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      flatten(*inner, name + ".", out);
    } else {
      Setting setting{text_of(node), std::nullopt};
      if (const auto number = node.value<double>(); node.is_number() && number && std::isfinite(*number))
        setting.number = number;
      out.emplace(name, std::move(setting));
    }
  }
}

/// What a run is comes before how it is measured.
std::size_t rank_of(std::string_view key) {
  constexpr std::array<std::string_view, 4> tables{"training.", "model.", "data.", "measure."};
  const auto at = std::find_if(tables.begin(), tables.end(), [&](auto table) { return key.starts_with(table); });
  return static_cast<std::size_t>(at - tables.begin());
}

bool changes_numbers(std::string_view key) {
  if (key == "data.directory") return false;
  if (key.starts_with("fork.")) return key == "fork.at_step";  // the others follow from it and from the parent
  return !key.starts_with("run.") || key == "run.precision" || key == "run.arithmetic";
}

}  // namespace

std::string Settings::text(std::string_view key) const {
  const auto at = by_key.find(std::string(key));
  return at == by_key.end() ? "" : at->second.text;
}

std::optional<double> Settings::number(std::string_view key) const {
  const auto at = by_key.find(std::string(key));
  return at == by_key.end() ? std::nullopt : at->second.number;
}

Settings read_settings(const std::filesystem::path& folder, std::vector<std::string>& notes) {
  Settings out;
  const auto text = read_file(folder / "config.toml");
  if (!text) {
    notes.push_back("There is no config.toml: the data, the network and the hyperparameters are not known.");
    return out;
  }
  try {
    flatten(parse_toml(*text), "", out.by_key);
  } catch (const toml::parse_error& error) {
    notes.push_back("config.toml cannot be read: " + std::string(error.description()) + ".");
  }
  return out;
}

std::vector<std::string> differing_keys(const std::vector<const Settings*>& all) {
  std::set<std::string> keys;
  for (const Settings* settings : all)
    for (const auto& [key, setting] : settings->by_key) keys.insert(key);
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    // Numbers are compared as such: 0.1000001 and 0.1 have the same text.
    const auto same = [&](const Settings* other) {
      return other->text(key) == all.front()->text(key) && other->number(key) == all.front()->number(key);
    };
    if (changes_numbers(key) && !std::all_of(all.begin(), all.end(), same)) out.push_back(key);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return rank_of(a) < rank_of(b); });
  return out;
}

}  // namespace brink::report
