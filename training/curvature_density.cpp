// SPDX-License-Identifier: MIT
#include "training/curvature_density.h"

#include <algorithm>

#include "kernels/memory.h"
#include "spectral/composed.h"
#include "spectral/float_range.h"
#include "training/io/text.h"
#include "training/probes.h"

namespace brink {

namespace {

constexpr int grid_points = 401;

/// [vectors, depth]; a vector with fewer nodes repeats its last one with the weight 0.
Array table_of(const SpectralMeasure& m, bool weights) {
  const auto rows = static_cast<std::int64_t>(m.probes.size()), depth = static_cast<std::int64_t>(m.depth());
  Array out({rows, depth}, Dtype::f64);
  double* to = out.span<double>().data();
  for (const Quadrature& q : m.probes)
    for (std::size_t i = 0; i < static_cast<std::size_t>(depth); ++i) {
      const bool there = i < q.nodes.size();
      *to++ = weights ? (there ? q.weights[i] : 0) : (there ? q.nodes[i] : q.nodes.back());
    }
  return out;
}

Array list_of(std::span<const double> numbers) {
  Array out({static_cast<std::int64_t>(numbers.size())}, Dtype::f64);
  std::ranges::copy(numbers, out.span<double>().begin());
  return out;
}

}  // namespace

CurvatureDensity::CurvatureDensity(Device& device, const ParameterLayout& layout, Dtype dtype,
                                   const DensityOptions& options, std::uint64_t seed)
    : device_(device),
      options_(options),
      layout_(layout),
      layers_(options.per_layer ? layers_of(layout) : std::vector<Layer>()),
      seed_(seed),
      quadrature_(device, layout.extent(), dtype, options.quadrature,
                  probes_of(device, layout, seed, 0, layout.size())) {}

DensityFindings CurvatureDensity::findings_of(std::string name, const LinearOperator& a, std::int64_t n,
                                              std::uint64_t step, const FillNormal& probes) {
  StochasticQuadrature::Result found = quadrature_.run(a, n, step, probes);
  DensityFindings out;
  out.name = std::move(name);
  out.measure = std::move(found.measure);
  out.products = found.products;
  out.asymmetry = found.asymmetry;
  out.symmetric = found.symmetric;
  if (!out.finite()) return out;
  const double width = options_.width > 0 ? options_.width : resolved_width(out.measure);
  out.curve = density_of(out.measure, width, grid_over(out.measure, 4 * width, grid_points));
  out.trace = moment_of(out.measure, 1);
  out.trace_of_square = moment_of(out.measure, 2);
  // What a semidefinite operator has below zero is rounding.
  constexpr double roundings = 100;
  out.bulk = bulk_of(out.measure, roundings * epsilon_of(a.dtype) * out.measure.largest());
  return out;
}

void CurvatureDensity::measure(CurvatureOperators& operators, const LinearOperator& hessian, std::uint64_t step) {
  operators_.clear();
  blocks_.clear();
  for (const CurvatureOperator o : options_.operators) {
    operators_.push_back(findings_of(std::string(name_of(o)), operators.choose(o, hessian), layout_.count(), step, {}));
    // Its rounding is that of two larger terms, beside which its own eigenvalues may be nothing.
    if (o == CurvatureOperator::difference) operators_.back().symmetric = true;
  }
  const CurvatureOperator first = options_.operators[0];
  for (const Layer& l : layers_)
    blocks_.push_back(findings_of(std::string(name_of(first)) + "/" + l.name,
                                  block_of(device_, operators.choose(first, hessian), l.from, l.to, l.count), l.count,
                                  step, probes_of(device_, layout_, seed_, l.first, l.end)));
}

int CurvatureDensity::products() const {
  int out = 0;
  for (const auto* list : {&operators_, &blocks_})
    for (const DensityFindings& f : *list) out += f.products;
  return out;
}

std::optional<double> CurvatureDensity::outside_blocks() const {
  if (blocks_.empty() || !operators_[0].finite() || !(operators_[0].trace_of_square.value > 0)) return {};
  double inside = 0;
  for (const DensityFindings& f : blocks_) {
    if (!f.finite()) return {};
    inside += f.trace_of_square.value;
  }
  return 1 - inside / operators_[0].trace_of_square.value;
}

void CurvatureDensity::hold(std::vector<NamedView>& out, std::string name, const Array& host) {
  out.push_back({std::move(name), held_.emplace_back(to_device(device_, host.view())).view()});
}

std::vector<NamedView> CurvatureDensity::tensors() {
  held_.clear();
  std::vector<NamedView> out;
  for (const auto* list : {&operators_, &blocks_})
    for (const DensityFindings& f : *list) {
      if (!f.finite()) continue;
      hold(out, f.name + "/nodes", table_of(f.measure, false));
      hold(out, f.name + "/weights", table_of(f.measure, true));
      hold(out, f.name + "/grid", list_of(f.curve.at));
      hold(out, f.name + "/density", list_of(f.curve.value));
      hold(out, f.name + "/density_error", list_of(f.curve.error));
    }
  return out;
}

std::vector<std::pair<std::string, std::string>> CurvatureDensity::metadata() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto* list : {&operators_, &blocks_})
    for (const DensityFindings& f : *list) {
      if (!f.finite()) continue;
      const auto add = [&](const char* key, const auto& value) {
        out.emplace_back(f.name + "/" + key, number_text(value));
      };
      add("parameters", f.measure.dim);
      add("width", f.curve.width);
      add("trace", f.trace.value);
      add("trace_error", f.trace.error);
      add("trace_of_square", f.trace_of_square.value);
      add("trace_of_square_error", f.trace_of_square.error);
      add("products", std::int64_t{f.products});
      if (!f.bulk) continue;
      add("bulk_edge", f.bulk->edge);
      add("outliers", std::int64_t{f.bulk->outliers});
      add("semicircle_sigma", f.bulk->sigma);
      add("semicircle_misfit", f.bulk->misfit);
    }
  return out;
}

}  // namespace brink
