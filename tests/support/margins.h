// SPDX-License-Identifier: MIT
// The derivatives of the cross-entropy of one sample on any device, and their comparison with
// reference/cross_entropy_margins.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "autodiff/transform.h"
#include "models/dln.h"
#include "models/model.h"
#include "tests/reference/cross_entropy_margins.h"

namespace support {

using Doubles = std::vector<double>;

/// A network of one sample whose logits are made of its one parameter.
struct OneSample {
  brink::Model model;
  brink::Objective objective;
  bool has_x = true;  ///< whether x is the first array of the objective's data
};

/// A network whose parameter is a row of logits.
inline OneSample logits_alone(std::int64_t classes, brink::Dtype dtype) {
  brink::Model m;
  m.layout = brink::ParameterLayout({{"logits", {1, classes}, 1}});
  m.sample = brink::Shape{1};
  m.classes = classes;
  m.forward = [](brink::Graph&, std::span<const brink::Var> p, brink::Var, const brink::BlockContext&) { return p[0]; };
  return {m, brink::make_objective(m, brink::Loss::cross_entropy, dtype)};
}

/// The diagonal linear network of one factor: logits (0, z). The model is the same function, for a Gauss–Newton product.
inline OneSample binary(brink::Dtype dtype) {
  OneSample out = logits_alone(1, dtype);
  out.model.classes = 2;
  out.model.forward = [](brink::Graph& g, std::span<const brink::Var> p, brink::Var, const brink::BlockContext&) {
    return brink::pad_columns(g, p[0], 1, 2);
  };
  out.objective = brink::make_dln_objective({1, {{0}}}, brink::DlnLoss::binary_cross_entropy, 0, dtype);
  out.has_x = false;
  return out;
}

/// Named vectors, each computed in another way; all but the loss have the shape of the parameter.
struct Derivatives {
  double loss = 0;
  std::vector<std::pair<std::string, Doubles>> gradient, product, third;
};

class AtMargins {
 public:
  AtMargins(brink::Device device, OneSample network)
      : device_(device), network_(std::move(network)), x_(brink::zeros(brink::Shape{1, 1}, dtype(), device_)) {}
  brink::Dtype dtype() const { return network_.objective.dtype; }

  /// At the parameter, for the label: gradient, H v by each mode, the derivative of H v along w by each mode.
  Derivatives operator()(const Doubles& parameter, std::int32_t label, const Doubles& v, const Doubles& w) {
    const brink::Array labels = brink::to_device(device_, brink::view_of(&label, {1}));
    std::vector<brink::View> data{labels.view()}, of_model{x_.view(), labels.view()};
    if (network_.has_x) data = of_model;
    const brink::Array theta = placed(parameter), along_v = placed(v), along_w = placed(w),
                       result = network_.objective.layout.make_vector(dtype(), device_);
    const brink::View directions[] = {along_v.view(), along_w.view()};
    Derivatives out;
    brink::Hvp hvp(device_, network_.objective, data);
    out.loss = hvp.linearize_at(theta.view(), result.view()).loss;
    out.gradient.emplace_back("gradient of the linearisation", fetched(result));
    hvp.apply(along_v.view(), result.view());
    out.product.emplace_back("Hessian product", fetched(result));
    const auto sum = [&](const brink::GraphBuilder& build, const std::vector<brink::View>& arrays, int vectors) {
      brink::SampleSum s(device_, network_.objective, build, arrays, {}, {});
      s.run(theta.view(), std::span(directions).first(static_cast<std::size_t>(vectors)), result.view(), {});
      return fetched(result);
    };
    const auto graph = [&](const Modes& modes) {
      return [this, modes](std::int64_t n) { return derivative(network_.objective.loss(n), modes); };
    };
    out.gradient.emplace_back("gradient", sum(graph({}), data, 0));
    out.product.emplace_back("reverse over reverse", sum(graph({Mode::reverse}), data, 1));
    for (const Mode first : {Mode::forward, Mode::reverse})
      for (const Mode second : {Mode::forward, Mode::reverse})
        out.third.emplace_back(std::string("third derivative, ") + name_of(first) + ", " + name_of(second),
                               sum(graph({first, second}), data, 2));
    out.product.emplace_back("Gauss-Newton product",  // these networks are linear, so it equals the Hessian's
                             sum(
                                 [this](std::int64_t n) {
                                   return brink::build_gauss_newton(network_.model, brink::Loss::cross_entropy, dtype(),
                                                                    n);
                                 },
                                 of_model, 1));
    return out;
  }

 private:
  enum class Mode { forward, reverse };
  using Modes = std::vector<Mode>;
  static const char* name_of(Mode m) { return m == Mode::forward ? "forward" : "reverse"; }

  /// The gradient of the first output, differentiated along v and then w, each in the mode given.
  static brink::Graph derivative(brink::Graph g, const Modes& modes) {
    using namespace brink;
    const Var loss = g.outputs().at(0).var, one = constant(g, 1, g.type(loss));
    const Vars wrt = parameters_of(g);
    Vars value = pullback(g, {&loss, 1}, {&one, 1}, wrt);
    for (std::size_t k = 0; k < modes.size(); ++k) {
      const Var along = g.input("along", g.type(wrt[0]), InputRole::tangent, 0, static_cast<int>(k));
      value = modes[k] == Mode::forward ? pushforward(g, value, wrt, {&along, 1})
                                        : pullback(g, value, {&along, 1}, wrt);  // the Hessian is symmetric
    }
    g.clear_outputs();
    g.output("derivative", OutputRole::parameter, 0, value[0]);
    return prune(g);
  }

  brink::Array placed(const Doubles& values) {
    const brink::Array host = network_.objective.layout.make_vector(dtype());
    brink::with_real(dtype(), [&]<class T>(T) {
      std::ranges::transform(values, host.view().as<T>(), [](double x) { return static_cast<T>(x); });
    });
    return brink::to_device(device_, host.view());
  }
  Doubles fetched(const brink::Array& there) {
    const brink::Array host = brink::to_host(device_, there.view());
    const std::int64_t n = network_.objective.layout.count();
    Doubles out;
    brink::with_real(dtype(), [&]<class T>(T) { out.assign(host.view().as<T>(), host.view().as<T>() + n); });
    return out;
  }

  brink::Device device_;
  OneSample network_;
  brink::Array x_;
};

/// Whether x equals `exact` up to a few roundings, or, where `exact` is near the end of the type's range, up to a few of its
/// last places.
inline bool accurate(double x, double exact, brink::Dtype dtype) {
  const bool wide = dtype == brink::Dtype::f64;
  const double last_place = wide ? std::numeric_limits<double>::denorm_min() : std::numeric_limits<float>::denorm_min();
  return std::fabs(x - exact) <= (wide ? 2e-14 : 2e-6) * std::fabs(exact) + 8 * last_place;
}

/// The first number that is not accurate; empty if all are. The loss is a float64 for logits of either type.
inline std::string inaccurate(const Derivatives& d, double loss, std::span<const double> gradient,
                              std::span<const double> product, std::span<const double> third, brink::Dtype dtype) {
  if (!accurate(d.loss, loss, brink::Dtype::f64)) return "loss " + std::to_string(d.loss / loss) + " of the exact one";
  const auto check = [&](const auto& vectors, std::span<const double> exact) -> std::string {
    for (const auto& [name, x] : vectors)
      for (std::size_t i = 0; i < exact.size(); ++i)
        if (!accurate(x.at(i), exact[i], dtype))
          return name + ", element " + std::to_string(i) + ": " + std::to_string(x[i] / exact[i]) + " of the exact one";
    return {};
  };
  std::string complaint = check(d.gradient, gradient);
  if (complaint.empty()) complaint = check(d.product, product);
  return complaint.empty() ? check(d.third, third) : complaint;
}

/// Everything inaccurate in the losses at the table's margins on the device.
inline std::vector<std::string> inaccurate_at_margins(const brink::Device& device) {
  std::vector<std::string> out;
  for (const brink::Dtype dtype : {brink::Dtype::f32, brink::Dtype::f64}) {
    const auto report = [&](const std::string& what, const std::string& complaint) {
      if (!complaint.empty()) out.push_back(std::string(brink::name_of(dtype)) + ", " + what + ": " + complaint);
    };
    AtMargins four(device, logits_alone(4, dtype)), two(device, binary(dtype));
    for (const reference::Margin& m : reference::margins)
      for (const std::size_t wrong : {0U, 1U}) {
        Doubles f(reference::margin_offsets.begin(), reference::margin_offsets.end());
        f[reference::margin_leading] += m.margin;
        const Derivatives d = four(f, wrong ? reference::margin_wrong : reference::margin_leading,
                                   {reference::margin_v.begin(), reference::margin_v.end()},
                                   {reference::margin_w.begin(), reference::margin_w.end()});
        report("four classes, margin " + std::to_string(m.margin) + (wrong ? ", wrong" : ""),
               inaccurate(d, m.loss[wrong], m.gradient[wrong], m.product, m.third, dtype));
      }
    for (const reference::BinaryMargin& m : reference::binary_margins) {
      const auto& exact = m.derivatives;
      report("binary, z = " + std::to_string(m.z),
             inaccurate(two({m.z}, 1, {1}, {1}), exact[0], std::span(exact).subspan(1, 1),
                        std::span(exact).subspan(2, 1), std::span(exact).subspan(3, 1), dtype));
    }
  }
  return out;
}

}  // namespace support
