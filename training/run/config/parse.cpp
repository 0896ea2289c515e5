// SPDX-License-Identifier: MIT
// Makes a config from files and arguments. The first error in the order of the text is reported, not the first in the library's
// alphabetical order.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/text.h"
#include "training/io/toml.h"
#include "training/io/utf8.h"
#include "training/run/config/changes.h"
#include "training/run/config/hints.h"
#include "training/run/config/keys.h"
#include "training/run/config/toml_file.h"

namespace brink {

namespace {

using config::Key;

struct Place {
  std::string source;                  // file, or the argument
  std::uint32_t line = 0, column = 0;  // 0: an argument
};

[[noreturn]] void fail(const Place& p, const std::string& message) {
  const std::string at = p.line == 0 ? "" : ":" + number_text(p.line) + ":" + number_text(p.column);
  throw UsageError(p.source + at + ": " + message);
}

/// One setting as it was given, before it is known which keys there are.
struct Setting {
  std::string table, name;
  Place at_key, at_value;
  std::shared_ptr<const toml::node> value;  ///< shares the document that it belongs to, so that nodes keep their places
  std::string argument = {};                ///< the text of a value given as an argument, for keys that are strings
  config::Problem too_deep = {};            ///< why that text was not read as TOML, for all other keys

  std::string path() const { return table + "." + name; }
};
struct Finding {
  Place place;
  std::string message;
};
/// What one source contains.
struct Source {
  std::vector<Setting> settings;
  std::vector<Finding> bad;
  std::vector<std::string> tables;
};

bool is_table(std::string_view name) { return std::ranges::find(config::tables(), name) != config::tables().end(); }

Source from_file(const std::string& path, std::string_view other_table) {
  const auto root = std::make_shared<const toml::table>(config::read_toml_file(path));
  const auto place = [&](const toml::source_region& r) { return Place{path, r.begin.line, r.begin.column}; };
  Source out;
  const auto take = [&](const auto& self, const std::string& name, const toml::table& table) -> void {
    out.tables.push_back(name);
    for (const auto& [key, value] : table) {
      const std::string below = name + "." + std::string(key.str());
      if (value.is_table() && is_table(below))
        self(self, below, *value.as_table());
      else
        out.settings.push_back({name, std::string(key.str()), place(key.source()), place(value.source()),
                                std::shared_ptr<const toml::node>(root, &value)});
    }
  };
  for (const auto& [name, node] : *root) {
    const std::string table(name.str());
    if (!other_table.empty() && table == other_table) continue;
    if (!is_table(table))
      out.bad.push_back(
          {place(name.source()), node.is_table()
                                     ? "unknown table [" + table + "]" + config::nearest_table(table)
                                     : "unknown key " + table + " outside any table" + config::nearest_key("", table)});
    else if (const toml::table* t = node.as_table())
      take(take, table, *t);
    else
      out.bad.push_back({place(node.source()), table + ": expected a table, got " + config::describe(node)});
  }
  return out;
}

/// A TOML value, or text if the key is a string.
Source from_argument(const Place& place, std::string_view path, const std::string& text) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) fail(place, "unknown key " + std::string(path) + config::nearest_key("", path));
  const std::string table(path.substr(0, dot)), name(path.substr(dot + 1));
  if (!is_table(table)) {
    const std::string known = table.substr(0, table.find('.'));
    if (is_table(known))
      fail(place, "unknown key " + std::string(path) + config::nearest_key(known, table.substr(known.size() + 1)));
    fail(place, "unknown table [" + table + "]" + config::nearest_table(table));
  }
  Source out;
  out.tables.push_back(table);
  std::shared_ptr<const toml::node> value = std::make_shared<toml::value<std::string>>(text);
  config::Problem too_deep;
  try {
    const auto parsed = std::make_shared<const toml::table>(parse_toml("value = " + text));
    if (parsed->size() == 1) value = std::shared_ptr<const toml::node>(parsed, &parsed->begin()->second);
  } catch (const toml::parse_error& e) {
    if (too_deep_toml(text)) too_deep = std::string(e.description());
  }
  out.settings.push_back({table, name, place, place, std::move(value), text, std::move(too_deep)});
  return out;
}

/// A TOML value.
Source from_placed(const PlacedSetting& given) {
  Source out = from_argument({given.key_place, 0, 0}, given.path, given.value);
  out.settings.front().at_value = {given.value_place, 0, 0};
  out.settings.front().argument.clear();  // it was TOML before, so the text is not a string without quotes
  return out;
}

const Key* find_key(const std::vector<Key>& keys, const Setting& s) {
  const auto it = std::ranges::find_if(keys, [&](const Key& k) { return k.table == s.table && k.name == s.name; });
  return it == keys.end() ? nullptr : &*it;
}

/// Sets a key. A value from an argument that is not a TOML string is taken as one if the key is a string.
config::Problem set(Config& c, const Key& key, const Setting& s) {
  if (s.too_deep && !key.text) return s.too_deep;
  if (key.text && !s.argument.empty() && !s.value->is_string() && key.name != "memory")
    return key.set(c, toml::value<std::string>(s.argument));
  return key.set(c, *s.value);
}

/// Fewer steps would be another experiment where η is small: epochs are multiplied by η_ref/η (docs/method.md, "Schedules").
void compensate(Config& c, const std::map<std::string, Place, std::less<>>& given) {
  Config::Training& t = c.training;
  if (!t.compensate) return;
  const double steps = std::round(static_cast<double>(t.steps) * (*t.compensate / t.learning_rate));
  if (*t.compensate > t.learning_rate) {
    constexpr double most_steps = 1e9;
    if (steps > most_steps)
      fail(given.at("training.compensate"), "training.compensate: expected at most 1000000000 steps in all, got " +
                                                number_text(t.steps) + " × " + config::real_text(*t.compensate) + "/" +
                                                config::real_text(t.learning_rate));
    t.uncompensated_steps = std::exchange(t.steps, static_cast<std::int64_t>(steps));
  }
}

/// Reads the changes of the last source that has any.
void apply_changes(Config& c, const std::vector<Source>& sources, const std::optional<std::string>& parent_events) {
  for (auto source = sources.rbegin(); source != sources.rend(); ++source)
    for (const Setting& s : source->settings) {
      if (s.path() != "training.change") continue;
      if (s.too_deep) fail(s.at_value, "training.change: " + *s.too_deep);
      const auto wrong = config::read_changes(c, *s.value, parent_events);
      if (!wrong) return;
      const toml::source_position at = wrong->at ? wrong->at->source().begin : toml::source_position{};
      fail(s.at_value.line == 0 || at.line == 0 ? s.at_value : Place{s.at_value.source, at.line, at.column},
           wrong->message);
    }
}

/// Sets all keys of a source, and reports the first error in its text.
void apply(Config& c, const Source& source, std::map<std::string, Place, std::less<>>& given) {
  std::vector<Finding> bad = source.bad;
  const std::vector<Key> keys = config::keys_of(c);
  for (const Setting& s : source.settings) {
    const Key* key = find_key(keys, s);
    const std::string path = s.path();
    if (!key) {
      const bool elsewhere = std::ranges::find(config::all_paths(), path) != config::all_paths().end();
      bad.push_back({s.at_key, elsewhere ? path + ": has no meaning for " + config::reason_without(c, path)
                                         : "unknown key " + path + config::nearest_key(s.table, s.name)});
      continue;
    }
    Config scratch;  // choosing a kind again would lose its options, so a scratch copy is used
    if (const auto problem = set(key->chooses ? scratch : c, *key, s))
      bad.push_back(
          {s.at_value, path + ": " + *problem + (key->text ? "" : config::hint_for_value(s.argument, false))});
    given[path] = s.at_value;
  }
  if (bad.empty()) return;
  const auto first =
      std::ranges::min_element(bad, {}, [](const Finding& f) { return std::pair(f.place.line, f.place.column); });
  fail(first->place, first->message);
}

/// Chooses networks, data sets, rules and measurements as the last source that names each says; they determine which other keys
/// exist. Choosing what is chosen already keeps its options.
void choose_kinds(Config& c, const std::vector<Source>& sources) {
  for (const Source& source : sources) {
    for (const std::string& table : source.tables) config::turn_on(c, table);
    // A network without data has no [data], so the network comes first.
    for (const bool data : {false, true}) {
      const std::vector<Key> keys = config::keys_of(c);
      for (const Setting& s : source.settings)
        if (const Key* key = find_key(keys, s); key && key->chooses && (s.table == "data") == data) {
          Config chosen = c;
          (void)set(chosen, *key, s);
          if (key->print(chosen) != key->print(c)) c = std::move(chosen);
        }
    }
  }
}

}  // namespace

Config load_config(const ConfigSources& from) {
  std::map<std::string, std::string, std::less<>> on_command_line;
  const auto require_text = [](const std::string& argument) {
    if (const auto wrong = first_not_utf8(argument))
      fail({printable(argument), 0, 0}, not_utf8_message(argument, *wrong));
  };
  const auto once = [&](const std::string& path, const std::string& argument) {
    const auto [it, fresh] = on_command_line.emplace(path, argument);
    if (!fresh) fail({argument, 0, 0}, path + " was already given by " + it->second);
  };
  std::vector<Source> sources;
  if (!from.file.empty()) sources.push_back(from_file(from.file, from.other_table));
  for (const PlacedSetting& placed : from.placed) sources.push_back(from_placed(placed));
  for (const std::string& set : from.sets) {
    const std::string argument = "--set " + set;
    require_text(argument);
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0) fail({argument, 0, 0}, "expected key=value");
    const auto trim = [](std::string_view t) {
      const std::size_t b = t.find_first_not_of(" \t");
      return b == std::string_view::npos ? std::string_view{} : t.substr(b, t.find_last_not_of(" \t") - b + 1);
    };
    const std::string path(trim(std::string_view(set).substr(0, equals)));
    once(path, argument);
    sources.push_back(
        from_argument({argument, 0, 0}, path, std::string(trim(std::string_view(set).substr(equals + 1)))));
  }
  for (const auto& [name, text] : from.flags) {
    const std::string argument = "--" + name + " " + text;
    require_text(argument);
    once("run." + name, argument);
    sources.push_back(from_argument({argument, 0, 0}, "run." + name, text));
  }

  Config c = from.base ? *from.base : Config();
  std::map<std::string, Place, std::less<>> given;
  const DataKind* const base_set = from.base ? c.data.set.kind : nullptr;
  choose_kinds(c, sources);
  if (c.data.set.kind != base_set) {
    c.data.train = c.data.set.kind->train;
    c.data.test = c.data.set.kind->test;
  }
  for (const Source& source : sources) apply(c, source, given);
  compensate(c, given);
  apply_changes(c, sources, from.parent_events);
  if (const auto wrong = config::conflict(c)) {
    const auto it = given.find(wrong->path);
    if (it != given.end()) fail(it->second, wrong->path + ": " + wrong->message);
    throw UsageError(wrong->path + ": " + wrong->message);
  }
  return c;
}

}  // namespace brink
