// SPDX-License-Identifier: MIT
// What it is: what settings that are right one by one can be wrong in together. What it is not: the list of keys (keys.cpp).
#include <algorithm>
#include <tuple>

#include "training/config/keys.h"
#include "training/text.h"

namespace brink::config {

std::optional<Conflict> conflict(const Config& c, const std::function<bool(std::string_view)>& given) {
  const bool dln = c.model.name == ModelName::dln;
  for (const Key& key : keys())
    if (!key.models.empty() && given(key.path()) && std::ranges::find(key.models, c.model.name) == key.models.end())
      return Conflict{key.path(), "has no meaning for model.name = " + quote(name_of(c.model.name))};
  if (dln && c.training.loss == Loss::cross_entropy && c.model.target != 0 && c.model.target != 1)
    return Conflict{"model.target",
                    "expected 0 or 1 for training.loss = \"cross_entropy\", got " + real_text(c.model.target)};
  if (c.model.name == ModelName::resnet20 && (c.model.widths.size() != 3 || !std::ranges::is_sorted(c.model.widths)))
    return Conflict{"model.widths", "expected three widths that do not fall, because a shortcut appends channels"};
  const DataFacts& facts = facts_of(c.data.name);
  const std::string name = quote(name_of(c.data.name));
  if (facts.files.empty() && !c.data.directory.empty())
    return Conflict{"data.directory", "has no meaning for data.name = " + name};
  if (!facts.files.empty() && c.data.directory.empty())
    return Conflict{"data.name",
                    name + " needs data.directory, the folder that holds the " + std::string(facts.files) + " files"};
  for (const auto& [path, samples, available] :
       {std::tuple{"data.train", c.data.train, facts.most_train}, {"data.test", c.data.test, facts.most_test}}) {
    if (samples % facts.classes != 0)
      return Conflict{
          path, "expected a multiple of the " + number_text(facts.classes) + " classes, got " + number_text(samples)};
    if (samples > available)
      return Conflict{path,
                      "expected at most " + number_text(available) + " for " + name + ", got " + number_text(samples)};
  }
  if (c.run.arithmetic == Arithmetic::vendor && c.run.device != Where::cuda)
    return Conflict{"run.arithmetic",
                    "\"vendor\" is for run.device = \"cuda\" so far; the CPU computes \"exact\" only"};
  if (const std::int64_t group = group_of(c);
      c.run.chunk != 0 && c.run.chunk < c.data.train && c.run.chunk % group != 0)
    return Conflict{"run.chunk", "expected a multiple of the group of " + number_text(group) + " samples, or " +
                                     number_text(c.data.train) + " and more for the whole batch, got " +
                                     number_text(c.run.chunk)};
  return {};
}

}  // namespace brink::config
