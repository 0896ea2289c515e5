// SPDX-License-Identifier: MIT
#include "training/run/config/changes.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "training/errors.h"
#include "training/events.h"
#include "training/io/text.h"
#include "training/run/config/hints.h"
#include "training/run/config/keys.h"

namespace brink::config {

namespace {

constexpr std::string_view keys_text = "a change has at_step or at_accuracy or before_resolution, and set";

/// Keys of [training] that belong to the whole run.
struct Fixed {
  std::string_view name, reason;
};
constexpr Fixed fixed_keys[] = {
    {"change", "changes are not nested"},
    {"compensate", "it decides the number of steps before the run begins"},
    {"complete_accuracy", "it says when the whole run is complete"},
    {"complete_evaluations", "it says when the whole run is complete"},
    {"loss", "another loss is another function to minimise, and so another run"},
    {"seed", "it decides the parameters at step 0"},
    {"steps", "it is the length of the whole run"},
    {"warmup", "it counts from step 0"},
};

/// Settings that a change replaces together. The order in which the changes of a group apply must be known before the run.
enum class Group { rule, rate, limit, batch, projection };

std::optional<Group> group_of(std::string_view name, const Config& c) {
  if (name == "rule" || c.training.rule.options.has(name)) return Group::rule;
  if (name == "learning_rate" || name == "schedule" || c.training.schedule.options.has(name)) return Group::rate;
  if (name == "divergence_loss") return Group::limit;
  if (name == "batch") return Group::batch;
  if (name == "project" || name == "project_most") return Group::projection;
  return {};
}

/// A table as it was given.
struct Given {
  std::size_t number = 0;  // 1 is the first table
  Config::Change change;
  const toml::node* at = nullptr;
  const toml::table* set = nullptr;
  std::vector<Group> groups = {};

  bool on_step() const { return change.at_step.has_value(); }
  bool has(Group group) const { return std::ranges::find(groups, group) != groups.end(); }
};

std::string name_of(std::size_t number) { return "training.change " + number_text(number); }
ChangeError error(const Given& g, const toml::node* at, const std::string& message) {
  return {at ? at : g.at, name_of(g.number) + ": " + message};
}

std::optional<ChangeError> read_before_resolution(Given& g, const toml::node& node,
                                                  const std::optional<std::string>& parent_events) {
  constexpr std::string_view what = "before_resolution: expected { steps = 3, instability = 1 }, both at least 1";
  const toml::table* t = node.as_table();
  std::optional<std::int64_t> steps, instability;
  if (t)
    for (const auto& [key, value] : *t) {
      if (key == "steps")
        steps = value.value_exact<std::int64_t>();
      else if (key == "instability")
        instability = value.value_exact<std::int64_t>();
      else
        return error(g, &value, std::string(what) + "; " + std::string(key.str()) + " is unknown");
    }
  if (!steps || !instability || *steps < 1 || *instability < 1) return error(g, &node, std::string(what));
  if (!parent_events)
    return error(g, &node,
                 "before_resolution: has a meaning only in a fork, whose parent has found the instabilities; use "
                 "brink fork, or at_step");
  try {
    g.change.at_step = step_before_resolution(*parent_events, *steps, *instability);
  } catch (const DataError& e) { return error(g, &node, std::string("before_resolution: ") + e.what()); }
  return {};
}

std::optional<ChangeError> read_table(Given& g, const toml::node& node, const Config& c,
                                      const std::optional<std::string>& parent_events) {
  const toml::table* t = node.as_table();
  if (!t) return error(g, &node, expected("a table", node));
  std::vector<std::pair<const toml::node*, std::string_view>> when;
  for (const auto& [key, value] : *t) {
    if (key == "set") {
      g.set = value.as_table();
      if (!g.set || g.set->empty())
        return error(g, &value, "set: expected keys of [training], such as { learning_rate = 0.05 }");
      continue;
    }
    if (key != "at_step" && key != "at_accuracy" && key != "before_resolution")
      return error(g, &value, "unknown key " + std::string(key.str()) + "; " + std::string(keys_text));
    when.emplace_back(&value, key.str());
  }
  if (when.size() != 1)
    return error(g, when.empty() ? nullptr : when.back().first,
                 "expected exactly one of at_step, at_accuracy and before_resolution, got " +
                     (when.empty() ? std::string("none") : number_text(when.size())));
  if (!g.set) return error(g, nullptr, "expected set = { … }, the keys of [training] that change");
  const auto& [at, name] = when.front();
  g.at = at;
  if (name == "before_resolution") {
    if (auto wrong = read_before_resolution(g, *at, parent_events)) return wrong;
  } else if (name == "at_step") {
    g.change.at_step = at->value_exact<std::int64_t>();
    if (!g.change.at_step) return error(g, at, "at_step: " + expected("an integer", *at));
  } else {
    g.change.at_accuracy = as_real(*at);
    if (!g.change.at_accuracy || !(*g.change.at_accuracy >= 0 && *g.change.at_accuracy < 1))
      return error(g, at, "at_accuracy: " + expected("a number of at least 0 and below 1", *at));
    if (!has_data(c)) return error(g, at, "at_accuracy: a network without data has no accuracy; use at_step");
    if (c.training.complete_accuracy && *g.change.at_accuracy >= *c.training.complete_accuracy)
      return error(g, at,
                   "at_accuracy: expected less than training.complete_accuracy = " +
                       real_text(*c.training.complete_accuracy) + ", at which the run is complete");
  }
  if (const auto step = g.change.at_step; step && (*step < 1 || *step >= c.training.steps))
    return error(g, at,
                 std::string(name) + ": step " + number_text(*step) + " is " +
                     (*step < 1 ? "not after the start; a setting that applies from step 0 on belongs in [training]"
                                : "at or beyond the end of the run: expected less than training.steps = " +
                                      number_text(c.training.steps)));
  return {};
}

bool at_once(const Given& a, const Given& b) {
  return a.change.at_step == b.change.at_step && a.change.at_accuracy == b.change.at_accuracy;
}

/// The keys of two tables that must not meet: the same key at the same moment, or settings that belong together in an unknown order.
std::optional<ChangeError> compare(const Given& a, const Given& b) {
  if (at_once(a, b))
    for (const auto& [key, value] : *b.set)
      if (a.set->contains(key))
        return error(
            b, &value,
            std::string(key.str()) + ": " + name_of(a.number) + " sets it at the same moment; keep one of them");
  if (a.on_step() == b.on_step()) return {};
  for (const Group group : b.groups)
    if (a.has(group))
      return error(b, nullptr,
                   std::string("changes ") +
                       (group == Group::rule         ? "the update rule or its keys"
                        : group == Group::rate       ? "the learning rate or its schedule"
                        : group == Group::batch      ? "batch"
                        : group == Group::projection ? "project or project_most"
                                                     : "divergence_loss") +
                       " as " + name_of(a.number) +
                       " does, and which of them applies last is not known before the run; give both at_step or both "
                       "at_accuracy");
  return {};
}

const Key* key_of(const std::vector<Key>& keys, std::string_view path) {
  const auto key = std::ranges::find_if(keys, [&](const Key& k) { return k.path() == path; });
  return key == keys.end() ? nullptr : &*key;
}

/// Whether this key belongs to another rule or schedule than before, so that its value is a new one in any case.
bool is_chosen_anew(const Config& now, const Config& before, std::string_view name) {
  const Config::Training &a = now.training, &b = before.training;
  return (a.rule.options.has(name) && a.rule.kind != b.rule.kind) ||
         (a.schedule.options.has(name) && a.schedule.kind != b.schedule.kind);
}

/// Applies `set` to the settings that are in force before the change.
std::optional<ChangeError> apply(Given& g, Config& c) {
  std::optional<ChangeError> first;
  const auto fail = [&](const toml::node& at, std::string_view key, const std::string& message) {
    const auto begin = [](const toml::node* n) { return std::pair(n->source().begin.line, n->source().begin.column); };
    if (!first || begin(&at) < begin(first->at)) first = error(g, &at, "set: " + std::string(key) + ": " + message);
  };
  const Config before = c;
  const std::vector<Key> keys_before = keys_of(before);
  for (const bool choices : {true, false}) {
    const std::vector<Key> keys = keys_of(c);
    for (const auto& [name, value] : *g.set) {
      const std::string path = "training." + std::string(name.str());
      const Key* const key = key_of(keys, path);
      if ((key && key->chooses) != choices) continue;
      if (const auto* f = std::ranges::find(fixed_keys, name.str(), &Fixed::name); f != std::end(fixed_keys)) {
        fail(value, name.str(), "cannot change during a run: " + std::string(f->reason));
      } else if (!key) {
        const bool elsewhere = std::ranges::find(all_paths(), path) != all_paths().end();
        fail(value, name.str(),
             elsewhere ? "has no meaning for " + reason_without(c, path)
                       : "unknown key " + path + nearest_key("training", name.str()));
      } else if (!group_of(name.str(), c)) {
        fail(value, name.str(), "cannot change during a run");
      } else if (const Problem problem = key->set(c, value)) {
        fail(value, name.str(), *problem);
      } else if (const Key* old = key_of(keys_before, path);
                 old && !is_chosen_anew(c, before, name.str()) && old->print(before) == key->print(c)) {
        fail(value, name.str(), "is " + key->print(c) + " already at that moment; leave it out");
      } else if (const Problem wrong = name == "batch" ? batch_problem(c, c.training.batch) : Problem{}) {
        fail(value, name.str(), *wrong);
      }
    }
  }
  g.change.after = c.training;
  for (const Key& k : keys_of(c))
    if (k.table == "training" && g.set->contains(k.name)) g.change.set.emplace_back(k.name, k.print(c));
  g.change.changes_rule = g.has(Group::rule);
  g.change.keeps_vectors = c.training.rule.kind == before.training.rule.kind;
  g.change.changes_rate = g.has(Group::rate);
  g.change.changes_limit = g.has(Group::limit);
  g.change.changes_batch = g.has(Group::batch);
  g.change.changes_projection = g.has(Group::projection);
  return first;
}

/// A rule that needs minibatches where none are in force after the change.
std::optional<ChangeError> rule_without_batch(const Given& g, const Config& c) {
  const Config::Training& after = c.training;
  if (!after.rule.kind->needs_minibatches || after.batch > 0) return {};
  const std::string rule = quote(after.rule.kind->name);
  if (const toml::node* batch = g.set->get("batch"))
    return error(g, batch,
                 "set: batch: training.rule = " + rule +
                     " needs minibatches: set another rule too, such as rule = \"gd\", or a batch of at least 1");
  if (const toml::node* chosen = g.set->get("rule"))
    return error(
        g, chosen,
        "set: rule: " + rule + " needs minibatches" +
            (has_data(c) ? std::string(": set batch too, the number of samples of each, for example batch = 128")
                         : ", and " + quote(c.model.kind->name) + " has no samples: choose another rule"));
  return {};
}

/// Updates that cannot be projected while the rule and the batch are in force that hold after the change.
std::optional<ChangeError> wrong_projection(const Given& g, const Config& c) {
  const Problem wrong = projection_problem(c);
  if (!wrong) return {};
  for (const char* key : {"batch", "rule", "project"})
    if (const toml::node* at = g.set->get(key)) return error(g, at, std::string("set: ") + key + ": " + *wrong);
  return error(g, nullptr, *wrong);
}

/// Settings of two groups of which one changes at a step and the other at an accuracy, so that any may meet any. The later table.
const Given* unordered(const std::vector<Given>& all, Group one, Group two) {
  const auto later = std::ranges::find_if(all, [&](const Given& g) {
    return std::ranges::any_of(all, [&](const Given& other) {
      return other.on_step() != g.on_step() && other.number < g.number &&
             ((g.has(one) && other.has(two)) || (g.has(two) && other.has(one)));
    });
  });
  return later == all.end() ? nullptr : &*later;
}

/// Whether settings that hold at some time, whatever the order of the changes, have a property.
template <class Has>
bool ever(const std::vector<Given>& all, const Config& c, Has&& has) {
  return has(c.training) || std::ranges::any_of(all, [&](const Given& g) { return has(g.change.after); });
}

std::optional<ChangeError> unordered_projection(const std::vector<Given>& all, const Config& c) {
  if (!ever(all, c, [](const Config::Training& t) { return t.project != ProjectionMode::off; })) return {};
  const Given* later = unordered(all, Group::projection, Group::batch);
  if (!later || !ever(all, c, [](const Config::Training& t) { return t.batch > 0; })) {
    later = unordered(all, Group::projection, Group::rule);
    if (!later || !ever(all, c, [](const Config::Training& t) { return t.rule.kind->preconditions; })) return {};
  }
  return error(
      *later, nullptr,
      "the order in which project, the rule and batch change is not known before the run, and updates may have "
      "to be projected that cannot be; give both at_step or both at_accuracy");
}

/// A rule that needs minibatches and may be left without.
std::optional<ChangeError> unordered_rule_and_batch(const std::vector<Given>& all, const Config& c) {
  const Given* const later = unordered(all, Group::batch, Group::rule);
  if (!later || !ever(all, c, [](const Config::Training& t) { return t.rule.kind->needs_minibatches; }) ||
      !ever(all, c, [](const Config::Training& t) { return t.batch == 0; }))
    return {};
  return error(*later, nullptr,
               "the order in which the rule and batch change is not known before the run, and a rule that needs "
               "minibatches may be left without; give both at_step or both at_accuracy");
}

/// The groups of a table's keys, whatever rule and schedule are in force then.
void find_groups(Given& g, const Config& c) {
  for (const auto& [key, value] : *g.set) {
    std::optional<Group> group = group_of(key.str(), c);
    for (const RuleKind& k : rule_kinds())
      if (!group && Options(k.options).has(key.str())) group = Group::rule;
    for (const ScheduleKind& k : schedule_kinds())
      if (!group && Options(k.options).has(key.str())) group = Group::rate;
    if (group && std::ranges::find(g.groups, *group) == g.groups.end()) g.groups.push_back(*group);
  }
}

}  // namespace

std::optional<ChangeError> read_changes(Config& c, const toml::node& list,
                                        const std::optional<std::string>& parent_events) {
  const toml::array* array = list.as_array();
  if (!array) return ChangeError{&list, "training.change: expected tables [[training.change]], got " + describe(list)};
  std::vector<Given> all;
  for (const toml::node& node : *array) {
    Given g{all.size() + 1, {}, &node};
    if (auto wrong = read_table(g, node, c, parent_events)) return wrong;
    find_groups(g, c);
    all.push_back(std::move(g));
  }
  for (std::size_t b = 1; b < all.size(); ++b)
    for (std::size_t a = 0; a < b; ++a)
      if (auto wrong = compare(all[a], all[b])) return wrong;
  std::ranges::stable_sort(all, {}, [](const Given& g) {
    return std::tuple(!g.on_step(), g.change.at_step.value_or(0), g.change.at_accuracy.value_or(0));
  });
  Config in_force = c;
  in_force.training.changes.clear();
  c.training.changes.clear();
  for (std::size_t i = 0; i < all.size(); ++i) {
    Given& g = all[i];
    if (auto wrong = apply(g, in_force)) return wrong;
    const Config::Training& t = in_force.training;
    // Between two changes of one moment nothing happens.
    if (i + 1 == all.size() || !at_once(g, all[i + 1])) {
      if (auto wrong = rule_without_batch(g, in_force)) return wrong;
      if (auto wrong = wrong_projection(g, in_force)) return wrong;
    }
    if (!std::isnormal(make_schedule(t.schedule, t.learning_rate, 0, t.steps)->learning_rate(t.steps)))
      return error(g, nullptr, "the learning rate does not stay a positive, finite number until the end of the run");
  }
  if (auto wrong = unordered_rule_and_batch(all, c)) return wrong;
  if (auto wrong = unordered_projection(all, c)) return wrong;
  for (Given& g : all) c.training.changes.push_back(std::make_shared<const Config::Change>(std::move(g.change)));
  return {};
}

}  // namespace brink::config
