// SPDX-License-Identifier: MIT
// What it is: the implementation of mlp_work.h. What it is not: timed; see steps.cpp and worker.cpp.

#include "bench/perf/mlp_work.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kernels/map/map.h"
#include "models/mlp.h"

namespace brink::bench {
namespace {

std::int64_t parameters_of(const std::vector<std::int64_t>& widths) {
  std::int64_t n = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) n += (widths[l] + 1) * widths[l + 1];
  return n;
}

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

Model model_of(const std::vector<std::int64_t>& widths) {
  return mlp(widths.front(), {widths.begin() + 1, widths.end() - 1}, widths.back(), Activation::relu);
}

}  // namespace

MlpData read_mlp_data(const std::string& folder) {
  const std::filesystem::path at = folder;
  std::ifstream in(at / "workload.json");
  if (!in) throw std::runtime_error(fmt::format("{}: not there", (at / "workload.json").string()));
  const nlohmann::json about = nlohmann::json::parse(in);
  MlpData d;
  d.widths = about.at("widths").get<std::vector<std::int64_t>>();
  const std::int64_t samples = about.at("samples").get<std::int64_t>(), n = parameters_of(d.widths);
  d.x = read_raw<float>(at / "x.f32", samples * d.widths.at(0));
  d.labels = read_raw<std::int32_t>(at / "labels.i32", samples);
  d.theta = read_raw<float>(at / "theta.f32", n);
  d.v = read_raw<float>(at / "v.f32", n);
  return d;
}

MlpData make_mlp_data(std::vector<std::int64_t> widths, std::int64_t samples, std::uint32_t seed) {
  MlpData d;
  d.widths = std::move(widths);
  Uniform draw(seed);
  d.x.resize(static_cast<std::size_t>(samples * d.widths.front()));
  for (float& x : d.x) x = draw();
  for (std::int64_t i = 0; i < samples; ++i) d.labels.push_back(static_cast<std::int32_t>(i * 7 % d.widths.back()));
  for (std::size_t l = 0; l + 1 < d.widths.size(); ++l) {
    const float scale = 1 / std::sqrt(static_cast<float>(d.widths[l]));
    for (std::int64_t i = 0; i < d.widths[l] * d.widths[l + 1]; ++i) d.theta.push_back(draw() * scale);
    d.theta.insert(d.theta.end(), static_cast<std::size_t>(d.widths[l + 1]), 0.0f);
  }
  const float unit = 1 / std::sqrt(static_cast<float>(d.theta.size()));
  for (std::size_t i = 0; i < d.theta.size(); ++i) d.v.push_back(draw() * unit);
  return d;
}

MlpWork::MlpWork(const MlpData& data, int threads, Where where, Arithmetic arithmetic)
    : pool_(threads),
      opened_(where, arithmetic, pool_),
      device_(threads > 1 ? opened_.device() : opened_.device().serial()),
      objective_(make_objective(model_of(data.widths), Loss::cross_entropy, Dtype::f32)),
      x_(to_device(device_, view_of(data.x.data(), {data.samples(), data.widths.front()}))),
      labels_(to_device(device_, view_of(data.labels.data(), {data.samples()}))),
      theta_(objective_.layout.make_vector(Dtype::f32, device_)),
      v_(objective_.layout.make_vector(Dtype::f32, device_)),
      g_(objective_.layout.make_vector(Dtype::f32, device_)),
      hv_(objective_.layout.make_vector(Dtype::f32, device_)),
      moving_(objective_.layout.make_vector(Dtype::f32, device_)) {
  const View inputs[] = {x_.view(), labels_.view()};
  gradient_.emplace(device_, objective_, inputs);
  hvp_.emplace(device_, objective_, inputs);
  unpack(data.theta, theta_.view());
  unpack(data.v, v_.view());
}

double MlpWork::gradient() { return gradient_->evaluate(theta_.view(), g_.view()).loss; }

void MlpWork::linearize() { hvp_->linearize_at(theta_.view(), g_.view()); }

void MlpWork::apply() {
  hvp_->apply(v_.view(), hv_.view());
  synchronize(device_);
}

double MlpWork::descend(int steps, double learning_rate) {
  copy(device_, moving_.view(), theta_.view());
  for (int i = 0; i < steps; ++i) {
    gradient_->evaluate(moving_.view(), g_.view(), {});  // a step's loss is found, and nobody waits for it
    map<Descend>(device_, moving_.view(), {moving_.view(), g_.view()}, learning_rate);
  }
  return gradient_->evaluate(moving_.view(), g_.view()).loss;
}

std::vector<float> MlpWork::packed(const View& vector) {
  const Array host = to_host(device_, vector);
  std::vector<float> flat;
  for (int i = 0; i < layout().size(); ++i) {
    const auto part = layout().view(host.view(), i).span<float>();
    flat.insert(flat.end(), part.begin(), part.end());
  }
  return flat;
}

void MlpWork::unpack(std::span<const float> flat, const View& vector) {
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
