// SPDX-License-Identifier: MIT
// A row for each update rule of the list: settings that are not its defaults, and its step in plain loops.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
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
  double power1 = 1, power2 = 1;  ///< of β₁ and β₂, 1 at the start
};

/// θ − dθ, d = 0.2 · 0.05, the decay of these rows at the rate of the test.
template <class T>
T decayed_by_plain(T theta) {
  const T decay = static_cast<T>(0.2 * 0.05) * theta;
  return theta - decay;
}
/// βa + (1 − β)b, each product and the sum rounded.
template <class T>
T plain_average(T a, T b, double beta) {
  const T kept = static_cast<T>(beta) * a, added = static_cast<T>(1 - beta) * b;
  return kept + added;
}

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
      rule_row("gd", {}, 2 / 0.2, 2.5, "9856eafa54bbef1e",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T step = r.rate * g[i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("gd", {"training.weight_decay=0.05"}, 2 / 0.2 - 0.05, 2.5, "09b36c762f8a5b8e",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T step = r.rate * g[i];
                   r.theta[i] = decayed_by_plain(r.theta[i]) - step;
                 }
               }),
      rule_row("rmsprop",
               {"training.beta2=0.98", "training.epsilon=1e-3", "training.bias_correction=false",
                "training.weight_decay=0.05"},
               2 / 0.2 - 0.05, 0.02, "5866a6e8cfadbf19",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   r.own[0][i] = plain_average(r.own[0][i], static_cast<T>(g[i] * g[i]), 0.98);
                   const T direction = g[i] / (std::sqrt(r.own[0][i]) + static_cast<T>(1e-3));
                   const T step = r.rate * direction;
                   r.theta[i] = decayed_by_plain(r.theta[i]) - step;
                 }
               }),
      rule_row("adam",
               {"training.beta1=0.8", "training.beta2=0.98", "training.epsilon=1e-4", "training.weight_decay=0.05"},
               2 / 0.2 * ((1 + 0.8) / (1 - 0.8)) - (1 + 0.8) / (1 - 0.8) * 0.05, 0.02, "41982532707a6187",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 r.power1 *= 0.8;
                 r.power2 *= 0.98;
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   r.own[0][i] = plain_average(r.own[0][i], g[i], 0.8);
                   r.own[1][i] = plain_average(r.own[1][i], static_cast<T>(g[i] * g[i]), 0.98);
                   const T mean = r.own[0][i] / static_cast<T>(1 - r.power1),
                           square = r.own[1][i] / static_cast<T>(1 - r.power2);
                   const T direction = mean / (std::sqrt(square) + static_cast<T>(1e-4));
                   const T step = r.rate * direction;
                   r.theta[i] = decayed_by_plain(r.theta[i]) - step;
                 }
               }),
      rule_row("clipped_ada",
               {"training.beta1=0.0", "training.beta2=0.98", "training.epsilon=1e-4", "training.clip=0.01",
                "training.clip_on=moment"},
               2 / 0.2, 0.02, "71d254e1f343a621",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 r.power2 *= 0.98;
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   r.own[0][i] = plain_average(r.own[0][i], static_cast<T>(g[i] * g[i]), 0.98);
                   const T square = r.own[0][i] / static_cast<T>(1 - r.power2);
                   const T direction =
                       g[i] / (std::sqrt(std::min(square, static_cast<T>(0.01))) + static_cast<T>(1e-4));
                   const T step = r.rate * direction;
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("clipped_ada",
               {"training.beta1=0.8", "training.beta2=0.98", "training.epsilon=1e-4", "training.clip=0.1"},
               2 / 0.2 * ((1 + 0.8) / (1 - 0.8)), 0.02, "c5a7ea981479fe7f",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 r.power1 *= 0.8;
                 r.power2 *= 0.98;
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   r.own[0][i] = plain_average(r.own[0][i], g[i], 0.8);
                   r.own[1][i] = plain_average(r.own[1][i], static_cast<T>(g[i] * g[i]), 0.98);
                   const T mean = r.own[0][i] / static_cast<T>(1 - r.power1),
                           square = r.own[1][i] / static_cast<T>(1 - r.power2);
                   const T direction = mean / (std::min(std::sqrt(square), static_cast<T>(0.1)) + static_cast<T>(1e-4));
                   const T step = r.rate * direction;
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("momentum", {"training.momentum=0.7", "training.weight_decay=0.05"},
               2 * (1 + 0.7) / 0.2 - (1 + 0.7) * 0.05, 4.0, "3732759ed028526d",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T kept = static_cast<T>(0.7) * r.own[0][i];
                   r.own[0][i] = kept + g[i];
                   const T step = r.rate * r.own[0][i];
                   r.theta[i] = decayed_by_plain(r.theta[i]) - step;
                 }
               }),
      rule_row("momentum", {"training.momentum=0.7"}, 2 * (1 + 0.7) / 0.2, 4.0, "87333ad1e774d642",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 for (std::size_t i = 0; i < g.size(); ++i) {
                   const T kept = static_cast<T>(0.7) * r.own[0][i];
                   r.own[0][i] = kept + g[i];
                   const T step = r.rate * r.own[0][i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("sgd", {"training.batch=48"}, 2 / 0.2, 2.5, "a750499307f11d05",
               []<class T>(PlainRule<T>& r, std::span<const T>) {
                 for (std::size_t i = 0; i < r.theta.size(); ++i) {
                   const T step = r.rate * r.batch[i];
                   r.theta[i] = r.theta[i] - step;
                 }
               }),
      rule_row("noise_scaled", {"training.noise_scale=0.75", "training.batch=48"}, 2 / 0.2, 2.5, "94d3f29b4d8b2eb0",
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
