// SPDX-License-Identifier: MIT
// A row for each update rule of the list: settings that are not its defaults, and its step in plain loops.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace kinds {

/// A rule in plain loops.
template <class T>
struct PlainRule {
  std::vector<T> theta;
  std::vector<T> batch;               ///< the gradient of the minibatch; empty without minibatches
  std::array<std::vector<T>, 4> own;  ///< the rule's vectors, zero at the start
  T rate{};
};

struct RuleRow {
  std::string name;
  std::vector<std::string> settings;  ///< "training.momentum=0.7"
  double threshold;                   ///< the threshold with these settings at η = 0.2
  double bouncing_rate;               ///< the η at which a small MLP passes the threshold within 40 steps
  std::string metrics;                ///< XXH3-64 of metrics.csv of the run of rules_test.cpp
  void (*in_float32)(PlainRule<float>&, std::span<const float> gradient);
  void (*in_float64)(PlainRule<double>&, std::span<const double> gradient);
};

/// step: the rule's step for either type, [](auto& rule, auto gradient) { … }, without captures.
template <class Step>
RuleRow rule_row(std::string name, std::vector<std::string> settings, double threshold, double bouncing_rate,
                 std::string metrics, Step step) {
  return {std::move(name), std::move(settings), threshold, bouncing_rate, std::move(metrics), step, step};
}

inline const std::vector<RuleRow>& rule_rows() {
  static const std::vector<RuleRow> all{
      rule_row("gd", {}, 2 / 0.2, 1.5, "9856eafa54bbef1e",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T step = r.rate * g[i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("momentum", {"training.momentum=0.7"}, 2 * (1 + 0.7) / 0.2, 0.3, "87333ad1e774d642",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T kept = static_cast<T>(0.7) * r.own[0][i];
                   r.own[0][i] = kept + g[i];
                   const T step = r.rate * r.own[0][i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("sgd", {"training.batch=48"}, 2 / 0.2, 1.5, "a750499307f11d05",
               []<class T>(PlainRule<T>& r, std::span<const T>) {
                 for (std::size_t i = 0; i < r.theta.size(); ++i) {
                   const T step = r.rate * r.batch[i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("noise_scaled", {"training.noise_scale=0.75", "training.batch=48"}, 2 / 0.2, 1.5, "94d3f29b4d8b2eb0",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T noise = static_cast<T>(0.75) * static_cast<T>(r.batch[i] - g[i]);
                   const T mixed = g[i] + noise;
                   const T step = r.rate * mixed;
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
  };
  return all;
}

}  // namespace kinds
