// SPDX-License-Identifier: MIT
// [measure.rotation] against plain loops over the eigenvectors of a run: overlaps by index and matched, subspaces, alignment, layers.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "spectral/subspace.h"
#include "tests/support/networks.h"
#include "tests/support/row_text.h"
#include "tests/training/small_run.h"
#include "training/errors.h"
#include "training/io/safetensors.h"
#include "training/loop.h"

using namespace brink;
using support::Network;

namespace {

constexpr int tracked = 4;

MeasurementFactory rotation(const std::vector<std::pair<std::string, OptionValue>>& sets) {
  Chosen<MeasurementKind> kind(*find_kind(measurement_kinds(), "rotation"));
  for (const auto& [name, value] : sets) kind.options.set(name, value);
  return factory(kind);
}

TrainerOptions options_of(const MeasurementFactory& measurement, std::int64_t every = 1) {
  TrainerOptions o;
  o.schedule = std::make_shared<ConstantRate>(2.5);
  o.tracker =
      TrackerOptions{.top = tracked, .bottom = 1, .tolerance = 1e-6, .cold_check = 5, .budget = 400, .max_basis = 60};
  o.measurements.push_back({measurement, every});
  return o;
}

using Vectors = std::vector<std::vector<double>>;

/// What a run has at a step, in float64.
struct Seen {
  Vectors u;
  std::vector<double> gradient;
  std::map<std::string, double> cells;
};

std::vector<double> row_of(View all, std::int64_t row, std::int64_t extent) {
  std::vector<double> out;
  with_real(all.dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < extent; ++i) out.push_back(static_cast<double>(all.as<T>()[row * extent + i]));
  });
  return out;
}

std::vector<Seen> run(const Network& n, const TrainerOptions& options, int steps) {
  Device device;
  Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
  std::vector<Seen> out;
  const std::int64_t extent = n.objective.layout.extent();
  for (int t = 0; t < steps; ++t) {
    Seen s;
    trainer.measure(true);
    for (int i = 0; i < tracked; ++i) s.u.push_back(row_of(trainer.eigenvectors(), i, extent));
    s.gradient = row_of(trainer.gradient(), 0, extent);
    trainer.update();
    const Row& row = trainer.complete();
    for (const Column& c : row.columns())
      if (const auto x = row.number(c.name)) s.cells[c.name] = *x;
    out.push_back(std::move(s));
  }
  return out;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The best partner of each vector, by trying the largest overlaps first.
std::vector<int> partners(const Vectors& now, const Vectors& then) {
  std::vector<int> out(now.size(), -1);
  std::vector<bool> used(then.size(), false);
  for (std::size_t done = 0; done < now.size(); ++done) {
    double best = -1;
    int row = 0, column = 0;
    for (int i = 0; i < static_cast<int>(now.size()); ++i)
      for (int j = 0; j < static_cast<int>(then.size()); ++j)
        if (const double x = std::fabs(dot(now[static_cast<std::size_t>(i)], then[static_cast<std::size_t>(j)]));
            out[static_cast<std::size_t>(i)] < 0 && !used[static_cast<std::size_t>(j)] && x > best)
          best = x, row = i, column = j;
    out[static_cast<std::size_t>(row)] = column;
    used[static_cast<std::size_t>(column)] = true;
  }
  return out;
}

SubspaceComparison compare(const Vectors& a, const Vectors& b) {
  std::vector<double> u, v;
  for (const auto& x : a) u.insert(u.end(), x.begin(), x.end());
  for (const auto& x : b) v.insert(v.end(), x.begin(), x.end());
  Device device;
  const auto n = static_cast<std::int64_t>(a[0].size());
  const int k = static_cast<int>(a.size());
  return compare_subspaces(device, {u.data(), n, n, k, Dtype::f64}, {v.data(), n, n, k, Dtype::f64});
}

}  // namespace

TEST_CASE("rotation: overlaps, subspaces, alignment and layers are those of plain loops over the eigenvectors") {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
    const Network n({.samples = 200, .dtype = dtype});
    const double near = dtype == Dtype::f64 ? 1e-12 : 2e-6;
    const std::vector<Seen> seen = run(
        n, options_of(rotation({{"lags", std::vector<std::int64_t>{3, 1, 2}}, {"reference_step", std::int64_t{4}}})),
        24);
    int crossings = 0;
    double largest_turn = 0;
    for (std::size_t t = 0; t < seen.size(); ++t) {
      CAPTURE(t);
      const Seen& s = seen[t];
      const auto expect = [&](std::size_t then, const std::string& end) {
        const std::vector<int> partner = partners(s.u, seen[then].u);
        for (std::size_t i = 0; i < tracked; ++i) {
          const auto j = static_cast<std::size_t>(partner[i]);
          const std::string number = std::to_string(i + 1) + "_" + end;
          CHECK(std::fabs(s.cells.at("overlap_" + number) - std::fabs(dot(s.u[i], seen[then].u[j]))) < near);
          CHECK(std::fabs(s.cells.at("index_overlap_" + number) - std::fabs(dot(s.u[i], seen[then].u[i]))) < near);
          crossings += j != i;
        }
        const SubspaceComparison angles = compare(s.u, seen[then].u);
        CHECK(std::fabs(s.cells.at("similarity_" + end) - angles.similarity) < near);
        CHECK(std::fabs(s.cells.at("misalignment_" + end) - angles.misalignment) < near);
        CHECK(std::fabs(s.cells.at("similarity_" + end) + s.cells.at("misalignment_" + end) - 1) < 1e-14);
        largest_turn = std::max(largest_turn, angles.misalignment);
      };
      for (const std::size_t lag : {1U, 2U, 3U}) {
        if (t >= lag)
          expect(t - lag, "lag" + std::to_string(lag));
        else
          CHECK_FALSE(s.cells.contains("overlap_1_lag" + std::to_string(lag)));
      }
      if (t > 4)
        expect(4, "ref");
      else
        CHECK_FALSE(s.cells.contains("similarity_ref"));
      const double size = std::sqrt(dot(s.gradient, s.gradient));
      for (std::size_t i = 0; i < tracked; ++i)
        CHECK(std::fabs(s.cells.at("alignment_" + std::to_string(i + 1)) - dot(s.gradient, s.u[i]) / size) < 10 * near);
      double all = 0, fourth = 0;
      for (const double x : s.u[0]) all += x * x, fourth += x * x * x * x;
      CHECK(std::fabs(s.cells.at("u1_participation") / (all * all / fourth) - 1) < near);
      double shares = 0;
      for (int layer = 0; layer < 3; ++layer) {
        double share = 0;
        const std::string name = "dense" + std::to_string(layer);
        for (const Parameter& p : n.objective.layout.parameters())
          if (p.name.starts_with(name + "."))
            for (std::int64_t i = 0; i < p.shape.elements(); ++i) {
              const double x = s.u[0][static_cast<std::size_t>(p.offset + i)];
              share += x * x;
            }
        CHECK(std::fabs(s.cells.at("u1_mass_" + name) - share / all) < near);
        shares += s.cells.at("u1_mass_" + name);
      }
      CHECK(std::fabs(shares - 1) < 1e-12);
    }
    // Controls: the run has crossings, so that matched and equal index differ, and its subspaces turn.
    CHECK(crossings > 0);
    CHECK(largest_turn > 1e-3);
  }
}

TEST_CASE("rotation: rows in between are not needed, and a state in mid-run continues with the same numbers") {
  const Network n({.samples = 200, .dtype = Dtype::f32});
  const auto settings = rotation({{"reference_step", std::int64_t{4}}});
  const std::vector<Seen> all = run(n, options_of(settings), 13), third = run(n, options_of(settings, 3), 13);
  for (std::size_t t = 0; t < all.size(); ++t) {
    if (t % 3 == 0) CHECK(third[t].cells == all[t].cells);
    if (t % 3 != 0) CHECK_FALSE(third[t].cells.contains("alignment_1"));
  }

  Device device;
  const auto fresh = [&] {
    return std::make_unique<Trainer>(device, n.objective, n.data(), Batch{}, options_of(settings), n.theta.view());
  };
  const auto through = fresh();
  for (int t = 0; t < 7; ++t) through->step();
  const SavedState state = save_state(device, *through);
  const auto resumed = fresh(), control = fresh();
  restore_state(device, *resumed, state);
  SavedState lost = save_state(device, *through);
  for (auto& [name, value] : lost.parts)
    if (name.ends_with("/reference")) value = zeros(std::get<Array>(value).view().shape, Dtype::f32);
  restore_state(device, *control, lost);
  for (int t = 7; t < 11; ++t) {
    const std::string numbers = support::text_of(through->step());
    CHECK(support::text_of(resumed->step()) == numbers);
    CHECK(support::text_of(control->step()) !=
          numbers);  // the eigenvectors of the reference step are part of the state
  }
}

TEST_CASE("rotation: all overlaps are in files if asked for, and wrong keys are refused") {
  const std::vector<std::string> small{"data.train=200",           "data.test=40",
                                       "model.hidden=[8]",         "training.steps=6",
                                       "measure.rotation.every=2", "measure.top=3"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> out = small;
    out.insert(out.end(), more.begin(), more.end());
    return out;
  };
  const brink::test::SmallRun run(with({"measure.rotation.matrices=true", "measure.rotation.lags=[2]"}));
  CHECK(run.code == ExitCode::done);
  const std::string file = run.folder() + "/rotations/step-000004.safetensors";
  const Safetensors tensors = Safetensors::read(file);
  REQUIRE(tensors.tensor("lag2").shape == Shape{3, 3});
  const std::vector<double> overlaps = tensors.load_doubles("lag2");
  for (std::size_t i = 0; i < 3; ++i) {
    double row = 0;
    for (std::size_t j = 0; j < 3; ++j) row += overlaps[3 * i + j] * overlaps[3 * i + j];
    CHECK(row <= 1 + 1e-5);
    CHECK(row > 0);
  }
  CHECK_FALSE(std::filesystem::exists(run.folder() + "/rotations/step-000003.safetensors"));
  struct Fault {
    std::vector<std::string> sets;
    const char* message;
  };
  const Fault faults[]{
      {{"measure.rotation.top=4"}, "measure.rotation.top: expected at most measure.top = 3, or 0 for all, got 4"},
      {{"measure.rotation.lags=[1,2,1]"}, "measure.rotation.lags: expected each number once, got 1 twice"},
      {{"measure.every=2", "measure.rotation.reference_step=3"},
       "measure.rotation.reference_step: expected a multiple of 2, the steps between two measurements of the spectrum"},
      {{"measure.rotation.reference_step=6"},
       "measure.rotation.reference_step: expected a step before training.steps = 6"},
  };
  for (const Fault& fault : faults) {
    CAPTURE(fault.message);
    std::string said;
    try {
      (void)load_config({{}, with(fault.sets), {}});
    } catch (const Error& e) { said = e.what(); }
    CHECK_MESSAGE(said.find(fault.message) != std::string::npos, said);
  }
  try {
    (void)load_config({{}, {"measure.top=0", "measure.rotation.every=1"}, {}});
    FAIL_CHECK("not refused");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("[measure.rotation] needs measure.top = 1 or more, got 0") != std::string::npos);
  }
}
