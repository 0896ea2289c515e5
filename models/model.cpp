// SPDX-License-Identifier: MIT
#include "models/model.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "autodiff/transform.h"

namespace brink {

namespace {

/// γ∘(x − mean)·inverse + β with given statistics [C], as one pass. γ·inverse and β − mean·γ·inverse are made for each group,
/// so that a gradient of γ is finished before it is summed over groups.
Var normalise_by(Graph& g, Var x, Var gamma, Var beta, Var mean, Var inverse, std::int64_t group) {
  const auto wide = [&](Var row) { return broadcast_groups(g, row, x, group); };  // [G,C]
  const Var factor = mul(g, wide(gamma), wide(inverse));
  return group_affine(g, {{x, factor}}, sub(g, wide(beta), mul(g, wide(mean), factor)), x, group);
}

}  // namespace

void Model::set_groups(std::int64_t samples, bool join, double eps) {
  if (samples < 1) throw std::invalid_argument("ghost groups of " + std::to_string(samples) + ": expected at least 1");
  group = samples;
  join_short = join;
  epsilon = eps;
}

ModelGraph build_forward(const Model& m, Dtype dtype, std::int64_t samples, NormMode mode, std::optional<Dtype> data) {
  ModelGraph out;
  for (int i = 0; i < m.layout.size(); ++i)
    out.parameters.push_back(out.g.input(m.layout[i].name, {m.layout[i].shape, dtype}, InputRole::parameter, i));
  Shape x{samples};
  for (int a = 0; a < m.sample.rank; ++a) x.extent[static_cast<std::size_t>(x.rank++)] = m.sample[a];
  out.x = out.g.input("x", {x, data.value_or(dtype)}, InputRole::data, 0);
  out.labels = out.g.input("labels", {{samples}, Dtype::i32}, InputRole::data, 1);
  std::vector<std::array<Var, 2>> given;
  if (mode == NormMode::evaluation)
    for (const NormLayer& n : m.norms) {
      const auto input = [&](const char* what) {
        const int index = static_cast<int>(out.g.inputs().size()) - m.layout.size() - 2;
        const Var given_as = out.g.input(n.name + what, {{n.channels}, data.value_or(dtype)}, InputRole::shared, index);
        return cast(out.g, given_as, dtype);
      };
      const Var mean = input(".mean");
      given.push_back({mean, input(".inverse_deviation")});
    }
  std::size_t norm = 0;
  const std::int64_t group = m.group_in(samples);
  const BlockContext block{group, [&](Graph& g, Var x, Var gamma, Var beta) {
                             const std::size_t i = norm++;
                             if (mode == NormMode::evaluation)
                               return normalise_by(g, x, gamma, beta, given[i][0], given[i][1], group);
                             out.norms.push_back(ghost_norm(g, x, gamma, beta, group, m.epsilon));
                             return out.norms.back().y;
                           }};
  out.x = cast(out.g, out.x, dtype);
  out.logits = m.forward(out.g, out.parameters, out.x, block);
  return out;
}

Var emit_loss(Graph& g, Loss loss, Var logits, Var labels, std::int64_t group) {
  const Graph::Within within(g, {"loss"});
  if (loss == Loss::cross_entropy) return cross_entropy(g, logits, labels, group);
  return half_sum_of_squares(g, sub(g, logits, one_hot(g, labels, g.type(logits))), group);
}

void output_loss(const Model& m, Loss loss, ModelGraph& f, std::int64_t samples) {
  f.g.output("loss", OutputRole::scalar, 0, emit_loss(f.g, loss, f.logits, f.labels, m.group_in(samples)));
  const Graph::Within within(f.g, {"loss"});
  f.g.output("correct", OutputRole::scalar, 1, count_correct(f.g, f.logits, f.labels));
}

Objective make_objective(const Model& m, Loss loss, Dtype dtype, NormMode mode, std::optional<Dtype> data) {
  Objective o{m.layout, dtype, m.group, m.join_short, [m, loss, dtype, mode, data](std::int64_t samples) {
                ModelGraph f = build_forward(m, dtype, samples, mode, data);
                output_loss(m, loss, f, samples);
                return std::move(f.g);
              }};
  o.whole_groups = !m.norms.empty();
  if (dtype != Dtype::f64)
    o.in_float64 = [m, loss, mode, of_data = data.value_or(dtype)] {
      return make_objective(m, loss, Dtype::f64, mode, of_data);
    };
  o.gauss_newton = gauss_newton_of(m, loss, dtype, mode);
  return o;
}

Graph build_gauss_newton(const Model& m, Loss loss, Dtype dtype, std::int64_t samples) {
  ModelGraph f = build_forward(m, dtype, samples);
  Graph& g = f.g;
  Vars v;
  for (int i = 0; i < m.layout.size(); ++i)
    v.push_back(g.input("v", g.type(f.parameters[static_cast<std::size_t>(i)]), InputRole::tangent, i));
  const Var value = emit_loss(g, loss, f.logits, f.labels, m.group_in(samples));
  const Vars gv = gauss_newton(g, value, f.logits, f.parameters, v);
  for (std::size_t i = 0; i < gv.size(); ++i)
    g.output("gauss_newton", OutputRole::parameter, static_cast<int>(i),
             gv[i] ? gv[i] : constant(g, 0, g.type(f.parameters[i])));
  return prune(g);
}

LinearizedBuilder gauss_newton_of(const Model& m, Loss loss, Dtype dtype, NormMode mode) {
  return [m, loss, dtype, mode](std::int64_t samples) {
    ModelGraph f = build_forward(m, dtype, samples, mode);
    output_loss(m, loss, f, samples);
    return linearize_gauss_newton(f.g, f.logits);
  };
}

Graph build_directional_derivatives(const Model& m, Loss loss, Dtype dtype, std::int64_t samples,
                                    std::span<const int> directions) {
  ModelGraph f = build_forward(m, dtype, samples);
  Graph& g = f.g;
  const int vectors = directions.empty() ? 0 : *std::ranges::max_element(directions) + 1;
  std::vector<Vars> v(static_cast<std::size_t>(vectors));
  for (int d = 0; d < vectors; ++d)
    for (int i = 0; i < m.layout.size(); ++i)
      v[static_cast<std::size_t>(d)].push_back(
          g.input("v", g.type(f.parameters[static_cast<std::size_t>(i)]), InputRole::tangent, i, d));
  Var value = emit_loss(g, loss, f.logits, f.labels, m.group_in(samples));
  const ValueType scalar = g.type(value);
  g.output("loss", OutputRole::scalar, 0, value);
  for (std::size_t k = 0; k < directions.size(); ++k) {
    if (value) value = pushforward(g, {&value, 1}, f.parameters, v[static_cast<std::size_t>(directions[k])])[0];
    g.output("derivative", OutputRole::scalar, static_cast<int>(k) + 1, value ? value : constant(g, 0, scalar));
  }
  return prune(g);
}

Graph build_logits(const Model& m, Dtype dtype, std::int64_t samples) {
  ModelGraph f = build_forward(m, dtype, samples);
  f.g.output("logits", OutputRole::samples, 0, f.logits);
  return prune(f.g);
}

}  // namespace brink
