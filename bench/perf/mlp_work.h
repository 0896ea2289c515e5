// SPDX-License-Identifier: MIT
// What it is: one workload, a ReLU MLP with cross-entropy on a full batch, through the library's public classes.
// What it is not: a training run; no measurements, no files written.
// Decision: brink's parameters lie in one vector with aligned gaps; the files shared with other systems have none, so
// the conversion lives here and never inside a timed call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/hvp.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/thread_pool.h"
#include "models/model.h"
#include "training/device.h"

namespace brink::bench {

/// Raw inputs: x [N,D] float32, labels [N], theta and v [n] without gaps in parameter order.
struct MlpData {
  std::vector<std::int64_t> widths;
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  std::vector<float> theta, v;
  std::int64_t samples() const { return static_cast<std::int64_t>(labels.size()); }
};

/// Reads the folder that bench/peers/run writes (workload.json, x.f32, labels.i32, theta.f32, v.f32).
/// Throws std::runtime_error with the file and the sizes expected and found.
MlpData read_mlp_data(const std::string& folder);

/// The same kind of data made here: entries of variance 1, weights of variance 1/fan_in, biases 0, v of norm 1.
MlpData make_mlp_data(std::vector<std::int64_t> widths, std::int64_t samples, std::uint32_t seed);

class MlpWork {
 public:
  /// `threads` of the CPU; on a GPU they do nothing. Throws DeviceError.
  MlpWork(const MlpData&, int threads, Where = Where::cpu, Arithmetic = Arithmetic::exact);
  MlpWork(const MlpWork&) = delete;
  MlpWork& operator=(const MlpWork&) = delete;

  /// Loss and gradient at θ. → mean loss.
  double gradient();
  /// Everything of the HVP at θ that does not depend on v.
  void linearize();
  /// H v for the data's v, after linearize().
  void apply();
  /// `steps` steps of gradient descent from the data's θ. → mean loss after them.
  double descend(int steps, double learning_rate);

  std::int64_t gradient_flops() const { return gradient_->flops(); }
  std::int64_t tangent_flops() const { return hvp_->tangent_flops(); }
  Hvp& hvp() { return *hvp_; }
  const ParameterLayout& layout() const { return objective_.layout; }

  /// Vectors of the layout, and their content without gaps.
  View theta() const { return theta_.view(); }
  View direction() const { return v_.view(); }
  View gradient_vector() const { return g_.view(); }
  View product() const { return hv_.view(); }
  std::vector<float> packed(const View& vector);
  void unpack(std::span<const float> flat, const View& vector);
  std::string device_name() const { return opened_.name(); }

 private:
  ThreadPool pool_;
  OpenDevice opened_;
  Device device_;
  Objective objective_;
  Array x_, labels_;
  std::optional<Gradient> gradient_;
  std::optional<Hvp> hvp_;
  Array theta_, v_, g_, hv_, moving_;
};

}  // namespace brink::bench
