// SPDX-License-Identifier: MIT
// Conflicts between settings each of which is accepted by itself.
#include <algorithm>
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

/// Of a measurement's own keys.
std::optional<Conflict> measurement_conflict(const Config& c, const Chosen<MeasurementKind>& m) {
  if (!m.kind->conflict) return {};
  const MeasurementSetting run{.samples = c.data.train,
                               .has_samples = has_data(c),
                               .unit = is_normalised(c.model) ? group_of(c.model) : 1,
                               .joins_short = joins_short_group(c.model),
                               .top = c.measure.top,
                               .steps = c.training.steps,
                               .steps_between = steps_between_measurements(c),
                               .evaluation_hessian = has_evaluation_hessian(c),
                               .precision = c.run.precision};
  const auto wrong = m.kind->conflict(m.options, run);
  if (!wrong) return {};
  return Conflict{"measure." + std::string(m.kind->name) + "." + wrong->option, wrong->message};
}

/// Of a measurement that writes files at chosen steps.
std::optional<Conflict> file_steps_conflict(const Config& c, const Chosen<MeasurementKind>& m) {
  const std::string table = "measure." + std::string(m.kind->name);
  const std::int64_t every = m.options.integer("every"), spectrum = steps_between_measurements(c);
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
      return Conflict{table + ".steps", (spectrum == c.measure.every ? "expected multiples of measure.every = "
                                                                     : "expected multiples of the steps between two "
                                                                       "measurements, ") +
                                            number_text(spectrum) + ", at which the spectrum is measured, got " +
                                            number_text(step)};
  }
  if (m.kind->needs_spectrum && every % c.measure.every != 0)
    return Conflict{table + ".every", "expected a multiple of measure.every = " + number_text(c.measure.every) +
                                          ", at which the spectrum is measured, got " + number_text(every)};
  return {};
}

std::optional<Conflict> minibatch_conflict(const Config& c) {
  if (const std::string rule = quote(c.training.rule.kind->name);
      c.training.rule.kind->needs_minibatches && c.training.batch == 0)
    return Conflict{"training.rule",
                    has_data(c) ? rule +
                                      " needs minibatches: set training.batch, the number of samples of each, for "
                                      "example training.batch = 128; training.rule = \"gd\" needs none"
                                : rule + " needs minibatches, and " + quote(c.model.kind->name) +
                                      " has no samples: choose another rule, such as \"gd\""};
  if (const Problem wrong = batch_problem(c, c.training.batch)) return Conflict{"training.batch", *wrong};
  return {};
}

/// Whether a rule of the run has a preconditioner.
bool preconditions(const Config& c) {
  return c.training.rule.kind->preconditions ||
         std::ranges::any_of(c.training.changes, [](const auto& x) { return x->after.rule.kind->preconditions; });
}

std::optional<Conflict> projection_conflict(const Config& c) {
  if (!widest_projection(c).projects()) return {};
  const auto needs = [](const std::string& what) {
    return Conflict{"training.project", "a projected update needs " + what};
  };
  if (const Problem wrong = projection_problem(c)) return Conflict{"training.project", *wrong};
  if (c.measure.top == 0) return needs("the largest eigenvalues: set measure.top = 1 or more");
  if (steps_between_measurements(c) != 1)
    return needs("eigenvectors of every step: set measure.every = 1 and measure.row_every = 1");
  if (has_evaluation_hessian(c))
    return needs("the Hessian of the loss that is descended: set model.norm_mode = \"training\"");
  return {};
}

std::optional<Conflict> measure_conflict(const Config& c) {
  if (c.measure.track_above) {
    if (c.measure.top == 0)
      return Conflict{"measure.track_above", "needs the largest eigenvalues: set measure.top = 1 or more"};
    if (c.measure.top_most < c.measure.top)
      return Conflict{"measure.top_most", "expected at least measure.top = " + number_text(c.measure.top) + ", got " +
                                              number_text(c.measure.top_most)};
    if (preconditions(c))
      return Conflict{"measure.track_above",
                      "needs a rule whose threshold is that of the Hessian, such as training.rule = \"gd\""};
  }
  if (c.measure.top > 0) return {};
  if (c.measure.certify == Certify::two_sided)
    return Conflict{"measure.certify", "\"two-sided\" needs the largest eigenvalue: set measure.top = 1 or more"};
  if (c.measure.accuracy == Accuracy::value)
    return Conflict{"measure.accuracy", "\"value\" needs the largest eigenvalue: set measure.top = 1 or more"};
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

Problem batch_problem(const Config& c, std::int64_t batch) {
  const std::int64_t group = group_of(c.model);
  if (batch > 0 && has_data(c) && c.data.train == 0)
    return "minibatches need data.train, the number of samples to take, which is \"all\": set it; `brink data check " +
           std::string(c.data.set.kind->name) + "` says how many the file has";
  if (batch > c.data.train)
    return "expected at most the " + number_text(c.data.train) + " samples of data.train, or 0 for all of them, got " +
           number_text(batch);
  if (is_normalised(c.model) && batch != c.data.train && batch % group != 0)
    return "expected a multiple of model.ghost_batch = " + number_text(group) +
           ", because a ghost group is never cut, or 0 for all samples, got " + number_text(batch);
  return {};
}

Problem projection_problem(const Config& c) {
  if (c.training.project == ProjectionMode::off) return {};
  if (c.training.batch > 0) return "a projected update needs the whole training set: set training.batch = 0";
  if (c.training.rule.kind->preconditions)
    return "a projected update needs a rule whose threshold is that of the Hessian, such as training.rule = \"gd\"";
  return {};
}

std::optional<Conflict> conflict(const Config& c) {
  if (c.model.kind->conflict)
    if (const auto wrong = c.model.kind->conflict(c.model.options, c.training.loss)) {
      // A network that does not take every loss says so of the key "loss", which it does not own.
      if (!c.model.options.has(wrong->option)) return Conflict{"training." + wrong->option, wrong->message};
      return Conflict{"model." + wrong->option,
                      wrong->message + ", got " + text_of(c.model.options.value(wrong->option))};
    }
  if (has_data(c))
    if (auto wrong = data_conflict(c)) return wrong;
  if (auto wrong = minibatch_conflict(c)) return wrong;
  if (auto wrong = projection_conflict(c)) return wrong;
  if (auto wrong = measure_conflict(c)) return wrong;
  if (auto wrong = schedule_conflict(c)) return wrong;
  for (const Chosen<MeasurementKind>& m : c.measure.more) {
    if (m.options.has("steps"))
      if (auto wrong = file_steps_conflict(c, m)) return wrong;
    if (m.kind->needs_lambda_1 && c.measure.top == 0)
      return Conflict{"measure.top",
                      "[measure." + std::string(m.kind->name) + "] needs measure.top = 1 or more, got 0"};
    if (m.kind->of_descended && has_evaluation_hessian(c))
      return Conflict{"model.norm_mode", "[measure." + std::string(m.kind->name) +
                                             "] needs the Hessian of the loss that is descended: set model.norm_mode = "
                                             "\"training\""};
    if (auto wrong = measurement_conflict(c, m)) return wrong;
  }
  if (c.run.arithmetic == Arithmetic::vendor && c.run.device != Where::cuda)
    return Conflict{"run.arithmetic", "\"vendor\" needs run.device = \"cuda\"; the CPU has \"exact\" only"};
  return {};
}

}  // namespace brink::config
