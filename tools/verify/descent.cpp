// SPDX-License-Identifier: MIT
// The kinds `descent` and `fmnist`: gradient descent step by step beside a reference trajectory.
// Eigenvalues come from the tracker that training uses, with a cold check at every measured step of `descent` and a tolerance
// on the residual whose square is far below that of the values.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>

#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"
#include "training/data/dataset.h"
#include "training/errors.h"
#include "training/loop.h"
#include "training/replay/interruption.h"
#include "training/rules/kind.h"

namespace brink::verify {

namespace {

constexpr std::int64_t close_steps = 60;  // steps 0 … 59
constexpr double comparable_until =
    1e6;  // the comparison ends where a reference value is larger than this or not finite
constexpr double early = 1e-8, late = 1e-6, early_spectrum_fmnist = 1e-7;

bool comparable(double reference) { return std::fabs(reference) <= comparable_until; }

/// One column of a trajectory: the reference's rows, ours, and the step of each.
struct Series {
  std::string name;
  std::vector<double> reference, found;
  std::vector<std::int64_t> step;
  double scale = 0;  // max|b|, of eigenvalues max|λ|
};

class Trajectory {
 public:
  Trajectory(const Case& c, Table& table, double early_spectrum)
      : case_(c), table_(table), early_spectrum_(early_spectrum) {}

  /// Leaves out, in every column, the rows at and after the first step with a value that cannot be compared.
  void end_at(const std::vector<double>& reference, std::int64_t first_step = 0) {
    for (std::size_t i = 0; i < reference.size(); ++i)
      if (!comparable(reference[i])) end_ = std::min(end_, first_step + static_cast<std::int64_t>(i));
  }
  std::int64_t end() const { return end_; }
  bool ends_early() const { return end_ < never; }

  /// max|b| over the compared rows.
  double scale_of(const std::vector<double>& reference, std::int64_t first_step = 0) const {
    double most = 0;
    for (std::size_t i = 0; i < reference.size() && first_step + static_cast<std::int64_t>(i) < end_; ++i)
      most = std::max(most, std::fabs(reference[i]));
    return most;
  }

  void add(const Series& s, bool spectrum) {
    double worst[2] = {0, 0};
    std::int64_t rows[2] = {0, 0};
    std::optional<std::int64_t> ends;
    for (std::size_t i = 0; i < s.reference.size(); ++i) {
      if (s.step[i] >= end_) continue;
      const double error = error_of({&s.found[i], 1}, {&s.reference[i], 1}, s.scale);
      const std::size_t part = s.step[i] < close_steps ? 0 : 1;
      ++rows[part];
      if (!(error <= worst[part])) worst[part] = worst[part] == worst[part] ? error : worst[part];
      if (!(error <= early) && !ends) ends = s.step[i];
    }
    const std::string note = ends ? "1e-8 ends at step " + std::to_string(*ends) : "1e-8 holds to the end";
    if (rows[0] > 0)
      table_.add({case_.name(), s.name + ", first 60 steps", worst[0], spectrum ? early_spectrum_ : early, note});
    if (rows[1] > 0) table_.add({case_.name(), s.name + ", after", worst[1], late, note});
  }

  void add_correct(const std::vector<std::int64_t>& reference, const std::vector<double>& found) {
    double wrong = 0;
    for (std::size_t i = 0; i < reference.size() && static_cast<std::int64_t>(i) < std::min(close_steps, end_); ++i)
      wrong = std::max(wrong, std::fabs(static_cast<double>(reference[i]) - found[i]));
    table_.add({case_.name(), "correct, first 60 steps", wrong, 0, {}});
  }

  /// Where the reference leaves the comparable range: whether our values leave it too, and whether both are finite at the end.
  /// A trajectory that agrees up to the step before is out of range at that step as well, so a reference with one damaged row
  /// does not end the comparison unnoticed.
  void add_end(std::initializer_list<const Series*> all, bool reference_finite, bool found_finite) {
    if (!ends_early()) return;
    bool left = false;
    for (const Series* s : all)
      for (std::size_t i = 0; i < s->found.size(); ++i)
        left = left || (s->step[i] == end_ && !comparable(2 * s->found[i]));
    table_.add({case_.name(), "leaves the range", left ? 0.0 : 1.0, 0,
                "at step " + std::to_string(end_) + " the reference is not finite or exceeds 1e6"});
    const auto word = [](bool finite) { return finite ? std::string("finite") : std::string("not finite"); };
    table_.add({case_.name(), "finite at the end", reference_finite == found_finite ? 0.0 : 1.0, 0,
                "compared until step " + std::to_string(end_) + "; reference " + word(reference_finite) + ", found " +
                    word(found_finite)});
  }

 private:
  static constexpr std::int64_t never = INT64_MAX;
  const Case& case_;
  Table& table_;
  double early_spectrum_;
  std::int64_t end_ = never;
};

std::vector<std::int64_t> counting(std::int64_t first, std::size_t n) {
  std::vector<std::int64_t> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = first + static_cast<std::int64_t>(i);
  return out;
}

bool all_finite(std::span<const double> x) {
  return std::ranges::all_of(x, [](double v) { return std::isfinite(v); });
}

double learning_rate_of(const Case& c) {
  const double rate = c.number("learning_rate"), threshold = c.number("threshold");
  if (!(rate > 0)) c.fail("learning_rate", "expected a positive number");
  Device host;
  const auto gd = factory(rule_kinds().front())(host, ParameterLayout(), Dtype::f64);
  if (error_of(threshold, gd->threshold(rate)) > 1e-12) c.fail("threshold", "expected 2/learning_rate");
  return rate;
}

void add_final_parameter(const Case& c, const ParameterLayout& layout, Trainer& trainer, std::int64_t steps,
                         Trajectory& trajectory, std::initializer_list<const Series*> all, Table& table) {
  const Array reference = c.vector("final_parameter", layout);
  Array found = layout.make_vector(Dtype::f64);
  const Array theta = trainer.theta_on_host();
  std::ranges::copy(theta.span<double>(), found.span<double>().begin());
  if (trajectory.ends_early())
    return trajectory.add_end(all, all_finite(reference.span<double>()), all_finite(found.span<double>()));
  const double tolerance = steps <= close_steps ? early : late;
  const VectorError e = vector_error(layout, found, reference, tolerance);
  table.add({c.name(), "final_parameter", e.error, tolerance, e.note()});
}

}  // namespace

void check_descent(Device& device, const Case& c, Table& table) {
  const ReferenceModel m = read_model(c);
  if (!m.not_built.empty()) return table.skip(c.name(), m.not_built + " is not built in this version");
  const ReferenceData data = read_samples(c, m);
  const double rate = learning_rate_of(c);
  const std::int64_t steps = c.integer("steps"), above = c.integer("steps_above_threshold");
  const std::int64_t distances = std::max<std::int64_t>(steps - 3, 0);
  Series loss{"loss", c.doubles("loss", {steps}), {}, counting(0, static_cast<std::size_t>(steps))};
  Series top{"lambda_max", c.doubles("lambda_max", {steps}), {}, loss.step},
      bottom{"lambda_min", c.doubles("lambda_min", {steps}), {}, loss.step};
  Series period2{"period2_distance",
                 c.doubles("period2_distance", {distances}),
                 {},
                 counting(3, static_cast<std::size_t>(distances))};
  const std::vector<std::int64_t> correct = c.integers("correct", {steps});
  const Array theta0 = c.vector("parameter", m.model.layout);
  c.vector("final_parameter", m.model.layout);

  Trajectory trajectory(c, table, early);
  for (const Series* s : {&loss, &top, &bottom}) trajectory.end_at(s->reference);
  trajectory.end_at(period2.reference, 3);
  const Objective objective = make_objective(m.model, m.loss, Dtype::f64);
  const Placed on_device(device, data.views());
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(rate);
  options.tracker =
      TrackerOptions{.tolerance = 1e-8, .cold_check = 1, .budget = 5000, .max_basis = 96, .cold_confirm = 8};
  Trainer trainer(device, objective, on_device.views(), {}, options, theta0.view());
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> right;
  std::int64_t found_above = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    stop_if_asked();
    trainer.measure(t <= trajectory.end());
    const brink::Row& row = trainer.complete();
    loss.found.push_back(row.number("loss").value_or(missing));
    top.found.push_back(row.number("lambda_1").value_or(missing));
    bottom.found.push_back(row.number("lambda_min").value_or(missing));
    if (t >= 3) period2.found.push_back(row.number("period2_distance").value_or(missing));
    right.push_back(trainer.seen().correct);
    found_above += top.found.back() > trainer.seen().threshold;
    trainer.update();
  }
  loss.scale = trajectory.scale_of(loss.reference);
  top.scale = bottom.scale = std::max(trajectory.scale_of(top.reference), trajectory.scale_of(bottom.reference));
  period2.scale = trajectory.scale_of(period2.reference, 3);
  trajectory.add(loss, false);
  trajectory.add(top, true);
  trajectory.add(bottom, true);
  trajectory.add(period2, false);
  trajectory.add_correct(correct, right);
  if (!trajectory.ends_early())
    table.add({c.name(), "steps_above_threshold", std::fabs(static_cast<double>(found_above - above)), 0, {}});
  add_final_parameter(c, m.model.layout, trainer, steps, trajectory, {&loss, &top, &bottom, &period2}, table);
}

void check_fmnist(Device& device, const Case& c, const std::string& data_directory, Table& table) {
  if (const std::string model = c.text("model"); model != "mlp")
    return table.skip(c.name(), "model " + model + " of Fashion-MNIST has no reference format");
  const ReferenceModel m = read_model(c);
  if (!m.not_built.empty()) return table.skip(c.name(), m.not_built + " is not built in this version");
  const double rate = learning_rate_of(c);
  const std::int64_t steps = c.integer("steps"), classes = c.integer("classes"), per_class = c.integer("per_class");
  if (classes < 1 || classes > 10) c.fail("classes", "expected 1 to 10");
  if (per_class < 1 || per_class > 6000) c.fail("per_class", "expected 1 to 6000");
  if (m.model.classes != classes)
    c.fail("classes", "expected the " + std::to_string(m.model.classes) + " of the last layer");
  // There may be a last row after the last update.
  const std::int64_t rows = c.shape("loss")[0];
  if (rows != steps && rows != steps + 1)
    c.fail_tensor("loss", "expected " + std::to_string(steps) + " rows, or one more");
  const std::size_t measured = static_cast<std::size_t>(c.shape("spectrum_step")[0]);
  const auto measured_rows = static_cast<std::int64_t>(measured);
  const std::int64_t tops = c.shape("top_eigenvalues")[1];
  Series loss{"loss", c.doubles("loss", {rows}), {}, counting(0, static_cast<std::size_t>(rows))};
  const std::vector<std::int64_t> correct = c.integers("correct", {rows}),
                                  at = c.integers("spectrum_step", {measured_rows}),
                                  kept = c.integers("kept_rows", {classes * per_class});
  Series top{"top_eigenvalues", c.doubles("top_eigenvalues", {measured_rows, tops}), {}, {}};
  Series bottom{"lambda_min", c.doubles("lambda_min", {measured_rows}), {}, at};
  for (std::size_t i = 0; i < measured; ++i) {
    if (at[i] < 0 || at[i] >= rows || (i > 0 && at[i] <= at[i - 1]))
      c.fail_tensor("spectrum_step", "expected ascending steps of the run");
    for (std::int64_t k = 0; k < tops; ++k) top.step.push_back(at[i]);
  }
  const Array theta0 = c.vector("parameter", m.model.layout);

  const DataPair data = load_fashion_mnist(data_directory, classes, classes * per_class, classes, Dtype::f64);
  if (data.train.picture.elements() != m.model.sample.elements())
    c.fail_tensor("parameter/dense0.weight", "expected " + std::to_string(data.train.picture.elements()) + " inputs");
  table.add({c.name(), "kept_rows", kept == data.train.kept_rows ? 0.0 : 1.0, 0, {}});

  Trajectory trajectory(c, table, early_spectrum_fmnist);
  trajectory.end_at(loss.reference);
  for (std::size_t i = 0; i < measured; ++i) {
    bool in_range = comparable(bottom.reference[i]);
    for (std::size_t k = 0; k < static_cast<std::size_t>(tops); ++k)
      in_range = in_range && comparable(top.reference[i * static_cast<std::size_t>(tops) + k]);
    if (!in_range) trajectory.end_at({INFINITY}, at[i]);
  }
  const Objective objective = make_objective(m.model, m.loss, Dtype::f64);
  const View views[] = {data.train.x.view(), data.train.labels.view()};
  const Placed on_device(device, views);
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(rate);
  if (measured > 0)
    options.tracker = TrackerOptions{.top = static_cast<int>(tops),
                                     .bottom = 1,
                                     .tolerance = 1e-6,
                                     .cold_check = 0,
                                     .budget = 5000,
                                     .max_basis = 96,
                                     .cold_confirm = 8};
  Trainer trainer(device, objective, on_device.views(), {}, options, theta0.view());
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> right;
  std::size_t next = 0;
  for (std::int64_t t = 0; t < rows; ++t) {
    stop_if_asked();
    const bool spectrum = next < measured && at[next] == t;
    trainer.measure(spectrum && t <= trajectory.end());
    trainer.complete();
    const Observed& seen = trainer.seen();
    loss.found.push_back(seen.loss);
    right.push_back(seen.correct);
    if (spectrum) {
      ++next;
      for (std::size_t k = 0; k < static_cast<std::size_t>(tops); ++k)
        top.found.push_back(k < seen.spectrum.top.size() ? seen.spectrum.top[k].value : missing);
      bottom.found.push_back(seen.spectrum.bottom.empty() ? missing : seen.spectrum.bottom[0].value);
    }
    if (t + 1 < rows) trainer.update();
  }
  loss.scale = trajectory.scale_of(loss.reference);
  double largest_eigenvalue = 0;
  for (const Series* s : {&top, &bottom})
    for (std::size_t i = 0; i < s->reference.size(); ++i)
      if (s->step[i] < trajectory.end()) largest_eigenvalue = std::max(largest_eigenvalue, std::fabs(s->reference[i]));
  top.scale = bottom.scale = largest_eigenvalue;
  trajectory.add(loss, false);
  trajectory.add(top, true);
  trajectory.add(bottom, true);
  trajectory.add_correct(correct, right);
  trajectory.add_end({&loss, &top, &bottom}, std::isfinite(loss.reference.back()), std::isfinite(loss.found.back()));
  if (c.has("final_loss") && !trajectory.ends_early() && rows == steps + 1)
    table.add({c.name(),
               "final_loss",
               error_of({&loss.found.back(), 1}, std::vector<double>{c.number("final_loss")}, loss.scale),
               steps < close_steps ? early : late,
               {}});
}

}  // namespace brink::verify
