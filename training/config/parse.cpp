// SPDX-License-Identifier: MIT
// What it is: from files and arguments to settings, each with the place it came from. What it is not: the list of keys.
// Decision: the first wrong place in the text is reported, not the first in the library's alphabetical order.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "training/config/keys.h"
#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/toml.h"
#include "training/io/utf8.h"
#include "training/text.h"

namespace brink {

namespace {

using config::Key;

struct Place {
  std::string source;                  // file, or the argument
  std::uint32_t line = 0, column = 0;  // 0: an argument
};
bool operator<(const Place& a, const Place& b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); }

[[noreturn]] void fail(const Place& p, const std::string& message) {
  const std::string at = p.line == 0 ? "" : ":" + number_text(p.line) + ":" + number_text(p.column);
  throw UsageError(p.source + at + ": " + message);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = up;
    }
  }
  return row[b.size()];
}

const Key* find_key(std::string_view table, std::string_view name) {
  for (const Key& k : config::keys())
    if (k.table == table && k.name == name) return &k;
  return nullptr;
}

std::string nearest_table(std::string_view table) {
  return std::string(*std::min_element(config::tables().begin(), config::tables().end(), [&](auto a, auto b) {
    return edit_distance(table, a) < edit_distance(table, b);
  }));
}

/// By name; the beginning of a name counts as one edit, another table as half of one.
std::string nearest_key(std::string_view table, std::string_view name) {
  const auto distance = [&](const Key& k) {
    const bool beginning = !name.empty() && k.name.starts_with(name);
    return 2 * (beginning ? std::min<std::size_t>(1, k.name.size() - name.size()) : edit_distance(name, k.name)) +
           (k.table != table);
  };
  return std::min_element(config::keys().begin(), config::keys().end(),
                          [&](const Key& a, const Key& b) { return distance(a) < distance(b); })
      ->path();
}

struct Setting {
  const Key* key = nullptr;
  Place place;
  std::unique_ptr<toml::node> value;
};
struct Finding {
  Place place;
  std::string message;
};
struct Settings {
  std::vector<Setting> good;
  std::vector<Finding> bad;
};

std::unique_ptr<toml::node> copy(const toml::node& node) {
  return node.visit([](const auto& n) -> std::unique_ptr<toml::node> {
    return std::make_unique<std::remove_cvref_t<decltype(n)>>(n);
  });
}

/// Sorts one key of one table into good and bad.
void take(Settings& out, std::string_view table, std::string_view name, const Place& at_key, const Place& at_value,
          const toml::node& value) {
  const std::string path = std::string(table) + "." + std::string(name);
  const Key* key = find_key(table, name);
  if (config::is_later_table(path)) return out.bad.push_back({at_key, config::not_built(path)}), void();
  if (key == nullptr)
    return out.bad.push_back({at_key, "unknown key " + path + "; the nearest is " + nearest_key(table, name)}), void();
  if (!key->set) return out.bad.push_back({at_key, config::not_built(path)}), void();
  Config scratch;
  if (const auto problem = key->set(scratch, value))
    out.bad.push_back({at_value, path + ": " + *problem});
  else
    out.good.push_back({key, at_value, copy(value)});
}

std::string read_text(const std::string& path) {
  constexpr std::size_t largest_bytes = 1 << 20;
  std::string text(largest_bytes + 1, '\0');
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    throw UsageError(path + ": the config cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_bytes) throw UsageError(path + ": a config of more than 1 MiB");
  return text;
}

/// The library names a duplicate in its own way; everything else it says is passed on.
std::string parse_message(const toml::parse_error& e) {
  const std::string text(e.description());
  return text.find("redefine") != std::string::npos ? "duplicate key or table (" + text + ")" : text;
}

Settings from_file(const std::string& path) {
  const std::string text = read_text(path);
  if (const auto wrong = first_not_utf8(text)) {
    const TextPlace at = place_in(text, *wrong);
    fail({path, at.line, at.column}, not_utf8_message(text, *wrong));
  }
  toml::table root;
  try {
    root = parse_toml(text);
  } catch (const toml::parse_error& e) {
    fail({path, e.source().begin.line, e.source().begin.column}, parse_message(e));
  }
  const auto place = [&](const toml::source_region& r) { return Place{path, r.begin.line, r.begin.column}; };
  Settings out;
  for (const auto& [name, node] : root) {
    const Place at_key = place(name.source());
    const auto& tables = config::tables();
    if (std::find(tables.begin(), tables.end(), name.str()) == tables.end()) {
      const std::string what =
          node.is_table()
              ? "unknown table [" + std::string(name.str()) + "]; the nearest is [" + nearest_table(name.str()) + "]"
              : "unknown key " + std::string(name.str()) + " outside any table; the nearest is " +
                    nearest_key("", name.str());
      out.bad.push_back({at_key, what});
    } else if (const toml::table* table = node.as_table()) {
      for (const auto& [key, value] : *table)
        take(out, name.str(), key.str(), place(key.source()), place(value.source()), value);
    } else {
      out.bad.push_back(
          {place(node.source()), std::string(name.str()) + ": expected a table, got " + config::describe(node)});
    }
  }
  return out;
}

/// A TOML value, else text where the key is a string.
Settings from_argument(const std::string& argument, std::string_view path, const std::string& text) {
  const Place place{argument, 0, 0};
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos)
    fail(place, "unknown key " + std::string(path) + "; the nearest is " + nearest_key("", path));
  const std::string_view table = path.substr(0, dot), name = path.substr(dot + 1);
  if (std::find(config::tables().begin(), config::tables().end(), table) == config::tables().end())
    fail(place, "unknown table [" + std::string(table) + "]; the nearest is [" + nearest_table(table) + "]");
  const std::size_t second = name.find('.');
  if (second != std::string_view::npos) {
    const std::string sub = std::string(table) + "." + std::string(name.substr(0, second));
    if (config::is_later_table(sub)) fail(place, config::not_built(sub));
  }

  toml::value<std::string> as_text(text);
  toml::table parsed;
  const toml::node* value = &as_text;
  const Key* key = find_key(table, name);
  try {
    parsed = parse_toml("value = " + text);
    if (parsed.size() == 1 && (!(key && key->text) || parsed.begin()->second.is_string() || key->name == "memory"))
      value = &parsed.begin()->second;
  } catch (const toml::parse_error& e) {
    if (too_deep_toml(text) && !(key && key->text))
      fail(place, std::string(path) + ": " + std::string(e.description()));
  }
  Settings out;
  take(out, table, name, place, place, *value);
  return out;
}

}  // namespace

Config load_config(const ConfigSources& sources) {
  Config c;
  std::map<std::string, Place, std::less<>> given;
  std::map<std::string, std::string, std::less<>> on_command_line;

  const auto apply = [&](Settings settings) {
    if (!settings.bad.empty()) {
      const auto first = std::min_element(settings.bad.begin(), settings.bad.end(),
                                          [](const Finding& a, const Finding& b) { return a.place < b.place; });
      fail(first->place, first->message);
    }
    for (const Setting& s : settings.good) {
      s.key->set(c, *s.value);
      given[s.key->path()] = s.place;
    }
  };
  const auto require_text = [](const std::string& argument) {
    if (const auto wrong = first_not_utf8(argument))
      fail({printable(argument), 0, 0}, not_utf8_message(argument, *wrong));
  };
  const auto once = [&](const std::string& path, const std::string& argument) {
    const auto [it, fresh] = on_command_line.emplace(path, argument);
    if (!fresh) fail({argument, 0, 0}, path + " was given already by " + it->second);
  };

  if (!sources.file.empty()) apply(from_file(sources.file));
  for (const std::string& set : sources.sets) {
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
    apply(from_argument(argument, path, std::string(trim(std::string_view(set).substr(equals + 1)))));
  }
  for (const auto& [name, text] : sources.flags) {
    const std::string argument = "--" + name + " " + text;
    require_text(argument);
    once("run." + name, argument);
    apply(from_argument(argument, "run." + name, text));
  }

  if (!given.contains("data.train")) c.data.train = facts_of(c.data.name).train;
  if (!given.contains("data.test")) c.data.test = facts_of(c.data.name).test;
  if (const auto wrong = config::conflict(c, [&](std::string_view path) { return given.contains(path); })) {
    const auto it = given.find(wrong->path);
    if (it != given.end()) fail(it->second, wrong->path + ": " + wrong->message);
    throw UsageError(wrong->path + ": " + wrong->message);
  }
  return c;
}

}  // namespace brink
