// SPDX-License-Identifier: MIT
#include "training/sweep/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/readable.h"
#include "training/io/text.h"
#include "training/run/config/keys.h"
#include "training/run/config/toml_file.h"
#include "training/sweep/geometric.h"

namespace brink::sweep {

namespace {

std::string short_name(const std::string& path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

Plan::Plan(const std::string& file, const std::vector<std::string>& sets)
    : file_(file), sets_(sets), grid_(grid_of(file, config::read_toml_file(file))) {
  for (const std::string& set : sets)
    for (const std::string& key : grid_.keys)
      if (set.substr(0, set.find_first_of("= \t")) == key)
        throw UsageError("--set " + set + ": " + key + " is swept by " + file + "; change its values there");
  if (grid_.fork) multiply_by_forks();
  std::map<std::string, std::size_t> first_with;
  for (std::vector<PlacedSetting>& point : grid_.points) {
    if (grid_.searched) point.push_back(grid_.searched->setting);
    if (!grid_.scaled.empty()) resolve_factors(point);
    PlannedRun run = run_of(point);
    const auto [it, fresh] = first_with.emplace(run.hash, firsts_.size());
    if (!fresh) {
      notes_.push_back("left out: " + text_of(run) + " has the same numbers as " + text_of(firsts_[it->second]));
      continue;
    }
    firsts_.push_back(std::move(run));
  }
  for (std::size_t task = 0; grid_.searched && task < firsts_.size(); ++task) check_search(task);
}

/// The origins vary slowest, so that the forks of one state follow each other.
void Plan::multiply_by_forks() {
  forks_.emplace(file_, *grid_.fork);
  if (forks_->points().size() * grid_.points.size() > static_cast<std::size_t>(most_points))
    throw UsageError(fmt::format("{}: [sweep]: expected at most {} runs, found more", file_, most_points));
  std::vector<std::vector<PlacedSetting>> points;
  for (const auto& origin : forks_->points())
    for (const auto& point : grid_.points) {
      points.push_back(origin);
      points.back().insert(points.back().end(), point.begin(), point.end());
    }
  grid_.points = std::move(points);
  const std::vector<std::string> keys = forks_->keys();
  grid_.keys.insert(grid_.keys.begin(), keys.begin(), keys.end());
}

Config Plan::config_of(const std::vector<PlacedSetting>& settings) const {
  if (forks_) return forks_->config_of(file_, sets_, settings);
  return load_config(
      {.file = file_, .sets = sets_, .flags = {}, .other_table = std::string(table_name), .placed = settings});
}

/// Replaces the factors of a run by the values that they give.
void Plan::resolve_factors(std::vector<PlacedSetting>& settings) const {
  const auto is_factor = [&](const PlacedSetting& s) {
    return std::ranges::find(grid_.scaled, s.path) != grid_.scaled.end();
  };
  std::vector<PlacedSetting> others;
  std::ranges::copy_if(settings, std::back_inserter(others), std::not_fn(is_factor));
  const Config base = config_of(others);
  const std::vector<config::Key> keys = config::keys_of(base);
  for (PlacedSetting& s : settings) {
    if (!is_factor(s)) continue;
    const auto key = std::ranges::find(keys, s.path, &config::Key::path);
    const std::string text = key == keys.end() ? "" : key->print(base);
    const auto value = parse_number<double>(text);
    if (!value)
      throw UsageError(s.key_place + ": sweep.scale: " + s.path +
                       ": expected a key with a number in every run, found " + (text.empty() ? "no value" : text));
    s.value =
        number_as_toml(rounded(*value * *parse_number<double>(s.value)), parse_number<std::int64_t>(text).has_value());
  }
}

PlannedRun Plan::run_of(std::vector<PlacedSetting> settings) const {
  PlannedRun out;
  out.config = config_of(settings);
  out.hash = config_hash(out.config);
  out.settings = std::move(settings);
  return out;
}

PlannedRun Plan::with_value(std::size_t task, double value) const {
  std::vector<PlacedSetting> settings = firsts_[task].settings;
  settings.back().value = number_as_toml(value, grid_.searched->search.integers);
  return run_of(std::move(settings));
}

/// All values that the multiplications can reach must be accepted, before anything is made.
void Plan::check_search(std::size_t task) {
  Search& search = grid_.searched->search;
  if (task == 0) {
    try {
      with_value(task, search.from);
    } catch (const UsageError&) { search.integers = true; }  // the first value itself was accepted as it was written
  }
  std::vector<Tried> tried;
  while (const auto value = next_value(search, tried)) {
    try {
      with_value(task, *value);
    } catch (const UsageError& e) {
      throw UsageError(search.to ? std::string(e.what())
                                 : std::string(e.what()) + "; `to` limits the values that are tried");
    }
    tried.push_back({*value, false});
  }
}

std::vector<Tried> Plan::tried(std::size_t, std::span<const State> ended) const {
  std::vector<Tried> out;
  for (const State state : ended) out.push_back({*next_value(grid_.searched->search, out), state == State::diverged});
  return out;
}

std::optional<PlannedRun> Plan::next(std::size_t task, std::span<const State> ended) const {
  if (!grid_.searched) return ended.empty() ? std::optional(firsts_[task]) : std::nullopt;
  const auto value = next_value(grid_.searched->search, tried(task, ended));
  return value ? std::optional(with_value(task, *value)) : std::nullopt;
}

Bracket Plan::found(std::size_t task, std::span<const State> ended) const { return bracket_of(tried(task, ended)); }

std::string Plan::json() const {
  nlohmann::ordered_json j;
  j["keys"] = grid_.keys;
  if (grid_.searched) {
    const Search& s = grid_.searched->search;
    j["until_divergence"] = {{"key", grid_.searched->setting.path}, {"from", s.from}, {"factor", s.factor}};
    j["until_divergence"]["to"] = s.to ? nlohmann::ordered_json(*s.to) : nlohmann::ordered_json();
    j["until_divergence"]["refine"] = s.refine;
  }
  j["runs"] = nlohmann::ordered_json::array();
  for (const PlannedRun& run : firsts_) {
    nlohmann::ordered_json settings;
    for (const PlacedSetting& s : run.settings) settings[s.path] = s.value;
    j["runs"].push_back({{"settings", settings}, {"hash", run.hash}});
  }
  return j.dump(2) + "\n";
}

std::string text_of(const PlannedRun& run) {
  std::string out;
  for (const PlacedSetting& s : run.settings) {
    const std::string name = short_name(s.path);
    const bool ambiguous =
        std::ranges::count_if(run.settings, [&](const PlacedSetting& o) { return short_name(o.path) == name; }) > 1;
    out += (out.empty() ? "" : ", ") + (ambiguous ? s.path : name) + "=" + cell_of(s);
  }
  return out;
}

std::vector<Listed> list_runs(const Plan& plan, const std::function<State(const std::string&)>& state) {
  std::vector<Listed> out;
  for (std::size_t task = 0; task < plan.tasks(); ++task) {
    std::vector<State> ended;
    while (auto run = plan.next(task, ended)) {
      const State found = state(run->hash);
      out.push_back({task, std::move(*run), found});
      if (!is_over(found)) break;
      ended.push_back(found);
    }
  }
  return out;
}

}  // namespace brink::sweep
