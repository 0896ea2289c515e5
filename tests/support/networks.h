// SPDX-License-Identifier: MIT
// A small network with data, parameters and directions, made from counters, and the bits of everything that is computed from it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "autodiff/batch/linearized.h"
#include "models/initialise.h"
#include "models/mlp.h"
#include "models/statistics.h"
#include "spectral/linear_operator.h"
#include "tests/support/numbers.h"

namespace support {

struct NetworkOptions {
  std::int64_t samples = 1000;
  std::vector<std::int64_t> hidden{9, 7};
  brink::Activation activation = brink::Activation::tanh;
  brink::Loss loss = brink::Loss::cross_entropy;
  brink::Dtype dtype = brink::Dtype::f64;
  std::int64_t inputs = 10, classes = 4;
};

/// A vector of the layout with numbers in (−1, 1) made from a counter; the gaps are +0.
inline brink::Array direction(const brink::ParameterLayout& layout, brink::Dtype dtype, std::uint64_t seed) {
  brink::Array v = layout.make_vector(dtype);
  for (int i = 0; i < layout.size(); ++i)
    brink::with_real(dtype, [&]<class T>(T) {
      std::uint64_t at = static_cast<std::uint64_t>(layout[i].offset);
      for (T& x : layout.view(v.view(), i).span<T>()) x = static_cast<T>(uniform(seed, at++));
    });
  return v;
}

class Network {
 public:
  explicit Network(const NetworkOptions& o) : Network(o, brink::mlp(o.inputs, o.hidden, o.classes, o.activation)) {}
  /// The options of the MLP are not used.
  Network(const NetworkOptions& o, brink::Model m)
      : options(o),
        model(std::move(m)),
        objective(brink::make_objective(model, o.loss, o.dtype)),
        x(brink::Shape{o.samples, model.sample.elements()}, o.dtype),
        labels(brink::Shape{o.samples}, brink::Dtype::i32),
        theta(direction(objective.layout, o.dtype, 7)),
        v(direction(objective.layout, o.dtype, 8)),
        w(direction(objective.layout, o.dtype, 9)) {
    brink::with_real(o.dtype, [&]<class T>(T) {
      std::uint64_t i = 0;
      for (T& value : x.span<T>()) value = static_cast<T>(1.5 * uniform(1, i++));
    });
    std::uint64_t i = 0;
    for (std::int32_t& label : labels.span<std::int32_t>())
      label = static_cast<std::int32_t>((uniform(2, i++) + 1) / 2 * static_cast<double>(model.classes));
  }
  std::vector<brink::View> data() const { return {x.view(), labels.view()}; }
  brink::Array vector() const { return objective.layout.make_vector(options.dtype); }

  NetworkOptions options;
  brink::Model model;
  brink::Objective objective;
  brink::Array x, labels, theta, v, w;
};

/// A network's arrays in a device's memory.
struct Placed {
  Placed(brink::Device& d, const Network& n)
      : x(brink::to_device(d, n.x.view())),
        labels(brink::to_device(d, n.labels.view())),
        theta(brink::to_device(d, n.theta.view())),
        v(brink::to_device(d, n.v.view())),
        w(brink::to_device(d, n.w.view())) {}
  std::vector<brink::View> data() const { return {x.view(), labels.view()}; }
  brink::Array x, labels, theta, v, w;
};

/// The rows of an array, as a source hands them out.
class ArrayRows final : public brink::RowMaker {
 public:
  explicit ArrayRows(const brink::View& array) : array_(array) {}
  brink::Shape shape() const override { return array_.shape; }
  brink::Dtype dtype() const override { return array_.dtype; }
  void fill(std::int64_t first, std::int64_t count, void* out) const override {
    const std::int64_t row_bytes = array_.shape.row_elements() * brink::size_of(array_.dtype);
    std::memcpy(out, static_cast<const char*>(array_.data) + first * row_bytes,
                static_cast<std::size_t>(count * row_bytes));
  }

 private:
  brink::View array_;
};

/// JᵀJ v, J the logits' derivative: a pair of graphs that knows no loss, and whose primal graph outputs residuals alone.
inline brink::LinearizedBuilder squared_jacobian_of(const Network& n) {
  return [m = n.model, dtype = n.options.dtype](std::int64_t samples) {
    brink::ModelGraph f = brink::build_forward(m, dtype, samples);
    brink::Vars v;
    for (int i = 0; i < m.layout.size(); ++i)
      v.push_back(f.g.input("v", {m.layout[i].shape, dtype}, brink::InputRole::tangent, i));
    const brink::Vars jv = brink::pushforward(f.g, {&f.logits, 1}, f.parameters, v);
    const brink::Vars product = brink::pullback(f.g, {&f.logits, 1}, jv, f.parameters);
    for (int i = 0; i < m.layout.size(); ++i)
      f.g.output("product", brink::OutputRole::parameter, i, product[static_cast<std::size_t>(i)]);
    return brink::split_by_direction(f.g, 0);
  };
}

/// What the network's samples are normalised by in evaluation mode at its θ, of a pass over blocks of `chunk` samples.
inline brink::NormStatistics statistics_of(const Network& n, std::int64_t chunk) {
  brink::Device device;
  const brink::Objective descended = brink::make_objective_with_statistics(n.model, n.options.loss, n.options.dtype);
  const brink::Array results = descended.results().make_vector(n.options.dtype);
  brink::Gradient(device, descended, n.data(), {chunk, 0}).evaluate(n.theta.view(), results.view());
  brink::NormStatistics statistics(device, n.model, n.options.dtype);
  statistics.take(results.view());
  return statistics;
}

/// A network's data on a device, in arrays or made by a source of rows.
class BoundData {
 public:
  BoundData(const Network& n, const Placed& on, bool made)
      : rows_(n.x.view()), batch_(made ? brink::Batch{rows_, on.labels.view()} : brink::Batch(on.data())) {}
  BoundData(const BoundData&) = delete;
  BoundData& operator=(const BoundData&) = delete;
  const brink::Batch& batch() const { return batch_; }

 private:
  ArrayRows rows_;
  brink::Batch batch_;
};

/// Uniform numbers as the random vectors of a spectral solver; gaps +0.
inline brink::FillNormal layout_normals(const brink::ParameterLayout& layout, brink::Device device = {}) {
  return [layout, device](brink::View x, brink::RandomUse use, std::uint64_t step, std::uint32_t restart) mutable {
    const brink::Array v =
        direction(layout, x.dtype, (step * 1000033 + restart) * 2 + (use == brink::RandomUse::noise) + 100);
    brink::copy(device, x, v.view());
    brink::synchronize(device);
  };
}

/// Named bytes, in order.
struct Bits {
  struct Part {
    std::string name;
    std::vector<unsigned char> bytes;
  };
  std::vector<Part> parts;

  void add(std::string name, const brink::View& v) {
    const auto* p = static_cast<const unsigned char*>(v.data);
    parts.push_back({std::move(name), {p, p + v.bytes()}});
  }
  void add(std::string name, double value) { add(std::move(name), brink::view_of(&value, {})); }
  void add(std::string name, const std::string& text) {
    parts.push_back({std::move(name), {text.begin(), text.end()}});
  }
};

/// The name of the first part that differs; empty if none does.
inline std::string first_difference(const Bits& a, const Bits& b) {
  if (a.parts.size() != b.parts.size()) return "number of parts";
  for (std::size_t i = 0; i < a.parts.size(); ++i)
    if (a.parts[i].name != b.parts[i].name || a.parts[i].bytes != b.parts[i].bytes) return a.parts[i].name;
  return {};
}

inline bool same_bytes(const brink::View& a, const brink::View& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0;
}

}  // namespace support
