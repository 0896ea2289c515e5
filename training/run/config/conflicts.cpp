// SPDX-License-Identifier: MIT
// Conflicts between settings each of which is accepted by itself.
#include <cmath>
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

/// Warm-up apart, a schedule is monotone, so its last value decides.
std::optional<Conflict> schedule_conflict(const Config& c) {
  const Config::Training& t = c.training;
  const double last = make_schedule(t.schedule, t.learning_rate, 0, t.steps)->learning_rate(t.steps);
  if (std::isnormal(last)) return {};
  return Conflict{"training.schedule", "the learning rate at step " + number_text(t.steps) + " is " + real_text(last) +
                                           ": expected a schedule that ends with a positive, finite one"};
}

}  // namespace

std::optional<Conflict> conflict(const Config& c) {
  if (c.model.kind->conflict)
    if (const auto wrong = c.model.kind->conflict(c.model.options, c.training.loss))
      return Conflict{"model." + wrong->option,
                      wrong->message + ", got " + text_of(c.model.options.value(wrong->option))};
  if (has_data(c))
    if (auto wrong = data_conflict(c)) return wrong;
  if (auto wrong = schedule_conflict(c)) return wrong;
  if (c.run.arithmetic == Arithmetic::vendor && c.run.device != Where::cuda)
    return Conflict{"run.arithmetic", "\"vendor\" needs run.device = \"cuda\"; the CPU has \"exact\" only"};
  return {};
}

}  // namespace brink::config
