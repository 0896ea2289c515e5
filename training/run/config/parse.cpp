// SPDX-License-Identifier: MIT
// Makes a config from files and arguments. The first error in the order of the text is reported, not the first in the library's
// alphabetical order.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/text.h"
#include "training/io/toml.h"
#include "training/io/utf8.h"
#include "training/run/config/hints.h"
#include "training/run/config/keys.h"

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
  std::unique_ptr<toml::node> value;
  std::string argument = {};      ///< the text of a value given as an argument, for keys that are strings
  config::Problem too_deep = {};  ///< why that text was not read as TOML, for all other keys

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

std::unique_ptr<toml::node> copy(const toml::node& node) {
  return node.visit([](const auto& n) -> std::unique_ptr<toml::node> {
    return std::make_unique<std::remove_cvref_t<decltype(n)>>(n);
  });
}

std::string read_text(const std::string& path) {
  constexpr std::size_t largest_bytes = 1 << 20;
  std::string text(largest_bytes + 1, '\0');
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    throw UsageError(path + ": the config file cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_bytes) throw UsageError(path + ": expected a config of at most 1 MiB, found more");
  return text;
}

/// Says "duplicate" where the library says "redefine"; passes everything else on.
std::string parse_message(const toml::parse_error& e) {
  const std::string text(e.description());
  return text.find("redefine") != std::string::npos ? "duplicate key or table (" + text + ")" : text;
}

bool is_table(std::string_view name) { return std::ranges::find(config::tables(), name) != config::tables().end(); }

Source from_file(const std::string& path) {
  const std::string text = read_text(path);
  if (const auto wrong = first_not_utf8(text)) {
    const TextPlace at = place_in(text, *wrong);
    fail({path, at.line, at.column}, not_utf8_message(text, *wrong));
  }
  toml::table root;
  try {
    root = parse_toml(text);
  } catch (const toml::parse_error& e) {
    const toml::source_position at = e.source().begin;
    fail({path, at.line, at.column}, parse_message(e) + config::hint_for_value_at(text, at.line, at.column));
  }
  const auto place = [&](const toml::source_region& r) { return Place{path, r.begin.line, r.begin.column}; };
  Source out;
  const auto take = [&](const auto& self, const std::string& name, const toml::table& table) -> void {
    out.tables.push_back(name);
    for (const auto& [key, value] : table) {
      const std::string below = name + "." + std::string(key.str());
      if (value.is_table() && is_table(below))
        self(self, below, *value.as_table());
      else
        out.settings.push_back({name, std::string(key.str()), place(key.source()), place(value.source()), copy(value)});
    }
  };
  for (const auto& [name, node] : root) {
    const std::string table(name.str());
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
Source from_argument(const std::string& argument, std::string_view path, const std::string& text) {
  const Place place{argument, 0, 0};
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
  std::unique_ptr<toml::node> value = std::make_unique<toml::value<std::string>>(text);
  config::Problem too_deep;
  try {
    const toml::table parsed = parse_toml("value = " + text);
    if (parsed.size() == 1) value = copy(parsed.begin()->second);
  } catch (const toml::parse_error& e) {
    if (too_deep_toml(text)) too_deep = std::string(e.description());
  }
  out.settings.push_back({table, name, place, place, std::move(value), text, std::move(too_deep)});
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
  if (!from.file.empty()) sources.push_back(from_file(from.file));
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
    sources.push_back(from_argument(argument, path, std::string(trim(std::string_view(set).substr(equals + 1)))));
  }
  for (const auto& [name, text] : from.flags) {
    const std::string argument = "--" + name + " " + text;
    require_text(argument);
    once("run." + name, argument);
    sources.push_back(from_argument(argument, "run." + name, text));
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
  if (const auto wrong = config::conflict(c)) {
    const auto it = given.find(wrong->path);
    if (it != given.end()) fail(it->second, wrong->path + ": " + wrong->message);
    throw UsageError(wrong->path + ": " + wrong->message);
  }
  return c;
}

}  // namespace brink
