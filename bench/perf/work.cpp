// SPDX-License-Identifier: MIT
#include "bench/perf/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kernels/map/map.h"
#include "training/io/json.h"
#include "training/run/problem.h"

namespace brink::bench {
namespace {

template <class T>
std::vector<T> read_raw(const std::filesystem::path& file, std::int64_t expected) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const std::int64_t bytes = in ? static_cast<std::int64_t>(in.tellg()) : -1;
  const std::int64_t needed = expected * static_cast<std::int64_t>(sizeof(T));
  if (bytes != needed)
    throw std::runtime_error(fmt::format("{}: expected {} bytes, found {}", file.string(), needed, bytes));
  std::vector<T> out(static_cast<std::size_t>(expected));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()), needed);
  return out;
}

/// Uniform in (−√3, √3): variance 1.
class Uniform {
 public:
  explicit Uniform(std::uint32_t seed) : state_(seed) {}
  float operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31f * 1.7320508f;
  }

 private:
  std::uint64_t state_;
};

/// The keys of a config's [model] that a workload's network has.
Chosen<NetworkKind> network_of(const nlohmann::json& network) {
  const std::string name = network.at("name");
  const NetworkKind* kind = find_kind(network_kinds(), name);
  if (!kind) throw std::runtime_error(fmt::format("workload.json: unknown network '{}'", name));
  Chosen<NetworkKind> out(*kind);
  for (const auto& [key, value] : network.items()) {
    if (!out.options.has(key)) continue;
    if (value.is_array())
      out.options.set(key, value.get<std::vector<std::int64_t>>());
    else if (value.is_number_integer())
      out.options.set(key, value.get<std::int64_t>());
    else
      out.options.set(key, value.get<std::string>());
  }
  return out;
}

std::vector<std::int64_t> extents_of(const Shape& shape) {
  return {shape.extent.begin(), shape.extent.begin() + shape.rank};
}

Shape shape_of(const std::vector<std::int64_t>& extents) {
  Shape shape;
  for (const std::int64_t e : extents) shape.extent.at(static_cast<std::size_t>(shape.rank++)) = e;
  return shape;
}

/// Throws unless the parameters that the file lists are brink's, in its order.
void expect_parameters(const ParameterLayout& layout, const nlohmann::json& listed) {
  const auto text = [](const std::string& name, const std::vector<std::int64_t>& shape) {
    return fmt::format("{} [{}]", name, fmt::join(shape, ","));
  };
  std::vector<std::string> ours, theirs;
  for (const Parameter& p : layout.parameters()) ours.push_back(text(p.name, extents_of(p.shape)));
  for (const nlohmann::json& p : listed) theirs.push_back(text(p.at("name"), p.at("shape")));
  const std::size_t n = std::max(ours.size(), theirs.size());
  ours.resize(n, "none");
  theirs.resize(n, "none");
  for (std::size_t i = 0; i < n; ++i)
    if (ours[i] != theirs[i])
      throw std::runtime_error(
          fmt::format("workload.json: parameter {}: expected {}, found {}", i, ours[i], theirs[i]));
}

/// [N, sample…] in memory that `data` owns.
View pictures_of(const Workload& data) {
  Shape shape{data.samples()};
  for (int a = 0; a < data.model.sample.rank; ++a)
    shape.extent[static_cast<std::size_t>(shape.rank++)] = data.model.sample[a];
  return view_of(data.x.data(), shape);
}

}  // namespace

Workload read_workload(const std::string& folder) {
  const std::filesystem::path at = folder;
  std::ifstream in(at / "workload.json");
  if (!in) throw std::runtime_error(fmt::format("{}: expected this file, found none", (at / "workload.json").string()));
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const nlohmann::json about = parse_json((at / "workload.json").string(), text);
  const std::int64_t samples = about.at("samples"), classes = about.at("classes");
  const Shape sample = shape_of(about.at("sample"));
  Workload w{make_model(network_of(about.at("network")), sample, classes), {}, {}, {}, {}};
  expect_parameters(w.model.layout, about.at("parameters"));
  w.x = read_raw<float>(at / "x.f32", samples * sample.elements());
  w.labels = read_raw<std::int32_t>(at / "labels.i32", samples);
  w.theta = read_raw<float>(at / "theta.f32", w.model.layout.count());
  w.v = read_raw<float>(at / "v.f32", w.model.layout.count());
  return w;
}

std::vector<float> read_vector(const std::string& file, std::int64_t expected) {
  return read_raw<float>(file, expected);
}

Workload make_workload(const Chosen<NetworkKind>& network, const Shape& sample, std::int64_t classes,
                       std::int64_t samples, std::uint32_t seed) {
  Workload w{make_model(network, sample, classes), {}, {}, {}, {}};
  Uniform draw(seed);
  w.x.resize(static_cast<std::size_t>(samples * sample.elements()));
  for (float& x : w.x) x = draw();
  for (std::int64_t i = 0; i < samples; ++i) w.labels.push_back(static_cast<std::int32_t>(i * 7 % classes));
  for (const Parameter& p : w.model.layout.parameters()) {
    const float scale = 1 / std::sqrt(static_cast<float>(std::max<std::int64_t>(p.fan_in, 1)));
    for (std::int64_t i = 0; i < p.shape.elements(); ++i)
      w.theta.push_back(p.fan_in > 0 ? draw() * scale : static_cast<float>(p.start));
  }
  const float unit = 1 / std::sqrt(static_cast<float>(w.theta.size()));
  for (std::size_t i = 0; i < w.theta.size(); ++i) w.v.push_back(draw() * unit);
  return w;
}

Work::Work(const Workload& data, int threads, Where where, Arithmetic arithmetic)
    : environment_({.device = where, .arithmetic = arithmetic, .threads = threads}),
      device_(threads > 1 ? environment_.device() : environment_.device().serial()),
      objective_(make_objective(data.model, Loss::cross_entropy, Dtype::f32)),
      x_(to_device(device_, pictures_of(data))),
      labels_(to_device(device_, view_of(data.labels.data(), {data.samples()}))),
      inputs_{x_.view(), labels_.view()},
      arenas_(std::make_shared<Arenas>()),
      theta_(objective_.layout.make_vector(Dtype::f32, device_)),
      v_(objective_.layout.make_vector(Dtype::f32, device_)),
      g_(objective_.layout.make_vector(Dtype::f32, device_)),
      hv_(objective_.layout.make_vector(Dtype::f32, device_)),
      moving_(objective_.layout.make_vector(Dtype::f32, device_)) {
  unpack(data.theta, theta_.view());
  unpack(data.v, v_.view());
}

BatchOptions Work::options(Residuals residuals) const {
  BatchOptions o;
  o.arenas = arenas_;
  if (residuals == Residuals::recomputed) o.memory_bytes = 1;  // less than any block needs
  return o;
}

Gradient& Work::gradient_sum() {
  if (!gradient_) gradient_.emplace(device_, objective_, inputs_, options(Residuals::kept));
  return *gradient_;
}

Hvp& Work::hvp(Residuals residuals) {
  std::optional<Hvp>& h = residuals == Residuals::kept ? kept_ : recomputed_;
  if (!h) h.emplace(device_, objective_, inputs_, options(residuals));
  return *h;
}

void Work::linearize_for_four(Residuals residuals) {
  if (!four_vectors_.view().data) {
    const ParameterLayout four = objective_.layout.repeated(4);
    four_vectors_ = four.make_vector(Dtype::f32, device_);
    four_products_ = four.make_vector(Dtype::f32, device_);
    const std::int64_t extent = objective_.layout.extent();
    for (std::int64_t j = 0; j < 4; ++j) copy(device_, four_vectors_.view().part(j * extent, {extent}), v_.view());
  }
  four_.emplace(device_, objective_, inputs_, options(residuals), 4);
  four_->linearize_at(theta_.view(), g_.view());
}

void Work::apply_four(bool together) {
  const std::int64_t extent = objective_.layout.extent(), at_once = together ? 4 : 1;
  for (std::int64_t j = 0; j < 4; j += at_once)
    four_->apply(four_vectors_.view().part(j * extent, {at_once * extent}),
                 four_products_.view().part(j * extent, {at_once * extent}));
  synchronize(device_);
}

DirectionalDerivatives& Work::fourth() {
  constexpr int order = 4;
  if (!fourth_) fourth_.emplace(device_, objective_, inputs_, order, options(Residuals::kept));
  return *fourth_;
}

MixedThirdDerivative& Work::mixed_third() {
  if (!mixed_third_) mixed_third_.emplace(device_, objective_, inputs_, options(Residuals::kept));
  return *mixed_third_;
}

double Work::fourth_derivative() {
  double all[5];
  fourth().run(theta_.view(), v_.view(), all);
  return all[4];
}

double Work::mixed_third_derivative() { return mixed_third().run(theta_.view(), v_.view(), g_.view()); }

double Work::gradient() { return gradient_sum().evaluate(theta_.view(), g_.view()).loss; }

double Work::linearize(Residuals residuals) { return hvp(residuals).linearize_at(theta_.view(), g_.view()).loss; }

void Work::apply(Residuals residuals) {
  hvp(residuals).apply(v_.view(), hv_.view());
  synchronize(device_);
}

LinearOperator Work::hessian() {
  Hvp& h = hvp(Residuals::kept);
  return {h.dim(), Dtype::f32, [&h](View x, View y) { h.apply(x, y); }, layout().count()};
}

double Work::descend(int steps, double learning_rate) {
  copy(device_, moving_.view(), theta_.view());
  for (int i = 0; i < steps; ++i) {
    gradient_sum().evaluate(moving_.view(), g_.view(), {});  // computes a step's loss, which is not waited for
    map<Descend>(device_, moving_.view(), {moving_.view(), g_.view()}, learning_rate);
  }
  return gradient_sum().evaluate(moving_.view(), g_.view()).loss;
}

std::vector<float> Work::packed(const View& vector) {
  const Array host = to_host(device_, vector);
  std::vector<float> flat;
  for (int i = 0; i < layout().size(); ++i) {
    const auto part = layout().view(host.view(), i).span<float>();
    flat.insert(flat.end(), part.begin(), part.end());
  }
  return flat;
}

void Work::unpack(std::span<const float> flat, const View& vector) {
  const Array host = layout().make_vector(Dtype::f32);
  std::size_t at = 0;
  for (int i = 0; i < layout().size(); ++i) {
    const auto part = layout().view(host.view(), i).span<float>();
    std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(at), part.size(), part.begin());
    at += part.size();
  }
  copy(device_, vector, host.view());
  synchronize(device_);
}

}  // namespace brink::bench
