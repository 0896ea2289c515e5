// SPDX-License-Identifier: MIT
// One workload, a network with cross-entropy on a full batch, through the library's public classes.
// brink's parameters are in one vector with aligned gaps, and the files shared with other systems have none; the conversion is
// here and never inside a timed call. Nothing is built before it is used, so a process's memory is that of its work alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/directional.h"
#include "autodiff/batch/linearized.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/thread_pool.h"
#include "models/model.h"
#include "spectral/linear_operator.h"
#include "training/environment.h"
#include "training/run/config.h"

namespace brink::bench {

/// Raw inputs: x [N, sample…] float32, labels [N], theta and v [n] without gaps in parameter order.
struct Workload {
  Model model;
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  std::vector<float> theta, v;
  std::int64_t samples() const { return static_cast<std::int64_t>(labels.size()); }
};

/// Reads the folder that bench/peers/run writes (workloads.py defines its contents).
/// Throws std::runtime_error with the file and the expected and found sizes, or with the parameter that brink's network does
/// not have.
Workload read_workload(const std::string& folder);

/// Reads `expected` float32 numbers of a file without a header. Throws std::runtime_error with the file and both sizes.
std::vector<float> read_vector(const std::string& file, std::int64_t expected);

/// The same kind of data made here: entries of variance 1, weights of variance 1/fan_in, the rest as at step 0, v of norm 1.
Workload make_workload(const Chosen<NetworkKind>&, const Shape& sample, std::int64_t classes, std::int64_t samples,
                       std::uint32_t seed);

class Work {
 public:
  /// `threads` of the CPU; on a GPU they do nothing. `data` outlives it. Throws DeviceError.
  Work(const Workload& data, int threads, Where = Where::cpu, Arithmetic = Arithmetic::exact);
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  /// Which products are meant: those that keep the residuals of all blocks, or those that compute all residuals again each
  /// time.
  enum class Residuals : std::uint8_t { kept, recomputed };

  /// Loss and gradient at θ. → mean loss.
  double gradient();
  /// Computes loss, gradient, and everything of the product at θ that does not depend on v. → mean loss.
  double linearize(Residuals = Residuals::kept);
  /// H v for the data's v, after linearize().
  void apply(Residuals = Residuals::kept);
  /// H at θ of the last linearize() with kept residuals. This object outlives it.
  LinearOperator hessian();
  /// Products with four vectors, at a time or one after the other, after linearize_for_four().
  void apply_four(bool together);
  void linearize_for_four(Residuals);
  /// The derivatives of orders 1 to 4 along the data's v at θ. → the fourth.
  double fourth_derivative();
  /// ∇³L[v, v, g] at θ, g what the last gradient() or linearize() has left.
  double mixed_third_derivative();
  /// `steps` steps of gradient descent from the data's θ. → mean loss after them.
  double descend(int steps, double learning_rate);

  std::int64_t gradient_flops() { return gradient_sum().flops(); }
  std::int64_t fourth_flops() { return fourth().flops(); }
  std::int64_t mixed_third_flops() { return mixed_third().flops(); }
  std::int64_t tangent_flops() { return hvp(Residuals::kept).tangent_flops(); }
  std::int64_t recompute_flops() { return hvp(Residuals::recomputed).recompute_flops(); }
  std::int64_t residual_bytes() { return hvp(Residuals::kept).residual_bytes(); }
  const ParameterLayout& layout() const { return objective_.layout; }

  /// Vectors of the layout, and their content without gaps.
  View theta() const { return theta_.view(); }
  View direction() const { return v_.view(); }
  View gradient_vector() const { return g_.view(); }
  View product() const { return hv_.view(); }
  std::vector<float> packed(const View& vector);
  void unpack(std::span<const float> flat, const View& vector);
  Device& device() { return device_; }
  std::string device_name() const { return environment_.device_name(); }

 private:
  BatchOptions options(Residuals) const;
  Gradient& gradient_sum();
  Hvp& hvp(Residuals);
  DirectionalDerivatives& fourth();
  MixedThirdDerivative& mixed_third();

  Environment environment_;
  Device device_;
  Objective objective_;
  Array x_, labels_;
  std::vector<View> inputs_;
  std::shared_ptr<Arenas> arenas_;  // for programs that never run at the same time
  std::optional<Gradient> gradient_;
  std::optional<Hvp> kept_, recomputed_;
  std::optional<Hvp> four_;
  Array four_vectors_, four_products_;
  std::optional<DirectionalDerivatives> fourth_;
  std::optional<MixedThirdDerivative> mixed_third_;
  Array theta_, v_, g_, hv_, moving_;
};

}  // namespace brink::bench
