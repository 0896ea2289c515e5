// SPDX-License-Identifier: MIT
#include "training/sweep/grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <sstream>
#include <utility>

#include "training/errors.h"
#include "training/io/text.h"
#include "training/io/toml.h"
#include "training/run/config/hints.h"
#include "training/run/config/keys.h"
#include "training/run/config/toml_file.h"
#include "training/run/config/values.h"
#include "training/sweep/geometric.h"

namespace brink::sweep {

namespace {

using config::expected;

/// Keys that vary together: entry i of `values` is what its i-th run sets.
struct Axis {
  std::vector<std::vector<PlacedSetting>> values;
};

/// A key with what stands behind it, and the column and line of the key.
struct Entry {
  std::string path;
  const toml::key* key;
  const toml::node* value;
};

constexpr const char* fork_name = "fork";

bool is_table(const std::string& name) { return std::ranges::find(config::tables(), name) != config::tables().end(); }

bool is_integral(double x) { return x == std::floor(x) && std::fabs(x) < 1e15; }

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Grid read(const toml::table& file) {
    const toml::node* node = file.get(table_name);
    if (!node) throw UsageError(path_ + ": expected a table [sweep] with the keys that vary, found none");
    const toml::table* table = node->as_table();
    if (!table) fail(node->source(), "sweep: " + expected("a table", *node));
    read_table(*table, "");
    if (axes_.empty() && !grid_.searched && !grid_.fork)
      fail(node->source(), "[sweep]: expected at least one key that varies, found none");
    if (grid_.searched) grid_.keys.push_back(grid_.searched->setting.path);
    multiply();
    return std::move(grid_);
  }

 private:
  [[noreturn]] void fail(const toml::source_region& at, const std::string& message) const {
    throw UsageError(config::place_text(path_, at) + ": " + message);
  }

  /// The entries of a table in the order of the text; toml++ sorts them by name. Tables of the config are entered: [sweep.training].
  std::vector<Entry> entries(const toml::table& table, const std::string& prefix) const {
    std::vector<Entry> out;
    for (const auto& [key, value] : table) {
      const std::string path = prefix + std::string(key.str());
      if (const toml::table* inner = value.as_table(); inner && is_table(path) && path != fork_name) {
        const std::vector<Entry> below = entries(*inner, path + ".");
        out.insert(out.end(), below.begin(), below.end());
      } else {
        out.push_back({path, &key, &value});
      }
    }
    std::ranges::stable_sort(out, {}, [](const Entry& e) {
      const toml::source_position at = e.key->source().begin;
      return std::pair(at.line, at.column);
    });
    return out;
  }

  void read_table(const toml::table& table, const std::string& prefix) {
    for (const Entry& e : entries(table, prefix)) {
      if (e.path == "zip")
        read_zips(e);
      else if (e.path == "until_divergence")
        read_search(e);
      else if (e.path == fork_name)
        read_fork(e);
      else if (e.path == "scale")
        read_scales(e);
      else
        axes_.push_back(Axis{one_by_one(values_of(e))});
    }
  }

  void claim(const Entry& e) {
    if (e.path.starts_with("fork.")) fail(e.key->source(), e.path + ": expected it in a table [sweep.fork]");
    if (std::ranges::find(config::all_paths(), e.path) == config::all_paths().end()) {
      const std::size_t dot = e.path.rfind('.');
      const bool in_table = dot != std::string::npos;
      const toml::table* below = e.value->as_table();  // [sweep.trainig], or trainig.steps
      const std::string table = below && !below->is_inline() ? e.path : in_table ? e.path.substr(0, dot) : "";
      if (!table.empty() && !is_table(table))
        fail(e.key->source(), "unknown table [" + table + "]" + config::nearest_table(table));
      fail(e.key->source(),
           "unknown key " + e.path + config::nearest_key(table, in_table ? e.path.substr(dot + 1) : e.path));
    }
    for (const auto& [path, at] : claimed_)
      if (path == e.path) fail(e.key->source(), e.path + ": is swept already, at " + config::place_text(path_, at));
    claimed_.emplace_back(e.path, e.key->source());
  }

  PlacedSetting setting(const Entry& e, const std::string& value, const toml::source_region& at) const {
    return {e.path, value, config::place_text(path_, e.key->source()), config::place_text(path_, at)};
  }

  /// Every value of a key: a list, one value, or a table that describes a list.
  std::vector<PlacedSetting> values_of(const Entry& e) {
    claim(e);
    grid_.keys.push_back(e.path);
    std::vector<PlacedSetting> out;
    if (const toml::array* list = e.value->as_array()) {
      if (list->empty()) fail(list->source(), e.path + ": expected at least one value, got an empty array");
      for (const toml::node& item : *list) out.push_back(setting(e, toml_text(item), item.source()));
    } else if (const toml::table* described = e.value->as_table()) {
      for (const std::string& text : described_values(e, *described))
        out.push_back(setting(e, text, described->source()));
    } else {
      out.push_back(setting(e, toml_text(*e.value), e.value->source()));
    }
    if (std::ssize(out) > most_points) fail(e.value->source(), e.path + too_many());
    return out;
  }

  static std::string too_many() { return ": expected at most " + number_text(most_points) + " runs, found more"; }

  static std::vector<std::vector<PlacedSetting>> one_by_one(std::vector<PlacedSetting> values) {
    std::vector<std::vector<PlacedSetting>> out;
    for (PlacedSetting& value : values) out.push_back({std::move(value)});
    return out;
  }

  void expect_only(const Entry& e, const toml::table& table, std::span<const std::string_view> names,
                   const std::string& what) const {
    for (const auto& [key, value] : table)
      if (std::ranges::find(names, key.str()) == names.end())
        fail(key.source(), e.path + ": expected " + what + ", found " + std::string(key.str()));
  }

  double number(const Entry& e, const toml::table& table, const char* name, double above,
                const std::string& what) const {
    const toml::node* node = table.get(name);
    if (!node) fail(table.source(), e.path + ": expected " + what + ", found no " + name);
    const auto x = config::as_real(*node);
    if (!x || !(*x > above) || !std::isfinite(*x))
      fail(node->source(),
           e.path + ": " + name + ": " + expected("a finite number above " + number_text(above), *node));
    return *x;
  }

  std::int64_t integer(const Entry& e, const toml::table& table, const char* name, std::int64_t low,
                       std::int64_t high) const {
    const toml::node* node = table.get(name);
    const auto x = node->value_exact<std::int64_t>();
    if (!x || *x < low || *x > high)
      fail(node->source(), e.path + ": " + name + ": " +
                               expected("an integer from " + number_text(low) + " to " + number_text(high), *node));
    return *x;
  }

  std::vector<std::string> described_values(const Entry& e, const toml::table& table) {
    constexpr std::array<std::string_view, 2> of_seeds{"seeds", "from"};
    constexpr std::array<std::string_view, 4> of_grids{"from", "to", "factor", "count"};
    const std::string what = "{from, to, factor}, {from, to, count} or {seeds}";
    std::vector<std::string> out;
    if (table.contains("seeds")) {
      expect_only(e, table, of_seeds, "{seeds} or {seeds, from}");
      const std::int64_t seeds = integer(e, table, "seeds", 1, most_points);
      const std::int64_t from = table.contains("from") ? integer(e, table, "from", 0, std::int64_t{1} << 53) : 0;
      for (std::int64_t i = 0; i < seeds; ++i) out.push_back(number_text(from + i));
      return out;
    }
    expect_only(e, table, of_grids, what);
    const double from = number(e, table, "from", 0, what), to = number(e, table, "to", 0, what);
    if (table.contains("factor") == table.contains("count"))
      fail(table.source(),
           e.path + ": expected either factor or count, found " + (table.contains("count") ? "both" : "neither"));
    if (!(from < to))
      fail(table.get("to")->source(),
           e.path + ": to: " + expected("a number above from = " + number_text(from), *table.get("to")));
    const std::vector<double> values =
        table.contains("factor") ? geometric_by_factor(from, to, number(e, table, "factor", 1, what), most_points)
                                 : geometric_by_count(from, to, integer(e, table, "count", 2, most_points));
    const bool integers = table.get("from")->is_integer() && table.get("to")->is_integer();
    for (const double x : values) out.push_back(number_as_toml(x, integers));
    return out;
  }

  void read_zips(const Entry& e) {
    const toml::array* list = e.value->as_array();
    const bool tables =
        list && !list->empty() && std::ranges::all_of(*list, [](const toml::node& n) { return n.is_table(); });
    if (!tables)
      fail(e.key->source(),
           "sweep.zip: expected a table [[sweep.zip]] with lists of equal length, got " + config::describe(*e.value));
    for (const toml::node& item : *list) {
      const std::vector<Entry> keys = entries(*item.as_table(), "");
      if (keys.empty()) fail(item.source(), "[[sweep.zip]]: expected at least one key, found none");
      std::vector<std::vector<PlacedSetting>> rows;
      for (const Entry& key : keys) {
        const std::vector<PlacedSetting> column = values_of(key);
        if (rows.empty()) rows.resize(column.size());
        if (rows.size() != column.size())
          fail(key.value->source(), key.path + ": expected " + number_text(rows.size()) + " values, as many as " +
                                        keys.front().path + " has, got " + number_text(column.size()));
        for (std::size_t i = 0; i < column.size(); ++i) rows[i].push_back(column[i]);
      }
      axes_.push_back({std::move(rows)});
    }
  }

  void read_scales(const Entry& e) {
    const toml::table* table = e.value->as_table();
    if (!table || table->empty())
      fail(e.value->source(), "sweep.scale: " + expected("a table of keys with lists of factors", *e.value));
    for (const Entry& key : entries(*table, "")) {
      axes_.push_back({one_by_one(values_of(key))});
      for (const auto& value : axes_.back().values)
        if (!parse_number<double>(value.front().value))
          throw UsageError(value.front().value_place + ": sweep.scale: " + key.path + ": expected a factor, got " +
                           value.front().value);
      grid_.scaled.push_back(key.path);
    }
  }

  void read_fork(const Entry& e) {
    const toml::table* table = e.value->as_table();
    if (!table) fail(e.value->source(), "sweep.fork: " + expected("a table", *e.value));
    constexpr std::array<std::string_view, 3> names{"parent", "at_step", "before_resolution"};
    expect_only(e, *table, names, "parent, and at_step or before_resolution");
    const bool at = table->contains("at_step"), before = table->contains("before_resolution");
    if (!table->contains("parent"))
      fail(e.key->source(), "sweep.fork: expected parent, the folder of a run, found none");
    if (at == before)
      fail(e.key->source(),
           std::string("sweep.fork: expected either at_step or before_resolution, found ") + (at ? "both" : "neither"));
    ForkTable out;
    out.parents = fork_values(*table, "parent", "the folder of a run, or a list of them",
                              [](const toml::node& n) { return n.is_string() && !n.as_string()->get().empty(); });
    if (at)
      out.steps = fork_values(*table, "at_step", "a step, an integer of at least 0, or a list of them",
                              [](const toml::node& n) { return n.value_exact<std::int64_t>().value_or(-1) >= 0; });
    if (before) out.before = fork_before(*table);
    grid_.fork = std::move(out);
  }

  /// A value of [sweep.fork], or each of a list.
  std::vector<PlacedSetting> fork_values(const toml::table& table, const char* name, const std::string& what,
                                         bool (*is)(const toml::node&)) const {
    const auto entry = table.find(name);
    const Entry e{std::string(fork_name) + "." + name, &entry->first, &entry->second};
    const toml::array* list = e.value->as_array();
    if (list && list->empty()) fail(list->source(), e.path + ": " + expected(what, *list));
    std::vector<PlacedSetting> out;
    for (std::size_t i = 0; i < (list ? list->size() : 1); ++i) {
      const toml::node& item = list ? (*list)[i] : *e.value;
      if (!is(item)) fail(item.source(), e.path + ": " + expected(what, item));
      out.push_back(setting(e, toml_text(item), item.source()));
    }
    return out;
  }

  ForkTable::Before fork_before(const toml::table& table) const {
    const auto entry = table.find("before_resolution");
    const Entry e{"fork.before_resolution", &entry->first, &entry->second};
    const toml::table* given = e.value->as_table();
    if (!given) fail(e.value->source(), e.path + ": " + expected("a table {steps, instability}", *e.value));
    constexpr std::array<std::string_view, 2> names{"steps", "instability"};
    expect_only(e, *given, names, "{steps, instability}");
    for (const std::string_view name : names)
      if (!given->contains(name))
        fail(given->source(), e.path + ": expected {steps, instability}; there is no " + std::string(name));
    constexpr std::int64_t most_steps = 1'000'000'000;
    return {integer(e, *given, "steps", 1, most_steps), integer(e, *given, "instability", 1, most_steps),
            setting(e, toml_text(*given), given->source())};
  }

  void read_search(const Entry& e) {
    const toml::table* table = e.value->as_table();
    const std::vector<Entry> keys = table ? entries(*table, "") : std::vector<Entry>{};
    const std::string what = "one key with {from, factor}, and optionally to and refine";
    if (keys.size() != 1)
      fail(e.key->source(), "sweep.until_divergence: expected " + what + ", got " +
                                (table ? counted_keys(keys.size()) : config::describe(*e.value)));
    const Entry& key = keys.front();
    const toml::table* given = key.value->as_table();
    if (!given)
      fail(key.value->source(),
           key.path + ": " + expected("a table {from, factor}, and optionally to and refine", *key.value));
    claim(key);
    constexpr std::array<std::string_view, 4> names{"from", "factor", "to", "refine"};
    expect_only(key, *given, names, "only from, factor, to and refine");
    SearchedKey out;
    const std::string parts = "{from, factor}, and optionally to and refine";
    out.search.from = number(key, *given, "from", 0, parts);
    out.search.factor = number(key, *given, "factor", 1, parts);
    if (given->contains("to")) {
      out.search.to = number(key, *given, "to", 0, parts);
      if (*out.search.to < out.search.from)
        fail(given->get("to")->source(),
             key.path +
                 ": to: " + expected("a number of at least from = " + number_text(out.search.from), *given->get("to")));
    }
    if (given->contains("refine")) out.search.refine = integer(key, *given, "refine", 0, 50);
    out.setting = setting(key, toml_text(*given->get("from")), given->source());
    grid_.searched = std::move(out);
  }

  static std::string counted_keys(std::size_t n) { return n == 0 ? "none" : number_text(n) + " keys"; }

  void multiply() {
    grid_.points = {{}};
    for (const Axis& axis : axes_) {
      if (grid_.points.size() * axis.values.size() > static_cast<std::size_t>(most_points))
        throw UsageError(path_ + ": [sweep]" + too_many());
      std::vector<std::vector<PlacedSetting>> next;
      for (const auto& point : grid_.points)
        for (const auto& more : axis.values) {
          next.push_back(point);
          next.back().insert(next.back().end(), more.begin(), more.end());
        }
      grid_.points = std::move(next);
    }
  }

  std::string path_;
  Grid grid_;
  std::vector<Axis> axes_;
  std::vector<std::pair<std::string, toml::source_region>> claimed_;
};

}  // namespace

Grid grid_of(const std::string& path, const toml::table& file) { return Reader(path).read(file); }

std::string number_as_toml(double x, bool integer) {
  return integer && is_integral(x) ? number_text(static_cast<std::int64_t>(x)) : config::real_text(x);
}

std::string toml_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return config::quote(s->get());
  if (const auto* i = node.as_integer()) return number_text(i->get());
  if (const auto* x = node.as_floating_point()) return config::real_text(x->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  std::string out;
  if (const auto* list = node.as_array()) {
    for (const toml::node& item : *list) out += (out.empty() ? "" : ", ") + toml_text(item);
    return "[" + out + "]";
  }
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table)
      out += (out.empty() ? "" : ", ") + config::quote(key.str()) + " = " + toml_text(value);
    return "{" + out + "}";
  }
  std::ostringstream text;  // a date or time, which no key accepts
  node.visit([&](const auto& n) {
    if constexpr (!toml::is_container<decltype(n)>) text << n.get();
  });
  return text.str();
}

std::string cell_of(const PlacedSetting& s) {
  const toml::table parsed = parse_toml("value = " + s.value);
  const auto text = parsed["value"].value_exact<std::string>();
  return text ? *text : s.value;
}

}  // namespace brink::sweep
