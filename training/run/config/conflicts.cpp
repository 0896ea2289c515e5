// SPDX-License-Identifier: MIT
// Conflicts between settings each of which is accepted by itself.
#include <cmath>
#include <tuple>

#include "training/io/text.h"
#include "training/run/config/keys.h"
#include "training/run/config/values.h"

namespace brink::config {

namespace {

std::optional<Conflict> chunk_conflict(const Config& c) {
  const std::int64_t group = group_of(c.model), samples = c.data.train;
  if (c.run.chunk == 0 || c.run.chunk % group == 0 || (samples > 0 && c.run.chunk >= samples)) return {};
  return Conflict{"run.chunk",
                  "expected a multiple of the group of " + number_text(group) + " samples" +
                      (samples > 0 ? ", or at least " + number_text(samples) + " for the whole batch" : "") + ", got " +
                      number_text(c.run.chunk)};
}

/// Of a user's own files, whose classes and number of samples are not known yet.
std::optional<Conflict> own_data_conflict(const Config& c) {
  if (c.data.test != 0 && c.data.set.options.text("test_file").empty())
    return Conflict{"data.test", "has no meaning without data.test_file"};
  return chunk_conflict(c);
}

std::optional<Conflict> data_conflict(const Config& c) {
  const DataKind& set = *c.data.set.kind;
  const std::string name = quote(set.name);
  if (set.conflict)
    if (const auto wrong = set.conflict(c.data.set.options)) return Conflict{"data." + wrong->option, wrong->message};
  if (set.sizes) return own_data_conflict(c);
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
  return chunk_conflict(c);
}

/// Of a measurement that writes files at chosen steps.
std::optional<Conflict> file_steps_conflict(const Config& c, const Chosen<MeasurementKind>& m) {
  const std::string table = "measure." + std::string(m.kind->name);
  const std::int64_t every = m.options.integer("every"), spectrum = c.measure.every;
  const std::vector<std::int64_t>& steps = m.options.integers("steps");
  if (m.kind->needs_spectrum && !measures_spectrum(c))
    return Conflict{table + ".steps", "has no meaning with measure.top = 0 and measure.bottom = 0"};
  if (steps.empty() && every == 0)
    return Conflict{table + ".steps",
                    "expected the steps at which files are written, such as [0, 100], or a number of "
                    "steps between two files in " +
                        table + ".every"};
  for (const std::int64_t step : steps) {
    if (step > c.training.steps)
      return Conflict{table + ".steps", "expected steps up to training.steps = " + number_text(c.training.steps) +
                                            ", got " + number_text(step)};
    if (m.kind->needs_spectrum && step % spectrum != 0)
      return Conflict{table + ".steps", "expected multiples of measure.every = " + number_text(spectrum) +
                                            ", at which the spectrum is measured, got " + number_text(step)};
  }
  if (m.kind->needs_spectrum && every % spectrum != 0)
    return Conflict{table + ".every", "expected a multiple of measure.every = " + number_text(spectrum) +
                                          ", at which the spectrum is measured, got " + number_text(every)};
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
  for (const Chosen<MeasurementKind>& m : c.measure.more) {
    if (m.options.has("steps"))
      if (auto wrong = file_steps_conflict(c, m)) return wrong;
    if (m.kind->needs_lambda_1 && c.measure.top == 0)
      return Conflict{"measure.top",
                      "[measure." + std::string(m.kind->name) + "] needs measure.top = 1 or more, got 0"};
  }
  if (c.run.arithmetic == Arithmetic::vendor && c.run.device != Where::cuda)
    return Conflict{"run.arithmetic", "\"vendor\" needs run.device = \"cuda\"; the CPU has \"exact\" only"};
  return {};
}

}  // namespace brink::config
