// SPDX-License-Identifier: MIT
// Requirements on every network: its parameters, derivatives that agree with differences, a frozen run with the same bytes for any threads and chunks
// that `brink verify` recomputes, and a report.
#include "tests/kinds/networks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/kinds/kinds.h"
#include "tests/support/networks.h"
#include "tests/training/small_run.h"
#include "tools/report/report.h"
#include "tools/verify/verify.h"
#include "training/io/console.h"
#include "training/run/problem.h"

using namespace brink;

namespace {

std::vector<std::string> settings_of(const kinds::NetworkRow& row, std::vector<std::string> more) {
  more.push_back("model.name=" + row.name);
  more.insert(more.end(), row.settings.begin(), row.settings.end());
  return more;
}

using Doubles = std::vector<double>;
double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
Doubles along(const Doubles& x, double h, const Doubles& v) {
  Doubles out = x;
  for (std::size_t i = 0; i < x.size(); ++i) out[i] += h * v[i];
  return out;
}
double distance(const Doubles& a, const Doubles& b) {
  const Doubles d = along(a, -1, b);
  return std::sqrt(dot(d, d));
}

/// Loss, gradient and product of a problem in float64, as vectors of the layout.
class Derivatives {
 public:
  explicit Derivatives(const Problem& p)
      : gradient_(device_, p.objective, p.train),
        hvp_(device_, p.objective, p.train),
        extent_(static_cast<std::size_t>(p.objective.layout.extent())),
        results_(p.objective.results().make_vector(Dtype::f64)),
        product_(p.objective.layout.make_vector(Dtype::f64)) {}
  std::pair<double, Doubles> loss_and_gradient(Doubles theta) {
    const double loss = gradient_.evaluate(view(theta), results_.view()).loss;
    return {loss, first(results_)};
  }
  Doubles product(Doubles theta, Doubles v) {
    hvp_.linearize_at(view(theta), results_.view());
    hvp_.apply(view(v), product_.view());
    return first(product_);
  }

 private:
  View view(Doubles& x) const { return view_of(x.data(), Shape{static_cast<std::int64_t>(extent_)}); }
  Doubles first(const Array& a) const {
    const std::span<const double> all = a.span<double>().first(extent_);
    return {all.begin(), all.end()};
  }

  Device device_;
  Gradient gradient_;
  Hvp hvp_;
  std::size_t extent_;
  Array results_, product_;
};

/// A direction of length 1.
Doubles unit(const ParameterLayout& layout, std::uint64_t seed) {
  const Array v = support::direction(layout, Dtype::f64, seed);
  const std::span<const double> all = v.span<double>();
  Doubles out(all.begin(), all.end());
  const double length = std::sqrt(dot(out, out));
  for (double& x : out) x /= length;
  return out;
}

}  // namespace

TEST_CASE("every network has a row") {
  kinds::expect_a_row_each(network_kinds(), kinds::network_rows(), "network", "tests/kinds/networks.h");
}

TEST_CASE("a network's gradient and product agree with differences, and its Hessian is symmetric") {
  for (const kinds::NetworkRow& row : kinds::network_rows())
    for (const std::string& loss : row.losses) {
      CAPTURE(row.name);
      CAPTURE(loss);
      Device device;
      const Problem p = make_problem(
          device, load_config({{}, settings_of(row, {"training.loss=" + loss, "run.precision=float64"}), {}}));
      const ParameterLayout& layout = p.objective.layout;
      CHECK(layout.count() == row.parameters);
      const std::span<const double> start = p.theta0.span<double>();
      const Doubles theta = along({start.begin(), start.end()}, 0.3, unit(layout, 7)), u = unit(layout, 8),
                    v = unit(layout, 9);
      Derivatives at(p);
      constexpr double h = 1e-6;
      const auto [loss_above, above] = at.loss_and_gradient(along(theta, h, v));
      const auto [loss_below, below] = at.loss_and_gradient(along(theta, -h, v));
      const Doubles g = at.loss_and_gradient(theta).second, hv = at.product(theta, v), hu = at.product(theta, u);
      CHECK(std::fabs((loss_above - loss_below) / (2 * h) - dot(g, v)) <= 1e-6 * std::sqrt(dot(g, g)));
      Doubles difference = along(above, -1, below);
      for (double& x : difference) x /= 2 * h;
      const double length = std::sqrt(dot(hv, hv));
      REQUIRE(length > 0);
      CHECK(distance(difference, hv) <= 1e-4 * length);
      CHECK(distance(difference, hu) > 1e-2 * length);  // control: another direction's product
      CHECK(std::fabs(dot(u, hv) - dot(v, hu)) <= 1e-12 * length);
    }
}

TEST_CASE("a network's run is frozen, for any threads and chunks; it is recomputed by verify, and has a report") {
  for (const kinds::NetworkRow& row : kinds::network_rows()) {
    CAPTURE(row.name);
    const std::vector<std::string> sets =
        settings_of(row, {"training.steps=3", "training.loss=" + row.losses.front(), "measure.budget=60"});
    const brink::test::SmallRun run(sets);
    CHECK(run.code == ExitCode::done);
    CHECK_MESSAGE(run.digest("metrics.csv") == row.metrics,
                  "the value above belongs in the row of tests/kinds/networks.h; a digest that changes is marked "
                  "**bits** in CHANGELOG.md");
    for (const char* threads : {"1", "3"}) {
      std::vector<std::pair<std::string, std::string>> flags{{"threads", threads}};
      if (has_data(run.config)) flags.emplace_back("chunk", std::to_string(group_of(run.config.model)));
      CHECK(brink::test::SmallRun(sets, flags).digest("metrics.csv") == run.digest("metrics.csv"));
    }
    CHECK(to_toml(load_config({run.folder() + "/config.toml", {}, {}})) == to_toml(run.config));
    Console nowhere(-1);
    const verify::Table again = verify::check_run(run.folder(), {}, "", nowhere);
    CHECK(again.failed() == 0);
    CHECK(!again.rows().empty());
    const std::filesystem::path folders[] = {run.folder()};
    const std::string page = render_report(folders);
    CHECK(page.find("<h1>" + row.name) != std::string::npos);
    std::string table = run.read("metrics.csv");
    const std::size_t last = table.rfind(',', table.size() - 1);
    table[table.find_last_of("0123456789", last)] ^= 1;  // control: another last digit
    test::write_text(run.folder() + "/metrics.csv", table);
    CHECK(verify::check_run(run.folder(), {}, "", nowhere).failed() > 0);
  }
}
