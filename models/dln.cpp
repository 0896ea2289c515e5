// SPDX-License-Identifier: MIT
#include "models/dln.h"
#include "models/kind.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "models/scalars.h"

namespace brink {

Objective make_dln_objective(const Dln& dln, DlnLoss loss, double target, Dtype dtype) {
  for (const auto& term : dln.terms)
    for (const int i : term)
      if (i < 0 || i >= dln.parameters)
        throw std::invalid_argument("[dln] a term names parameter " + std::to_string(i) + "; expected 0 to " +
                                    std::to_string(dln.parameters - 1));
  return make_scalars_objective(
      dln.parameters, dtype, [terms = dln.terms, loss, target](Graph& g, const Vars& theta, Var label) -> ScalarsLoss {
        Var z;
        for (const auto& term : terms) {
          Var product;
          for (const int i : term)
            product =
                product ? mul(g, product, theta[static_cast<std::size_t>(i)]) : theta[static_cast<std::size_t>(i)];
          z = add(g, z, product);
        }
        if (loss == DlnLoss::half_square)
          return {z, half_sum_of_squares(g, sub(g, z, constant(g, target, g.type(z))), 1)};
        return {z, cross_entropy(g, pad_columns(g, z, 1, 2), label, 1)};  // logits (0, z)
      });
}

namespace networks {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    out.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

/// The index i of "thetai"; throws std::invalid_argument unless 0 ≤ i < parameters.
int parameter_of(std::string_view name, int parameters) {
  for (int i = 0; i < parameters; ++i)
    if (name == "theta" + std::to_string(i)) return i;
  throw std::invalid_argument(
      "expected products of " + (parameters == 1 ? "theta0" : "theta0 to theta" + std::to_string(parameters - 1)) +
      ", joined by +; " + (name.empty() ? "a factor is missing" : "\"" + std::string(name) + "\" is no parameter"));
}

/// The terms of a text such as "theta0*theta1 + theta2*theta3"; one product of all parameters for an empty one. Throws
/// std::invalid_argument with the rest of the sentence "model.terms: …".
std::vector<std::vector<int>> terms_of(const std::string& text, int parameters) {
  std::vector<std::vector<int>> out;
  std::vector<bool> used(static_cast<std::size_t>(parameters), false);
  if (text.empty()) {
    out.emplace_back();
    for (int i = 0; i < parameters; ++i) out[0].push_back(i);
    return out;
  }
  for (const std::string_view product : parts_of(text, '+')) {
    out.emplace_back();
    for (const std::string_view factor : parts_of(product, '*')) {
      out.back().push_back(parameter_of(factor, parameters));
      used[static_cast<std::size_t>(out.back().back())] = true;
    }
  }
  for (int i = 0; i < parameters; ++i)
    if (!used[static_cast<std::size_t>(i)])
      throw std::invalid_argument("expected each parameter of model.start in a product; theta" + std::to_string(i) +
                                  " is in none");
  return out;
}

}  // namespace

NetworkKind dln() {
  return {
      .name = "dln",
      .structure = "a product of scalar parameters, or a sum of products, without data",
      .options = {reals_option("start", {2.5, 0.5}, {}, 1, 64, "the parameters theta0, theta1, … at step 0"),
                  text_option("terms", "a sum of products such as \"theta0*theta1 + theta2*theta3\"",
                              "z as a sum of products; a parameter may occur more than once; none: one product of all"),
                  real_option("target", 0, {}, "y of ½(z − y)², or the label 0 or 1 of the cross-entropy")},
      .group = 1,
      .dataless = [](const Options& o, Loss loss, Dtype dtype) -> DatalessNetwork {
        const std::vector<double>& start = o.reals("start");
        const auto parameters = static_cast<int>(start.size());
        const Dln dln{parameters, terms_of(o.text("terms"), parameters)};
        const bool squared = loss == Loss::mse;
        const double target = o.real("target");
        return {make_dln_objective(dln, squared ? DlnLoss::half_square : DlnLoss::binary_cross_entropy, target, dtype),
                !squared && target == 1 ? 1 : 0, start};
      },
      .conflict = [](const Options& o, Loss loss) -> std::optional<OptionConflict> {
        try {
          terms_of(o.text("terms"), static_cast<int>(o.reals("start").size()));
        } catch (const std::invalid_argument& e) { return OptionConflict{"terms", e.what()}; }
        const double target = o.real("target");
        if (loss != Loss::cross_entropy || target == 0 || target == 1) return {};
        return OptionConflict{"target", "expected 0 or 1 for training.loss = \"cross_entropy\""};
      }};
}

}  // namespace networks

}  // namespace brink
