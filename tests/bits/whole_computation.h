// SPDX-License-Identifier: MIT
// Everything that brink computes from a network, as bits, for a device, a number of threads, a chunk and a memory budget.
#pragma once

#include <span>
#include <vector>

#include "autodiff/batch/directional.h"
#include "autodiff/transform.h"
#include "spectral/lanczos.h"
#include "tests/support/networks.h"
#include "training/digest.h"
#include "training/loop.h"

namespace support {

struct Plan {
  int threads = 1;
  std::int64_t chunk = 0;
  int steps = 20;
  brink::Gpu* gpu = nullptr;  ///< null: the CPU
  bool made = false;          ///< samples come from a source of rows instead of an array
};

/// H v without residuals: the tangent of the gradient in one graph with everything it needs.
inline brink::Graph hvp_in_one_graph(const brink::Objective& objective, std::int64_t samples) {
  brink::Graph g = brink::jvp(brink::grad(objective.loss(samples)));
  std::vector<brink::Output> tangents;
  for (const brink::Output& o : g.outputs())
    if (o.name == "tangent of gradient") tangents.push_back(o);
  g.clear_outputs();
  for (const brink::Output& o : tangents) g.output(o.name, o.role, o.index, o.var);
  return brink::prune(g);
}

/// Gradient descent at a rate that is at times far beyond 2/λ, with both ends of the spectrum tracked: every step's digest and
/// numbers. evaluation_hessian: the spectrum is that of the loss in evaluation mode.
inline Bits trajectory(const Network& n, brink::Device& device, const brink::BatchOptions& batch, int steps,
                       const brink::View& theta0, bool made = false, bool evaluation_hessian = false) {
  Bits out;
  brink::TrainerOptions options;
  options.schedule = std::make_shared<brink::ConstantRate>(0.8);
  options.tracker = brink::TrackerOptions{.top = 2, .bottom = 1, .cold_check = 7, .budget = 40, .max_basis = 24};
  options.batch = batch;
  if (!n.model.norms.empty()) options.evaluation = brink::EvaluationMode{n.model, n.options.loss, evaluation_hessian};
  const Placed on(device, n);
  const BoundData data(n, on, made);
  brink::Trainer trainer(device, n.objective, data.batch(), data.batch(), options, theta0);
  for (int t = 0; t < steps; ++t) {
    const std::string at = "step " + std::to_string(t) + ": ";
    trainer.measure(t % 3 == 0);
    const brink::Row& row = trainer.complete();
    for (std::size_t i = 0; i < row.cells().size(); ++i) {
      const std::string& name = row.columns()[i].name;
      if (const auto* text = std::get_if<std::string>(&row.cells()[i])) out.add(at + name, *text);
      if (const auto number = row.number(name)) out.add(at + name, *number);
    }
    trainer.update();
  }
  out.add("last digest", brink::digest_of(trainer.layout(), trainer.theta_on_host().view()));
  return out;
}

inline Bits compute(const Network& n, const Plan& plan) {
  Bits out;
  brink::ThreadPool pool(plan.threads);
  brink::Device device{plan.gpu ? brink::Where::cuda : brink::Where::cpu, &pool, plan.gpu};
  const Placed on(device, n);
  const BoundData bound(n, on, plan.made);
  const brink::Batch& data = bound.batch();
  const brink::BatchOptions batch{plan.chunk, 0};
  const brink::Array a = n.objective.layout.make_vector(n.options.dtype, device),
                     b = n.objective.layout.make_vector(n.options.dtype, device);
  const auto add = [&](std::string name, const brink::View& v) {
    out.add(std::move(name), brink::to_host(device, v).view());
  };

  brink::Gradient gradient(device, n.objective, data, batch);
  const brink::LossAndCorrect pass = gradient.evaluate(on.theta.view(), a.view());
  out.add("loss", pass.loss);
  out.add("correct", pass.correct);
  add("gradient", a.view());

  // Residuals kept, kept for some blocks, and all recomputed.
  std::int64_t all_bytes = 0;
  for (const char* which : {"kept", "half", "recomputed"}) {
    const std::string name = which;
    const std::int64_t budget = name == "kept" ? 0 : name == "half" ? all_bytes / 2 : 1;
    brink::Hvp hvp(device, n.objective, data, {plan.chunk, budget});
    if (name == "kept") all_bytes = hvp.residual_bytes();
    const brink::LossAndCorrect at = hvp.linearize_at(on.theta.view(), a.view());
    out.add("loss of linearize, " + name, at.loss);
    add("gradient of linearize, " + name, a.view());
    hvp.apply(on.w.view(), b.view());
    hvp.apply(on.v.view(), b.view());
    add("Hv, " + name, b.view());
    if (name != "kept") continue;

    brink::Lanczos lanczos(device, hvp.dim(), n.options.dtype, {.max_basis = 24, .max_pairs = 3},
                           layout_normals(n.objective.layout, device));
    const brink::LinearOperator hessian{hvp.dim(), n.options.dtype,
                                        [&](brink::View x, brink::View y) { hvp.apply(x, y); }};
    const brink::LanczosResult r =
        lanczos.run(hessian, {.top = 2, .bottom = 1, .tolerance = 1e-4, .budget = 40}, on.v.view());
    for (const auto& pairs : {r.top, r.bottom})
      for (const brink::RitzPair& p : pairs) {
        out.add("Ritz value", p.value);
        out.add("Ritz residual", p.residual);
        out.add("Ritz bound", p.bound);
        add("Ritz vector", p.vector);
      }
    out.add("orthogonality", r.orthogonality);
    out.add("products", r.products);
  }

  const auto sum = [&](const std::string& name, const brink::GraphBuilder& build, std::vector<char> divide,
                       const std::vector<brink::View>& directions) {
    std::vector<double> scalars(divide.size());
    brink::SampleSum s(device, n.objective, build, data, batch, std::move(divide));
    s.run(on.theta.view(), directions, scalars.empty() ? b.view() : brink::View{}, scalars);
    if (scalars.empty()) add(name, b.view());
    for (const double x : scalars) out.add(name, x);
  };
  const auto& o = n.options;
  sum("Hv in one graph", [&](std::int64_t s) { return hvp_in_one_graph(n.objective, s); }, {}, {on.v.view()});
  sum("Gauss–Newton product", [&](std::int64_t s) { return brink::build_gauss_newton(n.model, o.loss, o.dtype, s); },
      {}, {on.v.view()});
  const int along[] = {0, 0, 1};
  sum("directional derivatives",
      [&](std::int64_t s) { return brink::build_directional_derivatives(n.model, o.loss, o.dtype, s, along); },
      {1, 1, 1, 1}, {on.v.view(), on.w.view()});
  std::vector<double> taylor(5);
  brink::DirectionalDerivatives(device, n.objective, data, 4, batch).run(on.theta.view(), on.v.view(), taylor);
  for (const double x : taylor) out.add("Taylor mode", x);
  out.add("mixed third derivative",
          brink::MixedThirdDerivative(device, n.objective, data, batch).run(on.theta.view(), on.v.view(), on.w.view()));

  // Gauss–Newton products with residuals, two vectors at a time; and a pass over a list that names the samples backwards.
  brink::Linearized newton(device, n.objective, brink::gauss_newton_of(n.model, o.loss, o.dtype), data, batch, 2);
  const brink::ParameterLayout pair = n.objective.layout.repeated(2);
  const brink::Array vectors = brink::to_device(device, direction(pair, o.dtype, 31).view()),
                     products = pair.make_vector(o.dtype, device);
  newton.linearize_at(on.theta.view(), a.view());
  newton.apply(vectors.view(), products.view());
  add("Gauss–Newton products of two vectors", products.view());
  brink::RowList list(device, o.samples, o.samples);
  std::vector<std::int32_t> backwards(static_cast<std::size_t>(o.samples));
  for (std::size_t i = 0; i < backwards.size(); ++i) backwards[i] = static_cast<std::int32_t>(backwards.size() - 1 - i);
  list.set(device, backwards);
  brink::Gradient listed(device, n.objective, data.chosen_by(list), batch);
  out.add("loss of the list", listed.evaluate(on.theta.view(), a.view()).loss);
  add("gradient of the list", a.view());

  for (const bool evaluation : {false, true}) {
    if (evaluation && n.model.norms.empty()) break;
    Bits path = trajectory(n, device, batch, plan.steps, n.theta.view(), plan.made, evaluation);
    for (auto& p : path.parts)
      out.parts.push_back({(evaluation ? "evaluation mode, " : "") + p.name, std::move(p.bytes)});
  }
  return out;
}

/// The bytes of a named part.
inline const std::vector<unsigned char>& part(const Bits& bits, const std::string& name) {
  for (const auto& p : bits.parts)
    if (p.name == name) return p.bytes;
  static const std::vector<unsigned char> none;
  return none;
}

}  // namespace support
