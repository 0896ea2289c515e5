// SPDX-License-Identifier: MIT
#include "training/replay/adopted_state.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace brink {

namespace {

/// "rule" of "rule/velocity"; a part without a slash is a group of its own.
std::string group_of(const std::string& part) { return part.substr(0, part.find('/')); }

bool fits(const SavedState::Value& a, const SavedState::Value& b) {
  if (a.index() != b.index()) return false;
  const auto *x = std::get_if<Array>(&a), *y = std::get_if<Array>(&b);
  return !x || (x->view().shape == y->view().shape && x->view().dtype == y->view().dtype);
}

bool same_changes(const Config::Training& a, const Config::Training& b) {
  return std::ranges::equal(a.changes, b.changes, [](const auto& x, const auto& y) {
    return x->at_step == y->at_step && x->at_accuracy == y->at_accuracy && x->set == y->set;
  });
}

std::vector<std::int64_t> due_of(const SavedState& state) {
  const auto due = state.parts.find("changes/due");
  return due == state.parts.end() ? std::vector<std::int64_t>() : std::get<std::vector<std::int64_t>>(due->second);
}

/// Whether a change of the rule has applied before the state's step.
bool rule_was_changed(const SavedState& parent, const Config& config) {
  const std::vector<std::int64_t> steps = due_of(parent);
  const std::int64_t now = std::get<std::int64_t>(parent.parts.at("step"));
  for (std::size_t i = 0; i < std::min(steps.size(), config.training.changes.size()); ++i)
    if (config.training.changes[i]->changes_rule && steps[i] >= 0 && steps[i] < now) return true;
  return false;
}

/// The projection in force before the state's step, and with it the memory that belongs to it. due: when each change applies.
ProjectionMode projection_before(const Config::Training& t, std::int64_t step, const std::vector<std::int64_t>& due) {
  ProjectionMode out = t.project;
  std::int64_t latest = -1;
  for (std::size_t i = 0; i < std::min(due.size(), t.changes.size()); ++i)
    if (t.changes[i]->changes_projection && due[i] >= latest && due[i] >= 0 && due[i] < step) {
      latest = due[i];
      out = t.changes[i]->after.project;
    }
  return out;
}

std::string in_words(const std::string& group, const Config& own) {
  if (group == "rule") return "the vectors of the rule " + std::string(own.training.rule.kind->name) + " are zero";
  if (group == "changes") return "the changes during the run are the fork's own";
  if (group == "tracker") return "eigenvectors are searched for from a random start";
  return "the memory of " + group + " is empty";
}

}  // namespace

AdoptedState adopt_state(SavedState fresh, const Config& own, SavedState parent, const Config& parents) {
  std::map<std::string, bool> adopted;  // by group
  for (const auto& [name, value] : fresh.parts) {
    const auto there = parent.parts.find(name);
    const bool same = there != parent.parts.end() && fits(value, there->second);
    const auto [group, first] = adopted.emplace(group_of(name), same);
    if (!first) group->second = group->second && same;
  }
  for (const auto& [name, value] : parent.parts)
    if (const auto group = adopted.find(group_of(name)); group != adopted.end() && !fresh.parts.contains(name))
      group->second = false;
  const bool changed = !same_changes(own.training, parents.training);
  if (own.training.rule.kind != parents.training.rule.kind)
    if (const auto rule = adopted.find("rule"); rule != adopted.end()) rule->second = false;
  if (changed) {
    adopted["changes"] = false;
    // The vectors of a rule that a change has replaced are out of date.
    if (const auto rule = adopted.find("rule"); rule != adopted.end() && rule_was_changed(parent, parents))
      rule->second = false;
  }
  const std::int64_t now = std::get<std::int64_t>(parent.parts.at("step"));
  if (const auto projection = adopted.find("projection"); projection != adopted.end())
    projection->second = projection->second && projection_before(own.training, now, due_of(changed ? fresh : parent)) ==
                                                   projection_before(parents.training, now, due_of(parent));
  adopted["tally"] = false;

  AdoptedState out;
  std::set<std::string> said{"tally"};
  for (auto part = fresh.parts.begin(); part != fresh.parts.end();) {
    auto own_part = fresh.parts.extract(part++);
    const std::string group = group_of(own_part.key());
    if (adopted.at(group)) {
      out.state.parts.insert(parent.parts.extract(own_part.key()));
      continue;
    }
    if (group == "step" || group.starts_with("theta") || group == "events")
      throw std::invalid_argument("state: the part '" + own_part.key() + "' of the parent does not fit");
    if (said.insert(group).second) out.fresh.push_back(in_words(group, own));
    out.state.parts.insert(std::move(own_part));
  }
  out.state.parts["events/crossings"] = std::int64_t{0};
  return out;
}

}  // namespace brink
