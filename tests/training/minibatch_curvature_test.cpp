// SPDX-License-Identifier: MIT
// The measurements that draw minibatches of their own (gradient noise, batch sharpness, minibatch overlap) against whole Hessians, the
// gradients of single samples, and plain loops over the same draws.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "kernels/dense/symmetric_eigen.h"
#include "models/convolutional.h"
#include "tests/support/minibatch.h"
#include "tests/support/networks.h"
#include "training/errors.h"
#include "training/loop.h"
#include "training/measurements/minibatch_draws.h"
#include "training/run/config.h"

using namespace brink;
using support::Network;

namespace {

using Cells = std::map<std::string, double>;

struct How {
  std::string measurement;
  std::vector<std::pair<std::string, OptionValue>> sets = {};
  int steps = 1;
};

/// The numbers of the last of `steps` steps, and θ of that step.
struct Found {
  Cells cells;
  Array theta;
};
Found measure(const Network& n, const How& how) {
  Chosen<MeasurementKind> kind(*find_kind(measurement_kinds(), how.measurement));
  for (const auto& [name, value] : how.sets) kind.options.set(name, value);
  TrainerOptions o;
  o.schedule = std::make_shared<ConstantRate>(0.5);
  o.tracker = TrackerOptions{.top = 1, .bottom = 1, .tolerance = 1e-8, .cold_check = 5, .budget = 400, .max_basis = 60};
  o.seed = 11;
  o.measurements.push_back({factory(kind)});
  Device device;
  Trainer trainer(device, n.objective, n.data(), {}, o, n.theta.view());
  for (int t = 1; t < how.steps; ++t) trainer.step();
  Found out{{}, trainer.theta_on_host()};
  const Row& row = trainer.step();
  for (const Column& c : row.columns())
    if (const auto x = row.number(c.name)) out.cells[c.name] = *x;
  return out;
}

/// The rows that the measurements draw at a step.
std::vector<std::int32_t> drawn(const Network& n, std::int64_t samples, std::int64_t step, int number) {
  Device device;
  const Batch train = n.data(), test;
  const BatchOptions batch;
  Pass pass(device, n.objective, train, batch, {}, false);
  const MeasurementContext context{.device = device,
                                   .objective = n.objective,
                                   .pass = pass,
                                   .train = train,
                                   .test = test,
                                   .batch = batch,
                                   .seed = 11,
                                   .train_samples = n.options.samples};
  MinibatchDraws draws(context, samples);
  draws.draw(device, step, number);
  const auto rows = draws.rows().on_host().span<std::int32_t>();
  return {rows.begin(), rows.end()};
}

/// Gradient and products of the mean loss of some rows, at θ.
class Rows {
 public:
  Rows(const Network& n, const std::vector<std::int32_t>& rows, View theta)
      : n_(n),
        list_(device_, static_cast<std::int64_t>(rows.size()), n.options.samples),
        hvp_(device_, n.objective, Batch(n.data()).chosen_by(list_)),
        gradient_(n.vector()) {
    list_.set(device_, rows);
    hvp_.linearize_at(theta, gradient_.view());
  }
  std::vector<double> gradient() const { return doubles(gradient_.view()); }
  std::vector<double> product(const std::vector<double>& v) {
    const Array x = n_.vector(), y = n_.vector();
    std::ranges::copy(v, x.span<double>().begin());
    hvp_.apply(x.view(), y.view());
    return doubles(y.view());
  }
  /// Eigenvalues, ascending, and eigenvectors of the whole Hessian, over the places of the parameters.
  struct Spectrum {
    std::vector<double> values, vectors;
    std::vector<std::size_t> places;
    std::vector<double> top(std::size_t extent) const {
      std::vector<double> out(extent);
      for (std::size_t i = 0; i < places.size(); ++i) out[places[i]] = vectors[(places.size() - 1) * places.size() + i];
      return out;
    }
  };
  Spectrum spectrum() {
    Spectrum out;
    for (const Parameter& p : n_.objective.layout.parameters())
      for (std::int64_t i = 0; i < p.shape.elements(); ++i)
        out.places.push_back(static_cast<std::size_t>(p.offset + i));
    const std::size_t size = out.places.size();
    for (const std::size_t place : out.places) {
      std::vector<double> unit(static_cast<std::size_t>(n_.objective.layout.extent()));
      unit[place] = 1;
      const std::vector<double> column = product(unit);
      for (const std::size_t row : out.places) out.vectors.push_back(column[row]);
    }
    out.values.resize(size);
    std::vector<double> work(size);
    REQUIRE(symmetric_eigen(static_cast<int>(size), out.vectors.data(), out.values.data(), work.data()));
    return out;
  }

 private:
  static std::vector<double> doubles(View v) {
    const auto x = v.span<double>();
    return {x.begin(), x.end()};
  }
  const Network& n_;
  Device device_;
  RowList list_;
  Hvp hvp_;
  Array gradient_;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<std::int32_t> all_rows(const Network& n) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < n.options.samples; ++i) out.push_back(static_cast<std::int32_t>(i));
  return out;
}

}  // namespace

TEST_CASE("minibatches that measurements draw: no row twice, whole groups, never a last group of another size") {
  const Network plain({.samples = 50});
  std::set<std::vector<std::int32_t>> different;
  for (const std::int64_t step : {0, 1})
    for (const int number : {0, 1, 2}) {
      const auto rows = drawn(plain, 20, step, number);
      CHECK(std::set<std::int32_t>(rows.begin(), rows.end()).size() == 20);
      different.insert(rows);
    }
  CHECK(different.size() == 6);
  CHECK(drawn(plain, 20, 1, 2) == drawn(plain, 20, 1, 2));

  const Network groups({.samples = 34}, vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4}));  // eight groups of 4 and one of 2
  std::set<std::int32_t> seen;
  for (int number = 0; number < 40; ++number) {
    const auto rows = drawn(groups, 12, 3, number);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i] == rows[i / 4 * 4] + static_cast<std::int32_t>(i % 4));
      CHECK(rows[i / 4 * 4] % 4 == 0);
      seen.insert(rows[i]);
    }
  }
  CHECK(*seen.rbegin() == 31);
  CHECK(seen.size() == 32);
  CHECK(drawn(groups, 34, 0, 0) == all_rows(groups));
  CHECK_THROWS_AS(drawn(groups, 6, 0, 0), std::invalid_argument);
  const Network joined({.samples = 34}, vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4, .join_short = true}));
  std::set<std::int32_t> of_joined;  // the last group, of six samples, is never drawn
  for (int number = 0; number < 40; ++number)
    for (const std::int32_t row : drawn(joined, 12, 3, number)) of_joined.insert(row);
  CHECK(*of_joined.rbegin() == 27);
}

TEST_CASE(
    "batch sharpness: the mean over the draws of gᵀHg/‖g‖² of each; of all samples the curvature along the gradient") {
  const Network n({.samples = 60, .hidden = {5}});
  const Found found = measure(n, {"batch_sharpness", {{"batch", std::int64_t{12}}, {"draws", std::int64_t{6}}}, 3});
  std::vector<double> ratios, others;
  for (int j = 0; j < 6; ++j)
    for (const std::int64_t step : {2, 1}) {
      Rows rows(n, drawn(n, 12, step, j), found.theta.view());
      const std::vector<double> g = rows.gradient();
      (step == 2 ? ratios : others).push_back(dot(g, rows.product(g)) / dot(g, g));
    }
  double mean = 0, spread = 0;
  for (const double x : ratios) mean += x / 6;
  for (const double x : ratios) spread += (x - mean) * (x - mean);
  CHECK(found.cells.at("batch_sharpness") == doctest::Approx(mean).epsilon(1e-12));
  CHECK(found.cells.at("batch_sharpness_error") == doctest::Approx(std::sqrt(spread / 5 / 6)).epsilon(1e-10));
  CHECK(found.cells.at("batch_sharpness_threshold") == 2 / 0.5);
  CHECK(std::fabs(mean_with_error(others).mean - mean) > 1e-6);  // control: the draws of another step

  const Found whole = measure(n, {"batch_sharpness", {{"batch", std::int64_t{60}}, {"draws", std::int64_t{2}}}, 3});
  Rows rows(n, all_rows(n), found.theta.view());
  const std::vector<double> g = rows.gradient();
  CHECK(whole.cells.at("batch_sharpness") == doctest::Approx(dot(g, rows.product(g)) / dot(g, g)).epsilon(1e-12));
  CHECK(whole.cells.at("batch_sharpness_error") == 0);
}

TEST_CASE("gradient noise: the trace of the covariance of single samples' gradients, within its standard error") {
  const Network n({.samples = 40, .hidden = {5}});
  const Found first = measure(n, {"gradient_noise", {{"batch", std::int64_t{1}}, {"draws", std::int64_t{2}}}});
  Rows whole(n, all_rows(n), first.theta.view());
  const std::vector<double> g = whole.gradient();
  double exact = 0;
  for (std::int32_t i = 0; i < 40; ++i) {
    std::vector<double> d = Rows(n, {i}, first.theta.view()).gradient();
    for (std::size_t e = 0; e < d.size(); ++e) d[e] -= g[e];
    exact += dot(d, d) / 39;
  }
  for (const std::int64_t batch : {1, 10, 30}) {
    CAPTURE(batch);
    const Cells found = measure(n, {"gradient_noise", {{"batch", batch}, {"draws", std::int64_t{600}}}}).cells;
    const double error = found.at("gradient_noise_error");
    CHECK(std::fabs(found.at("gradient_noise") - exact) < 4 * error);
    CHECK(error < 0.1 * exact);
    // Control: without the correction for a finite training set, 1/b in place of 1/b − 1/N.
    if (batch == 30) CHECK(std::fabs(found.at("gradient_noise") / 4 - exact) > 4 * error);
  }
  // Of a network that normalises: the noise of whole groups, drawn from those of equal size.
  const Network groups({.samples = 34}, vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4}));
  const Found some = measure(groups, {"gradient_noise", {{"draws", std::int64_t{200}}}});
  double mean_square = 0;
  std::vector<std::vector<double>> of_groups;
  std::vector<double> mean;
  for (std::int32_t group = 0; group < 8; ++group) {
    const std::int32_t at = 4 * group;
    of_groups.push_back(Rows(groups, {at, at + 1, at + 2, at + 3}, some.theta.view()).gradient());
    mean.resize(of_groups.back().size());
    for (std::size_t e = 0; e < mean.size(); ++e) mean[e] += of_groups.back()[e] / 8;
  }
  for (std::vector<double>& d : of_groups) {
    for (std::size_t e = 0; e < d.size(); ++e) d[e] -= mean[e];
    mean_square += dot(d, d) / 7;
  }
  CHECK(std::fabs(some.cells.at("gradient_noise") - 4 * mean_square) < 4 * some.cells.at("gradient_noise_error"));
}

TEST_CASE("minibatch overlap: leading eigenpairs and noise are those of whole Hessians, beside the predicted ones") {
  const Network n({.samples = 60, .hidden = {5}});
  const std::vector<std::int64_t> batches{10, 30, 60};
  const Found found = measure(
      n, {"minibatch_overlap",
          {{"batches", batches}, {"fit_batch", std::int64_t{30}}, {"draws", std::int64_t{3}}, {"tolerance", 1e-8}},
          2});
  Rows whole(n, all_rows(n), found.theta.view());
  const Rows::Spectrum full = whole.spectrum();
  const auto extent = static_cast<std::size_t>(n.objective.layout.extent());
  const std::vector<double> u1 = full.top(extent);
  const double lambda = full.values.back();
  CHECK(found.cells.at("lambda_1") == doctest::Approx(lambda).epsilon(1e-7));
  for (const std::int64_t b : batches) {
    CAPTURE(b);
    std::vector<double> overlaps, lambdas;
    for (int j = 0; j < 3; ++j) {
      Rows rows(n, drawn(n, b, 1, j), found.theta.view());
      const Rows::Spectrum spectrum = rows.spectrum();
      overlaps.push_back(std::pow(dot(u1, spectrum.top(extent)), 2));
      lambdas.push_back(spectrum.values.back());
    }
    const std::string end = "_" + std::to_string(b);
    const MeanWithError overlap = mean_with_error(overlaps), value = mean_with_error(lambdas);
    CHECK(std::fabs(found.cells.at("minibatch_overlap" + end) - overlap.mean) < 1e-6);
    CHECK(std::fabs(found.cells.at("minibatch_overlap" + end + "_error") - overlap.error) < 1e-6);
    CHECK(found.cells.at("minibatch_lambda" + end) == doctest::Approx(value.mean).epsilon(1e-7));
    CHECK(found.cells.at("minibatch_residual" + end) < 1e-6 * lambda);
    if (b < 60) CHECK(overlap.mean < 1 - 1e-4);
    const double variance = found.cells.at("minibatch_variance"), s = variance * (1 / double(b) - 1 / 60.0);
    CHECK(found.cells.at("minibatch_overlap" + end + "_predicted") ==
          doctest::Approx(lambda > std::sqrt(s) ? 1 - s / (lambda * lambda) : 0).epsilon(1e-6));
    CHECK(found.cells.at("minibatch_lambda" + end + "_predicted") ==
          doctest::Approx(lambda > std::sqrt(s) ? lambda + s / lambda : 2 * std::sqrt(s)).epsilon(1e-6));
  }
  // All samples are a minibatch without noise.
  CHECK(found.cells.at("minibatch_overlap_60") == doctest::Approx(1).epsilon(1e-9));
  CHECK(found.cells.at("minibatch_overlap_60_predicted") == 1);
  // The noise: the mean of ‖(H_b − H)v‖² over unit v is the mean square of the entries times n, exactly known for each draw.
  const auto n_count = static_cast<double>(full.places.size());
  double exact = 0;
  for (int j = 0; j < 3; ++j) {
    Rows rows(n, drawn(n, 30, 1, j), found.theta.view());
    for (const std::size_t place : full.places) {
      std::vector<double> unit(extent);
      unit[place] = 1;
      std::vector<double> d = rows.product(unit);
      const std::vector<double> all = whole.product(unit);
      for (std::size_t e = 0; e < extent; ++e) d[e] -= all[e];
      exact += dot(d, d) / n_count / 3;
    }
  }
  const double factor = 1 / 30.0 - 1 / 60.0;
  CHECK(std::fabs(found.cells.at("minibatch_variance") * factor - exact) <
        4 * found.cells.at("minibatch_variance_error") * factor);
  CHECK(found.cells.at("minibatch_variance_error") > 0);
}

TEST_CASE("sizes of minibatches that do not fit are refused before a run, with what was expected") {
  const auto refusal = [](std::vector<std::string> sets) {
    try {
      (void)load_config({{}, std::move(sets), {}});
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string("accepted");
  };
  const std::vector<std::string> vgg{"data.name=synthetic-cifar", "data.train=100", "data.test=20", "model.name=vgg"};
  const auto with = [](std::vector<std::string> a, const std::string& b) {
    a.push_back(b);
    return a;
  };
  struct Fault {
    std::vector<std::string> sets;
    const char* message;
  };
  const Fault faults[]{
      {{"data.train=40", "measure.gradient_noise.batch=40"}, "measure.gradient_noise.batch: expected at most 39"},
      {with(vgg, "measure.gradient_noise.batch=33"), "expected a multiple of model.ghost_batch = 32"},
      {with(vgg, "measure.batch_sharpness.batch=96"), "expected at most 64 of the 100 samples of data.train"},
      {with(vgg, "measure.minibatch_overlap.batches=[32,64,32]"), "expected each size once, got 32 twice"},
      {with(vgg, "measure.minibatch_overlap.fit_batch=64"), "expected one of measure.minibatch_overlap.batches"},
      {with(vgg, "measure.minibatch_overlap.batches=[100]"),
       "measure.minibatch_overlap.fit_batch: expected at most 64 of the 100"},
      {{"model.name=dln", "measure.gradient_noise.draws=4"}, "has no meaning for a network without samples"},
  };
  for (const Fault& fault : faults) {
    CAPTURE(fault.message);
    const std::string said = refusal(fault.sets);
    CHECK_MESSAGE(said.find(fault.message) != std::string::npos, said);
  }
  CHECK(refusal(with(vgg, "measure.batch_sharpness.batch=64")) == "accepted");
  const auto joined = with(vgg, "model.short_group=join");  // groups of 32, 32 and 36
  CHECK(refusal(with(joined, "measure.batch_sharpness.batch=32")) == "accepted");
  CHECK(refusal(with(joined, "measure.batch_sharpness.batch=64")).find("expected at most 32 of the 100") !=
        std::string::npos);
  CHECK(refusal(with(vgg, "measure.batch_sharpness.batch=100")) == "accepted");
}
