// SPDX-License-Identifier: MIT
// What it is: Gradient, Hvp and SampleSum for vectors and data in the host's memory, computed on any device.
// What it is not: for training, where nothing is copied back and forth. Decision: they bear the library's names, so that a check reads
// the same for every device, and numbers are compared on the host.
#pragma once

#include <span>
#include <vector>

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

class Gradient {
 public:
  Gradient(Device& device, const Objective& o, std::span<const View> data, const BatchOptions& batch = {})
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
  brink::Gradient gradient_;
};

class Hvp {
 public:
  Hvp(Device& device, const Objective& o, std::span<const View> data, const BatchOptions& batch = {})
      : device_(device),
        data_(device, data),
        in_(o.layout.make_vector(o.dtype, device)),
        out_(o.layout.make_vector(o.dtype, device)),
        hvp_(device, o, data_.views(), batch) {}
  LossAndCorrect linearize_at(View theta, View gradient) {
    copy(device_, in_.view(), theta);
    const LossAndCorrect out = hvp_.linearize_at(in_.view(), out_.view());
    copy(device_, gradient, out_.view());
    synchronize(device_);
    return out;
  }
  /// v, hv: in the host's memory or the device's.
  void apply(View v, View hv) {
    copy(device_, in_.view(), v);
    hvp_.apply(in_.view(), out_.view());
    copy(device_, hv, out_.view());
    synchronize(device_);
  }

 private:
  Device device_;
  Placed data_;
  Array in_, out_;
  brink::Hvp hvp_;
};

class SampleSum {
 public:
  SampleSum(Device& device, const Objective& o, const GraphBuilder& build, std::span<const View> data,
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
  brink::SampleSum sum_;
};

}  // namespace brink::verify
