// SPDX-License-Identifier: MIT
// A row for each update rule of the list: settings that are not its defaults, and its step in plain loops.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/reference/update_reference.h"

namespace kinds {

/// The learning rate of the test of steps.
inline constexpr double plain_rate = 0.2;

/// A rule in plain loops.
template <class T>
struct PlainRule {
  std::vector<T> theta;
  std::vector<T> batch;               ///< the gradient of the minibatch; empty without minibatches
  std::array<std::vector<T>, 4> own;  ///< the rule's vectors, zero at the start
  double power1 = 1, power2 = 1;      ///< of β₁ and β₂, 1 at the start
};

/// The elements of θ after a step along direction(i), the rate and the decay w as in (1 − ηw)θ − η·direction.
template <class T>
void plain_step(PlainRule<T>& r, double decay, const auto& direction) {
  for (std::size_t i = 0; i < r.theta.size(); ++i)
    r.theta[i] = brink::reference::stepped(r.theta[i], static_cast<T>(direction(i)), plain_rate, plain_rate * decay);
}
inline auto plain_descent(double decay) {
  return [=]<class T>(PlainRule<T>& r, std::span<const T> g) { plain_step(r, decay, [&](auto i) { return g[i]; }); };
}
inline auto plain_noise_scaled(double scale, double decay) {
  return [=]<class T>(PlainRule<T>& r, std::span<const T> g) {
    plain_step(r, decay, [&](auto i) {
      const T noise = static_cast<T>(scale) * static_cast<T>(r.batch[i] - g[i]);
      return g[i] + noise;
    });
  };
}
inline auto plain_momentum(double beta, double decay) {
  return [=]<class T>(PlainRule<T>& r, std::span<const T> g) {
    plain_step(r, decay, [&](auto i) {
      const T kept = static_cast<T>(beta) * r.own[0][i];
      return r.own[0][i] = kept + g[i];
    });
  };
}
/// With bias correction. β₁ = 0: the mean is the gradient.
inline auto plain_adaptive(double beta1, double beta2, brink::reference::Denominator denominator, double decay) {
  return [=]<class T>(PlainRule<T>& r, std::span<const T> g) {
    r.power1 *= beta1;
    r.power2 *= beta2;
    plain_step(r, decay, [&](auto i) {
      r.own[0][i] = brink::reference::moving_average(r.own[0][i], g[i], beta1);
      r.own[1][i] = brink::reference::moving_average(r.own[1][i], static_cast<T>(g[i] * g[i]), beta2);
      const T mean = r.own[0][i] / static_cast<T>(1 - r.power1), square = r.own[1][i] / static_cast<T>(1 - r.power2);
      return mean / denominator(square);
    });
  };
}

struct RuleRow {
  std::string name;
  std::vector<std::string> settings;  ///< "training.momentum=0.7"
  double threshold;                   ///< the threshold with these settings at η = 0.2
  double bouncing_rate;               ///< the η at which a small MLP passes the threshold within 40 steps
  std::string metrics;                ///< XXH3-64 of metrics.csv of the run of rules_test.cpp
  std::function<void(PlainRule<float>&, std::span<const float> gradient)> in_float32;
  std::function<void(PlainRule<double>&, std::span<const double> gradient)> in_float64;
};

/// step: the rule's step for either type, [](auto& rule, auto gradient) { … }.
template <class Step>
RuleRow rule_row(std::string name, std::vector<std::string> settings, double threshold, double bouncing_rate,
                 std::string metrics, Step step) {
  return {std::move(name), std::move(settings), threshold, bouncing_rate, std::move(metrics), step, step};
}

inline const std::vector<RuleRow>& rule_rows() {
  static const std::vector<RuleRow> all{
      rule_row("gd", {}, 2 / 0.2, 2.5, "fd7dfceb56fc3284", plain_descent(0)),
      rule_row("gd", {"training.weight_decay=0.05"}, 2 / 0.2 - 0.05, 2.5, "1fe6f9563ce7a848", plain_descent(0.05)),
      rule_row("rmsprop",
               {"training.beta2=0.98", "training.epsilon=1e-3", "training.bias_correction=false",
                "training.weight_decay=0.05"},
               2 / 0.2 - 0.05, 0.02, "e9431950d2bb8bfa",
               []<class T>(PlainRule<T>& r, std::span<const T> g) {
                 plain_step(r, 0.05, [&](auto i) {
                   r.own[0][i] = brink::reference::moving_average(r.own[0][i], static_cast<T>(g[i] * g[i]), 0.98);
                   return g[i] / brink::reference::Denominator{1e-3}(r.own[0][i]);
                 });
               }),
      rule_row("adam",
               {"training.beta1=0.8", "training.beta2=0.98", "training.epsilon=1e-4", "training.weight_decay=0.05"},
               2 / 0.2 * ((1 + 0.8) / (1 - 0.8)) - (1 + 0.8) / (1 - 0.8) * 0.05, 0.02, "21fc25e84166932b",
               plain_adaptive(0.8, 0.98, {1e-4}, 0.05)),
      rule_row("clipped_ada",
               {"training.beta1=0.0", "training.beta2=0.98", "training.epsilon=1e-4", "training.clip=0.01",
                "training.clip_on=moment"},
               2 / 0.2, 0.02, "195fd5cde000c10e", plain_adaptive(0, 0.98, {.epsilon = 1e-4, .clip_moment = 0.01}, 0)),
      rule_row("clipped_ada",
               {"training.beta1=0.8", "training.beta2=0.98", "training.epsilon=1e-4", "training.clip=0.1"},
               2 / 0.2 * ((1 + 0.8) / (1 - 0.8)), 0.02, "6b48dd0bc991e4a4",
               plain_adaptive(0.8, 0.98, {.epsilon = 1e-4, .clip_root = 0.1}, 0)),
      rule_row("momentum", {"training.momentum=0.7", "training.weight_decay=0.05"},
               2 * (1 + 0.7) / 0.2 - (1 + 0.7) * 0.05, 4.0, "7c65b7ae8aa453e7", plain_momentum(0.7, 0.05)),
      rule_row("momentum", {"training.momentum=0.7"}, 2 * (1 + 0.7) / 0.2, 4.0, "835c112bd9b9ef2c",
               plain_momentum(0.7, 0)),
      rule_row(
          "sgd", {"training.batch=48"}, 2 / 0.2, 2.5, "ccb3648018e6c38b",
          []<class T>(PlainRule<T>& r, std::span<const T>) { plain_step(r, 0, [&](auto i) { return r.batch[i]; }); }),
      rule_row("noise_scaled", {"training.noise_scale=0.75", "training.batch=48"}, 2 / 0.2, 2.5, "889d12d9dae54407",
               plain_noise_scaled(0.75, 0)),
      rule_row("noise_scaled", {"training.noise_scale=0.75", "training.batch=48", "training.weight_decay=0.05"},
               2 / 0.2 - 0.05, 2.5, "61e410f4723dd96b", plain_noise_scaled(0.75, 0.05)),
  };
  return all;
}

}  // namespace kinds
