// SPDX-License-Identifier: MIT
// Checks convolutions, pools and GhostBatchNorm by finite differences: derivatives along a direction up to the fourth, the
// product with the Hessian, its symmetry.
// ReLU and pools have kinks, so the step is small enough that none lies between the points of the fixed seeds; differences of
// 8th order keep enough digits there.
#include <array>
#include <string>

#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "models/convolutional.h"
#include "models/initialise.h"
#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"

namespace brink::verify {

namespace {

constexpr double h = 0x1p-16, weights[4] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280}, tolerance = 1e-9;

/// Σ over the eight points of weight · f(θ + t v) / h.
template <class F>
void difference(const ParameterLayout& layout, const Array& theta, const Array& v, const F& f) {
  Array at = layout.make_vector(Dtype::f64);
  for (int k = 0; k < 4; ++k)
    for (const double side : {1.0, -1.0}) {
      for (std::size_t i = 0; i < at.span<double>().size(); ++i)
        at.span<double>()[i] = theta.span<double>()[i] + side * (k + 1) * h * v.span<double>()[i];
      f(at.view(), side * weights[k] / h);
    }
}

void check(Device& device, const std::string& of, const Model& model, std::uint64_t seed, Table& table) {
  constexpr std::int64_t samples = 10;
  const Objective objective = make_objective(model, Loss::cross_entropy, Dtype::f64);
  const ParameterLayout& layout = model.layout;
  Device host = device.host();
  const Array x({samples, model.sample.elements()}, Dtype::f64), labels({samples}, Dtype::i32);
  cpu::fill_normal(host, x.view(), {5, Stream::test}, 1);
  for (std::int64_t i = 0; i < samples; ++i)
    labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i % model.classes);
  const std::vector<View> views{x.view(), labels.view()};
  const Array theta = layout.make_vector(Dtype::f64), v = layout.make_vector(Dtype::f64),
              gradient = layout.make_vector(Dtype::f64), hv = layout.make_vector(Dtype::f64),
              reference = layout.make_vector(Dtype::f64);
  initialise(host, layout, Init::lecun, seed, theta.view());
  initialise(host, layout, Init::lecun, seed + 100, v.view());

  const std::array order{0, 0, 0, 0};
  HostSampleSum sum(
      device, objective,
      [&](std::int64_t n) { return build_directional_derivatives(model, Loss::cross_entropy, Dtype::f64, n, order); },
      views, {}, std::vector<char>(5, 1));
  const View directions[] = {v.view()};
  std::array<double, 5> found{}, expected{};
  sum.run(theta.view(), directions, {}, found);
  difference(layout, theta, v, [&](const View& at, double weight) {
    std::array<double, 5> moved{};
    sum.run(at, directions, {}, moved);
    for (std::size_t d = 1; d < 5; ++d) expected[d] += weight * moved[d - 1];
  });
  const char* names[] = {"", "first derivative", "second derivative", "third derivative", "fourth derivative"};
  for (std::size_t d = 1; d < 5; ++d)
    table.add({of, names[d], found[d] == 0 ? 1.0 : error_of(found[d], expected[d]), tolerance, {}});

  const std::vector<double> taylor = HostDerivatives(device, objective, views).along(theta.view(), v.view(), 4);
  table.add({of, "Taylor mode = one derivative after the other", error_of(taylor, found), 1e-11, {}});

  HostHvp hvp(device, objective, views);
  hvp.linearize_at(theta.view(), gradient.view());
  table.add({of, "gᵀv = first derivative", error_of(cpu::dot(host, gradient.view(), v.view()), found[1]), 1e-12, {}});
  hvp.apply(v.view(), hv.view());
  const double asymmetry = DenseHessian(layout, hvp).asymmetry();
  HostGradient moved_gradient(device, objective, views);
  difference(layout, theta, v, [&](const View& at, double weight) {
    moved_gradient.evaluate(at, gradient.view());
    for (std::size_t i = 0; i < reference.span<double>().size(); ++i)
      reference.span<double>()[i] += weight * gradient.span<double>()[i];
  });
  table.add({of, "Hessian–vector product", error_of(hv.span<double>(), reference.span<double>()), tolerance, {}});
  table.add({of, "asymmetry of the Hessian", asymmetry, 1e-12, {}});
}

}  // namespace

void check_convolutions(Device& device, Table& table) {
  check(device, "VGG, ghost groups, differences", vgg({6, 6, 2}, {3, 4}, 3, {.batch = 4}), 3, table);
  check(device, "ResNet20, differences", resnet20({4, 4, 2}, {1, 2, 2}, 3, {.batch = 5}), 3, table);
  check(device, "AlexNet, differences", alexnet({7, 7, 2}, 3, {6}, 3), 3, table);
}

}  // namespace brink::verify
