// SPDX-License-Identifier: MIT
// Gradient, products and sums over samples for vectors and data in the host's memory, computed on any device: a check has the same code for
// every device, and compares numbers on the host.
#pragma once

#include <span>
#include <vector>

#include "autodiff/batch/directional.h"
#include "autodiff/batch/linearized.h"
#include "kernels/memory.h"
#include "spectral/subspace.h"

namespace brink::verify {

/// Copies of host arrays in a device's memory.
class Placed {
 public:
  Placed(Device& device, std::span<const View> host) {
    for (const View& v : host) views_.push_back(arrays_.emplace_back(to_device(device, v)).view());
  }
  const std::vector<View>& views() const { return views_; }

 private:
  std::vector<Array> arrays_;
  std::vector<View> views_;
};

/// compare_subspaces of columns in the host's memory.
inline SubspaceComparison compare_columns(Device& device, ColumnSet u, ColumnSet v) {
  std::vector<Array> arrays;
  for (ColumnSet* c : {&u, &v}) {
    const View all{c->data, {c->stride * c->count}, c->dtype};
    c->data = arrays.emplace_back(to_device(device, all)).view().data;
  }
  return compare_subspaces(device, u, v);
}

class HostGradient {
 public:
  HostGradient(Device& device, const Objective& o, std::span<const View> data, const BatchOptions& batch = {})
      : device_(device),
        data_(device, data),
        theta_(o.layout.make_vector(o.dtype, device)),
        out_(o.layout.make_vector(o.dtype, device)),
        gradient_(device, o, data_.views(), batch) {}
  LossAndCorrect evaluate(View theta, View gradient) {
    copy(device_, theta_.view(), theta);
    const LossAndCorrect out = gradient_.evaluate(theta_.view(), out_.view());
    copy(device_, gradient, out_.view());
    synchronize(device_);
    return out;
  }

 private:
  Device device_;
  Placed data_;
  Array theta_, out_;
  Gradient gradient_;
};

/// Products of any pair of a primal and a tangent graph.
class HostLinearized {
 public:
  HostLinearized(Device& device, const Objective& o, const LinearizedBuilder& build, std::span<const View> data,
                 const BatchOptions& batch = {})
      : device_(device),
        data_(device, data),
        in_(o.layout.make_vector(o.dtype, device)),
        out_(o.layout.make_vector(o.dtype, device)),
        linearized_(device, o, build, data_.views(), batch) {}
  /// gradient may be empty, as in Linearized.
  LossAndCorrect linearize_at(View theta, View gradient) {
    copy(device_, in_.view(), theta);
    const LossAndCorrect out = linearized_.linearize_at(in_.view(), gradient.data ? out_.view() : View{});
    if (gradient.data) copy(device_, gradient, out_.view());
    synchronize(device_);
    return out;
  }
  /// v, product: in the host's memory or the device's.
  void apply(View v, View product) {
    copy(device_, in_.view(), v);
    linearized_.apply(in_.view(), out_.view());
    copy(device_, product, out_.view());
    synchronize(device_);
  }

 private:
  Device device_;
  Placed data_;
  Array in_, out_;
  Linearized linearized_;
};

/// Products with the Hessian.
class HostHvp : public HostLinearized {
 public:
  HostHvp(Device& device, const Objective& o, std::span<const View> data, const BatchOptions& batch = {})
      : HostLinearized(device, o, hessian_of(o), data, batch) {}
};

class HostSampleSum {
 public:
  HostSampleSum(Device& device, const Objective& o, const GraphBuilder& build, std::span<const View> data,
                const BatchOptions& batch, std::vector<char> is_mean)
      : device_(device), data_(device, data), sum_(device, o, build, data_.views(), batch, std::move(is_mean)) {}
  void run(View parameters, std::span<const View> directions, View vector, std::span<double> scalars,
           std::span<const View> samples = {}) {
    const View whole[] = {parameters};
    const Placed theta(device_, whole), along(device_, directions), outputs(device_, samples);
    const Array out = vector.data ? Array(vector.shape, vector.dtype, device_) : Array();
    sum_.run(theta.views()[0], along.views(), out.view(), scalars, outputs.views());
    if (vector.data) copy(device_, vector, out.view());
    for (std::size_t i = 0; i < samples.size(); ++i) copy(device_, samples[i], outputs.views()[i]);
    synchronize(device_);
  }

 private:
  Device device_;
  Placed data_;
  SampleSum sum_;
};

/// Derivatives along directions in the host's memory, by Taylor mode.
class HostDerivatives {
 public:
  HostDerivatives(Device& device, const Objective& o, std::span<const View> data)
      : device_(device), objective_(o), data_(device, data) {}
  /// Loss and derivatives of orders 1 … order along v.
  std::vector<double> along(View theta, View v, int order) {
    const View both[] = {theta, v};
    const Placed there(device_, both);
    DirectionalDerivatives derivatives(device_, objective_, data_.views(), order);
    std::vector<double> out(static_cast<std::size_t>(derivatives.count()));
    derivatives.run(there.views()[0], there.views()[1], out);
    return out;
  }
  /// ∇³L[u, u, w]
  double third(View theta, View u, View w) {
    const View all[] = {theta, u, w};
    const Placed there(device_, all);
    return MixedThirdDerivative(device_, objective_, data_.views())
        .run(there.views()[0], there.views()[1], there.views()[2]);
  }

 private:
  Device device_;
  const Objective& objective_;
  Placed data_;
};

}  // namespace brink::verify
