// SPDX-License-Identifier: MIT
// Conflicts between settings each of which is accepted by itself.
#include <tuple>

#include "training/io/text.h"
#include "training/run/config/keys.h"
#include "training/run/config/values.h"

namespace brink::config {

namespace {

std::optional<Conflict> data_conflict(const Config& c) {
  const DataKind& set = *c.data.set.kind;
  const std::string name = quote(set.name);
  if (set.files.empty() && !c.data.directory.empty())
    return Conflict{"data.directory", "has no meaning for data.name = " + name};
  if (!set.files.empty() && c.data.directory.empty())
    return Conflict{"data.name",
                    name + " needs data.directory, the folder that holds the " + std::string(set.files) + " files"};
  for (const auto& [path, samples, available] :
       {std::tuple{"data.train", c.data.train, set.most_train}, {"data.test", c.data.test, set.most_test}}) {
    if (samples % set.classes != 0)
      return Conflict{
          path, "expected a multiple of the " + number_text(set.classes) + " classes, got " + number_text(samples)};
    if (samples > available)
      return Conflict{path,
                      "expected at most " + number_text(available) + " for " + name + ", got " + number_text(samples)};
  }
  if (const std::int64_t group = group_of(c.model);
      c.run.chunk != 0 && c.run.chunk < c.data.train && c.run.chunk % group != 0)
    return Conflict{"run.chunk", "expected a multiple of the group of " + number_text(group) +
                                     " samples, or at least " + number_text(c.data.train) +
                                     " for the whole batch, got " + number_text(c.run.chunk)};
  return {};
}

std::optional<Conflict> minibatch_conflict(const Config& c) {
  const std::int64_t batch = c.training.batch, group = group_of(c.model);
  if (const std::string rule = quote(c.training.rule.kind->name); c.training.rule.kind->needs_minibatches && batch == 0)
    return Conflict{"training.rule",
                    has_data(c) ? rule +
                                      " needs minibatches: set training.batch, the number of samples of each, for "
                                      "example training.batch = 128; training.rule = \"gd\" needs none"
                                : rule + " needs minibatches, and " + quote(c.model.kind->name) +
                                      " has no samples: choose another rule, such as \"gd\""};
  if (batch > c.data.train)
    return Conflict{"training.batch", "expected at most the " + number_text(c.data.train) +
                                          " samples of data.train, or 0 for all of them, got " + number_text(batch)};
  if (is_normalised(c.model) && batch != c.data.train && batch % group != 0)
    return Conflict{"training.batch", "expected a multiple of model.ghost_batch = " + number_text(group) +
                                          ", because a ghost group is never cut, or 0 for all samples, got " +
                                          number_text(batch)};
  return {};
}

std::optional<Conflict> projection_conflict(const Config& c) {
  if (c.training.project == ProjectionMode::off) return {};
  const auto needs = [](const std::string& what) {
    return Conflict{"training.project", "a projected update needs " + what};
  };
  if (c.training.batch > 0) return needs("the whole training set: set training.batch = 0");
  if (c.measure.top == 0) return needs("the largest eigenvalues: set measure.top = 1 or more");
  if (steps_between_measurements(c) != 1)
    return needs("eigenvectors of every step: set measure.every = 1 and measure.row_every = 1");
  if (has_evaluation_hessian(c))
    return needs("the Hessian of the loss that is descended: set model.norm_mode = \"training\"");
  return {};
}

}  // namespace

std::optional<Conflict> conflict(const Config& c) {
  if (c.model.kind->conflict)
    if (const auto wrong = c.model.kind->conflict(c.model.options, c.training.loss))
      return Conflict{"model." + wrong->option,
                      wrong->message + ", got " + text_of(c.model.options.value(wrong->option))};
  if (has_data(c))
    if (auto wrong = data_conflict(c)) return wrong;
  if (auto wrong = minibatch_conflict(c)) return wrong;
  if (auto wrong = projection_conflict(c)) return wrong;
  if (c.run.arithmetic == Arithmetic::vendor && c.run.device != Where::cuda)
    return Conflict{"run.arithmetic", "\"vendor\" needs run.device = \"cuda\"; the CPU has \"exact\" only"};
  return {};
}

}  // namespace brink::config
