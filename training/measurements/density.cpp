// SPDX-License-Identifier: MIT
// The density of all eigenvalues by stochastic Lanczos quadrature: traces, the bulk and its outliers as columns, the curves in files.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "training/curvature_density.h"
#include "training/io/readable.h"
#include "training/io/text.h"
#include "training/measurements/kind.h"
#include "training/pass.h"

namespace brink::measurements {

namespace {

std::vector<CurvatureOperator> operators_of(const std::string& name) {
  using enum CurvatureOperator;
  if (name == "all") return {hessian, gauss_newton, difference};
  for (const CurvatureOperator o : {gauss_newton, difference})
    if (name == name_of(o)) return {o};
  return {hessian};
}

DensityOptions density_options(const Options& o) {
  return {
      .quadrature = {.probes = static_cast<int>(o.integer("probes")), .depth = static_cast<int>(o.integer("depth"))},
      .width = o.real("width"),
      .operators = operators_of(o.text("operator")),
      .per_layer = o.flag("per_layer")};
}

constexpr Estimate none{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};

/// Columns and cells side by side: a list of descriptions without findings, a list of cells with them.
class Sheet {
 public:
  std::vector<Column> columns;
  std::vector<Cell> cells;
  void add(Column c, const Cell& value) {
    columns.push_back(std::move(c));
    cells.push_back(value);
  }
  /// A number and its standard error.
  void add(Column c, const Estimate& e) {
    c.chart.error = c.name + "_error";
    Column error{c.chart.error, c.unit, "standard error of " + c.name + " over the random vectors", {}};
    add(std::move(c), finite(e.value));
    add(std::move(error), finite(e.error));
  }
  /// A number as a cell, an empty one if there is none.
  static Cell finite(std::optional<double> x) {
    Cell out;
    if (x && std::isfinite(*x)) out = *x;
    return out;
  }
  static Cell whole(std::optional<int> x) {
    Cell out;
    if (x) out = std::int64_t{*x};
    return out;
  }
};

class Density final : public Measurement {
 public:
  Density(const MeasurementContext& c, DensityOptions options)
      : options_(std::move(options)),
        hessian_(*c.hessian),
        layers_(options_.per_layer ? layers_of(c.objective.layout) : std::vector<Layer>()),
        density_(c.device, c.objective.layout, c.objective.dtype, options_, c.seed),
        operators_(c.device, c.evaluation_hessian ? c.pass.evaluated() : c.objective, c.train, c.batch,
                   options_.operators != std::vector{CurvatureOperator::hessian}) {}

  std::vector<Column> columns() const override { return sheet(false).columns; }

  void enqueue(Device&, const StepView& at, Scalar) override {
    measured_ = at.seen.measured;
    if (!measured_) return;
    operators_.linearize_at(at.thetas[0]);
    density_.measure(operators_, hessian_, static_cast<std::uint64_t>(at.step()));
  }

  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (!measured_) return;
    std::ranges::copy(sheet(true).cells, cells.begin());
    for (std::size_t i = 0; i < options_.operators.size(); ++i)
      if (const DensityFindings* f = at(density_.operators(), i, true); f && !f->symmetric)
        remark_ = fmt::format(
            "step {}: the products with the {} are not those of a symmetric operator: |uᵀAv − vᵀAu| is {}, more than "
            "rounding explains, so its density is not that of eigenvalues",
            seen.step, words_of(options_.operators[i]), readable(f->asymmetry));
  }
  std::string take_remark() override { return std::exchange(remark_, {}); }

  std::optional<TensorSet> tensors(const StepView& at) override {
    if (!measured_) return {};
    TensorSet out{"spectra", density_.tensors(), density_.metadata()};
    out.metadata.emplace_back("step", number_text(at.step()));
    out.metadata.emplace_back("learning_rate", number_text(at.seen.learning_rate));
    out.metadata.emplace_back("threshold", number_text(at.seen.threshold));
    return out;
  }

 private:
  /// What a layer or an operator found; null: only the columns are asked for, or a product was not finite.
  static const DensityFindings* at(std::span<const DensityFindings> list, std::size_t i, bool found) {
    return found && i < list.size() && list[i].finite() ? &list[i] : nullptr;
  }

  Sheet sheet(bool found) const {
    Sheet out;
    for (std::size_t i = 0; i < options_.operators.size(); ++i)
      add_operator(out, options_.operators[i], at(density_.operators(), i, found));
    const std::string prefix = prefix_of(options_.operators[0]),
                      of = " of the " + std::string(words_of(options_.operators[0]));
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const DensityFindings* f = at(density_.layers(), i, found);
      out.add({prefix + "trace_" + layers_[i].name,
               "",
               "trace of the diagonal block of " + layers_[i].name + of,
               {.panel = "trace of each layer"}},
              f ? f->trace : none);
    }
    if (!layers_.empty()) {
      const std::optional<double> share = found ? density_.outside_blocks() : std::nullopt;
      out.add({prefix + "outside_blocks",
               "",
               "share of the squared entries" + of +
                   " outside the layers' diagonal blocks: block-diagonal curvature leaves this out and can err at "
                   "order one",
               {.panel = "outside the layers' blocks", .reference = 0.0}},
              Sheet::finite(share));
    }
    out.add({"density_products", "count", "products for the density, in addition to those of the column products", {}},
            Sheet::whole(found ? std::optional(density_.products()) : std::nullopt));
    return out;
  }

  static std::string prefix_of(CurvatureOperator o) {
    return o == CurvatureOperator::hessian ? "" : std::string(name_of(o)) + "_";
  }

  static void add_operator(Sheet& out, CurvatureOperator o, const DensityFindings* f) {
    const std::string prefix = prefix_of(o), of = " of the " + std::string(words_of(o));
    out.add({prefix + "trace", "", "trace" + of, {.panel = "trace"}}, f ? f->trace : none);
    out.add({prefix + "trace_of_square",
             "",
             "sum of the squared eigenvalues" + of,
             {.panel = "trace of the square", .scale = ChartScale::logarithmic}},
            f ? f->trace_of_square : none);
    out.add({prefix + "density_asymmetry",
             "",
             "|uᵀAv − vᵀAu| of two random unit vectors, A the operator of the density",
             {}},
            Sheet::finite(f ? std::optional(f->asymmetry) : std::nullopt));
    if (o == CurvatureOperator::gauss_newton) return;  // it has no negative eigenvalue
    const Bulk* b = f && f->bulk ? &*f->bulk : nullptr;
    out.add({prefix + "bulk_edge",
             "",
             "e, the bulk being the eigenvalues in [−e, e], −e the smallest" + of,
             {.panel = "bulk"}},
            Sheet::finite(b ? std::optional(b->edge) : std::nullopt));
    out.add({prefix + "semicircle_sigma",
             "",
             "root of the mean square of the eigenvalues in the bulk" + of,
             {.panel = "bulk"}},
            Sheet::finite(b ? std::optional(b->sigma) : std::nullopt));
    out.add({prefix + "semicircle_misfit",
             "",
             "largest distance of the bulk's cumulative distribution" + of + " from the semicircle with that deviation",
             {.panel = "misfit of the semicircle", .reference = 0.0}},
            Sheet::finite(b ? std::optional(b->misfit) : std::nullopt));
    out.add({prefix + "outliers",
             "count",
             "eigenvalues" + of + " above the bulk that were seen; there are at least so many",
             {.panel = "eigenvalues above the bulk"}},
            Sheet::whole(b ? std::optional(b->outliers) : std::nullopt));
    out.add({prefix + "outliers_counted",
             "",
             "eigenvalues" + of + " above the bulk, estimated with their multiplicity",
             {.panel = "eigenvalues above the bulk"}},
            b ? b->above : none);
  }
  DensityOptions options_;
  const LinearOperator& hessian_;
  std::vector<Layer> layers_;
  CurvatureDensity density_;
  CurvatureOperators operators_;
  bool measured_ = false;
  std::string remark_;
};

std::vector<Option> options() {
  std::vector<Option> out = file_step_options();
  out.push_back(when_option());
  out.push_back(integer_option("probes", 8, {1, 4096}, "random vectors"));
  out.push_back(integer_option("depth", 48, {2, 128}, "products for each random vector"));
  out.push_back(real_option("width", 0, {.least = 0},
                            "standard deviation of the smoothing; 0: the range of the spectrum over depth"));
  out.push_back(choice_option("operator", "hessian", {"hessian", "gauss_newton", "difference", "all"},
                              "whose density: the Hessian, its Gauss–Newton part, the rest, or all three"));
  out.push_back(flag_option("per_layer", false, "also the diagonal block of each layer"));
  return out;
}

}  // namespace

MeasurementKind density() {
  return {.name = "density",
          .meaning = "density of all eigenvalues, traces, bulk and outliers",
          .needs_spectrum = true,
          .options = options(),
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            return std::make_unique<Density>(c, density_options(o));
          }};
}

}  // namespace brink::measurements
