// SPDX-License-Identifier: MIT
// The kind `network`: one network at one point, with all its derivatives.
// The spectrum of a small network is dense, from n Hessian–vector products, because Lanczos sees one copy of a multiple
// eigenvalue; that of a larger one comes from Lanczos, to a residual far below the tolerance.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "spectral/lanczos.h"
#include "spectral/stochastic_quadrature.h"
#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"
#include "training/errors.h"
#include "training/probes.h"

namespace brink::verify {

namespace {

constexpr std::int64_t largest_dense = 800;
constexpr double first = 1e-9, iterative_bottom = 1e-7, third = 1e-8, fourth = 1e-6, finite_difference = 1e-5;

class Network {
 public:
  Network(Device& device, const Case& c, const ReferenceModel& m, Table& table)
      : device_(device),
        case_(c),
        model_(m.model),
        loss_(m.loss),
        table_(table),
        data_(read_samples(c, m)),
        views_(data_.views()),
        objective_(make_objective(model_, loss_, Dtype::f64)),
        theta_(c.vector("parameter", layout())),
        gradient_(layout().make_vector(Dtype::f64)),
        hvp_(device, objective_, views_),
        derivatives_(device, objective_, views_) {}

  void check() {
    const LossAndCorrect pass = hvp_.linearize_at(theta_.view(), gradient_.view());
    scalar("loss", pass.loss, first);
    check_logits();
    vector("gradient", gradient_, first);
    scalar("gradient_norm", cpu::norm(device_, gradient_.view()), first);

    const Array v = case_.vector("v", layout());
    Array hv = layout().make_vector(Dtype::f64), gv = layout().make_vector(Dtype::f64);
    hvp_.apply(v.view(), hv.view());
    vector("hvp", hv, first);
    scalar("v_H_v", cpu::dot(device_, v.view(), hv.view()), first);
    HostLinearized gauss_newton(device_, objective_, gauss_newton_of(model_, loss_, Dtype::f64), views_);
    gauss_newton.linearize_at(theta_.view(), {});
    gauss_newton.apply(v.view(), gv.view());
    vector("gauss_newton_vp", gv, first);

    const std::vector<double> along_v = derivatives_.along(theta_.view(), v.view(), 4);
    scalar("d3_v", along_v[3], third);
    // A network without normalisation always has fourth derivatives in this format, and another one where they are given.
    const auto expected = [&](const char* key) { return model_.norms.empty() || case_.has(key); };
    if (expected("d4_v")) scalar("d4_v", along_v[4], fourth);
    if (expected("d4_gradient_direction")) {
      Array unit = layout().make_vector(Dtype::f64);
      Device host = device_.host();
      map<Scale>(host, unit.view(), {gradient_.view()}, 1 / cpu::norm(device_, gradient_.view()));
      scalar("d4_gradient_direction", derivatives_.along(theta_.view(), unit.view(), 4)[4], fourth);
    }
    check_spectrum();
  }

 private:
  const ParameterLayout& layout() const { return model_.layout; }

  void add(const std::string& quantity, double error, double tolerance, std::string note = {}) {
    table_.add({case_.name(), quantity, error, tolerance, std::move(note)});
  }
  void scalar(const std::string& key, double found, double tolerance) {
    add(key, error_of(found, case_.number(key)), tolerance);
  }
  /// The worst tensor of a vector; one that is zero in the reference is compared with the whole vector's maximum.
  void vector(const std::string& prefix, const Array& found, double tolerance) {
    const VectorError e = vector_error(layout(), found, case_.vector(prefix, layout()), tolerance);
    add(prefix, e.error, tolerance, e.note());
  }

  void check_logits() {
    Array logits({data_.samples(), model_.classes}, Dtype::f64);
    HostSampleSum sum(device_, objective_, [&](std::int64_t n) { return build_logits(model_, Dtype::f64, n); }, views_,
                      {}, {});
    const View outputs[] = {logits.view()};
    sum.run(theta_.view(), {}, {}, {}, outputs);
    add("logits", error_of(logits.span<double>(), case_.doubles("logits", logits.view().shape)), first);
  }

  double loss_at(double distance, const Array& direction) {
    Array theta = layout().make_vector(Dtype::f64), unused = layout().make_vector(Dtype::f64);
    for (std::size_t i = 0; i < theta.span<double>().size(); ++i)
      theta.span<double>()[i] = theta_.span<double>()[i] + distance * direction.span<double>()[i];
    return HostGradient(device_, objective_, views_).evaluate(theta.view(), unused.view()).loss;
  }

  void check_spectrum() {
    const Shape top_shape = case_.shape("top_eigenvalues"), bottom_shape = case_.shape("bottom_eigenvalues");
    const std::vector<double> top = eigenvalues("top_eigenvalues", top_shape[0]);
    const std::vector<double> bottom = eigenvalues("bottom_eigenvalues", bottom_shape[0]);
    const double scale = std::max(largest(top), largest(bottom));
    // These appear together, for small networks, so each of them requires the others.
    const bool small = case_.has_tensor("all_eigenvalues") || case_.has("trace") || case_.has("trace_of_square") ||
                       case_.has("sharpness_drift") || case_.has("hocm_finite_difference") ||
                       case_.has("d4_top_eigenvector");
    const double bottom_tolerance = case_.has_tensor("all_eigenvalues") ? first : iterative_bottom;
    Array u1;
    double lambda1 = 0;
    if (small || layout().count() <= largest_dense) {
      const DenseHessian h(layout(), hvp_);
      std::vector<double> descending(h.eigenvalues().rbegin(), h.eigenvalues().rend());
      lambda1 = descending[0];
      u1 = h.eigenvector(static_cast<std::int64_t>(descending.size()) - 1);
      const auto head = [](const std::vector<double>& all, std::size_t n) {
        return std::span(all).first(std::min(n, all.size()));
      };
      add("top_eigenvalues", error_of(head(descending, top.size()), top, scale), first);
      add("bottom_eigenvalues", error_of(head(h.eigenvalues(), bottom.size()), bottom, scale), bottom_tolerance);
      if (!small) return;
      add("all_eigenvalues", all_eigenvalues_error(h, scale), first);
      scalar("trace", h.trace(), first);
      scalar("trace_of_square", h.trace_of_square(), first);
      check_quadrature(case_.doubles("all_eigenvalues", {layout().count()}));
    } else {
      check_by_lanczos(top, bottom, scale, bottom_tolerance);
      return;
    }
    scalar("sharpness_drift", -derivatives_.third(theta_.view(), u1.view(), gradient_.view()), third);
    const double e = case_.number("hocm_radius");
    const double difference = loss_at(e, u1) + loss_at(-e, u1) - 2 * loss_at(0, u1) - e * e * lambda1;
    scalar("hocm_finite_difference", difference / (e * e * e * e), finite_difference);
    scalar("d4_top_eigenvector", derivatives_.along(theta_.view(), u1.view(), 4)[4], fourth);
  }

  /// Stochastic quadrature against the reference's eigenvalues. Errors are in standard errors, as the quadrature states them.
  void check_quadrature(const std::vector<double>& reference) {
    constexpr double most = 3, rounding = 1e-9;
    constexpr int points = 201;
    constexpr double widths = 24;  // in the range of the spectrum; the depth resolves more
    StochasticQuadrature quadrature(device_, layout().extent(), Dtype::f64, {.probes = 128, .depth = 64},
                                    probes_of(device_, layout(), 0, 0, layout().size()));
    const LinearOperator hessian{layout().extent(), Dtype::f64, [&](View x, View y) { hvp_.apply(x, y); }};
    const SpectralMeasure m = quadrature.run(hessian, layout().count(), 0).measure;
    if (m.probes.empty()) throw DataError("the Hessian at the reference's parameters is not finite");
    const double width = (m.highest() - m.lowest()) / widths;
    const DensityCurve found = density_of(m, width, grid_over(m, 4 * width, points));
    const std::vector<double> expected = smoothed(reference, width, found.at);
    const double floor = rounding * largest(expected);
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double away = std::fabs(found.value[i] - expected[i]) / (found.error[i] + floor);
      if (!(away <= worst)) worst = away;
    }
    add("density in standard errors", worst, most,
        fmt::format("{} vectors of {} products", m.probes.size(), m.depth()));
    for (const auto& [name, order] : {std::pair{"trace", 1}, {"trace_of_square", 2}}) {
      const Estimate e = moment_of(m, order);
      add(fmt::format("{} in standard errors", name), std::fabs(e.value - case_.number(name)) / e.error, most);
    }
  }

  /// The numbers that are eigenvalues. A subnormal number other than zero cannot be one: rounding alone moves an eigenvalue by
  /// more. There are references whose solver left uninitialised memory there; those entries are named as skipped.
  std::vector<double> eigenvalues(const std::string& tensor, std::int64_t count) {
    std::vector<double> all = case_.doubles(tensor, {count});
    const auto end = std::ranges::find_if(all, [](double x) { return std::fpclassify(x) == FP_SUBNORMAL; });
    if (end == all.end()) return all;
    if (end == all.begin()) case_.fail_tensor(tensor, "expected eigenvalues, found a subnormal number first");
    table_.skip(fmt::format("{} {} from number {} on", case_.name(), tensor, end - all.begin() + 1),
                fmt::format("the reference holds the subnormal number {:.3g} there, which is not an eigenvalue", *end));
    all.erase(end, all.end());
    return all;
  }

  /// The file may hold them in either order.
  double all_eigenvalues_error(const DenseHessian& h, double scale) {
    std::vector<double> reference = case_.doubles("all_eigenvalues", {layout().count()});
    if (largest(reference) != largest(reference)) return largest(reference);
    std::ranges::sort(reference);
    return error_of(h.eigenvalues(), reference, scale);
  }

  void check_by_lanczos(const std::vector<double>& top, const std::vector<double>& bottom, double scale,
                        double bottom_tolerance) {
    const int pairs = static_cast<int>(top.size() + bottom.size());
    Lanczos lanczos(device_, layout().extent(), Dtype::f64,
                    {.max_basis = std::max(96, 2 * pairs + 8), .max_pairs = pairs}, normals_of(device_, layout()));
    const LinearOperator hessian{layout().extent(), Dtype::f64, [&](View x, View y) { hvp_.apply(x, y); }};
    const LanczosResult r = lanczos.run(hessian, {.top = static_cast<int>(top.size()),
                                                  .bottom = static_cast<int>(bottom.size()),
                                                  .tolerance = 1e-10,
                                                  .budget = 20000,
                                                  .confirm = 8});
    const auto values = [](std::span<const RitzPair> pairs_found) {
      std::vector<double> out;
      for (const RitzPair& p : pairs_found) out.push_back(p.value);
      return out;
    };
    const std::string note = r.converged ? "" : "Lanczos did not converge";
    add("top_eigenvalues", error_of(values(r.top), top, scale), first, note);
    add("bottom_eigenvalues", error_of(values(r.bottom), bottom, scale), bottom_tolerance, note);
  }

  Device& device_;
  const Case& case_;
  const Model& model_;
  Loss loss_;
  Table& table_;
  ReferenceData data_;
  std::vector<View> views_;
  Objective objective_;
  Array theta_, gradient_;
  HostHvp hvp_;
  HostDerivatives derivatives_;
};

}  // namespace

void check_network(Device& device, const Case& c, Table& table) {
  const ReferenceModel m = read_model(c);
  if (!m.not_built.empty()) return table.skip(c.name(), m.not_built + " is not built in this version");
  Network(device, c, m, table).check();
}

}  // namespace brink::verify
