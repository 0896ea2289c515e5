// SPDX-License-Identifier: MIT
// Checks brink against mathematics: values known in closed form, finite differences, and bits that must not depend on threads
// or chunks.
// The cases are small enough to be done by hand, so a failure shows which formula is wrong.
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "models/dln.h"
#include "models/initialise.h"
#include "models/mlp.h"
#include "spectral/lanczos.h"
#include "spectral/subspace.h"
#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"
#include "tools/verify/verify.h"
#include "training/replay/interruption.h"

namespace brink::verify {

namespace {

constexpr double exact = 1e-12;

/// An MLP with data and parameters in float64, and its derivatives.
struct Network {
  Device device;
  Model model;
  Loss loss;
  Array x, labels, theta, gradient;
  std::vector<View> views;
  Objective objective;

  Network(Device d, std::int64_t inputs, const std::vector<std::int64_t>& hidden, std::int64_t classes, Activation a,
          Loss l, const std::vector<double>& samples, const std::vector<std::int32_t>& answers)
      : device(d),
        model(mlp(inputs, hidden, classes, a)),
        loss(l),
        x({static_cast<std::int64_t>(answers.size()), inputs}, Dtype::f64),
        labels({static_cast<std::int64_t>(answers.size())}, Dtype::i32),
        theta(model.layout.make_vector(Dtype::f64)),
        gradient(model.layout.make_vector(Dtype::f64)),
        views{x.view(), labels.view()},
        objective(make_objective(model, loss, Dtype::f64)) {
    std::copy(samples.begin(), samples.end(), x.span<double>().begin());
    std::copy(answers.begin(), answers.end(), labels.span<std::int32_t>().begin());
  }
  double* parameter(int i) const { return model.layout.view(theta.view(), i).as<double>(); }
  Array vector() const { return model.layout.make_vector(Dtype::f64); }
  double loss_at(const Array& at, const BatchOptions& batch = {}) {
    return HostGradient(device, objective, views, batch).evaluate(at.view(), gradient.view()).loss;
  }
  /// L and its first four derivatives along v.
  std::vector<double> derivatives(const Array& v, const Array& at) {
    const std::vector<int> order{0, 0, 0, 0};
    HostSampleSum sum(
        device, objective,
        [&](std::int64_t n) { return build_directional_derivatives(model, loss, Dtype::f64, n, order); }, views, {},
        std::vector<char>(5, 1));
    std::vector<double> out(5);
    const View directions[] = {v.view()};
    sum.run(at.view(), directions, {}, out);
    return out;
  }
  Array moved(const Array& v, double t) const {
    Array out = vector();
    for (std::size_t i = 0; i < out.span<double>().size(); ++i)
      out.span<double>()[i] = theta.span<double>()[i] + t * v.span<double>()[i];
    return out;
  }
};

/// ℓ = ½(θ₀θ₁ − y)²: ∇ = (z−y)(θ₁, θ₀), H = [[θ₁², 2z−y], [2z−y, θ₀²]].
void check_product(Device& device, Table& table) {
  const double a = 2.5, b = 0.5, y = 0.75, z = a * b;
  const Objective objective = make_dln_objective({}, DlnLoss::half_square, y, Dtype::f64);
  const ParameterLayout& layout = objective.layout;
  const Array label = zeros(Shape{1}, Dtype::i32), theta = layout.make_vector(Dtype::f64),
              g = layout.make_vector(Dtype::f64);
  const View views[] = {label.view()};
  *layout.view(theta.view(), 0).as<double>() = a;
  *layout.view(theta.view(), 1).as<double>() = b;
  HostHvp hvp(device, objective, views);
  const double loss = hvp.linearize_at(theta.view(), g.view()).loss;
  const std::string of = "product of two parameters";
  table.add({of, "loss", error_of(loss, 0.5 * (z - y) * (z - y)), exact, {}});
  const std::vector<double> found{*layout.view(g.view(), 0).as<double>(), *layout.view(g.view(), 1).as<double>()};
  table.add({of, "gradient", error_of(found, std::vector<double>{(z - y) * b, (z - y) * a}), exact, {}});
  const DenseHessian h(layout, hvp);
  const double p = b * b, q = a * a, r = 2 * z - y, root = std::sqrt((p - q) * (p - q) + 4 * r * r);
  table.add({of,
             "eigenvalues",
             error_of(h.eigenvalues(), std::vector<double>{(p + q - root) / 2, (p + q + root) / 2}),
             exact,
             {}});
}

/// Columns of X orthogonal to each other and to the ones: H = diag(s², 1) ⊗ I, whatever the parameters and labels are.
void check_least_squares(Device& device, Table& table) {
  const double s0 = 2, s1 = 0.5, s2 = 3;
  const int signs[8][3] = {{1, 1, 1},  {1, 1, -1},  {1, -1, 1},  {1, -1, -1},
                           {-1, 1, 1}, {-1, 1, -1}, {-1, -1, 1}, {-1, -1, -1}};
  std::vector<double> x;
  std::vector<std::int32_t> y;
  for (int i = 0; i < 8; ++i) {
    x.insert(x.end(), {s0 * signs[i][0], s1 * signs[i][1], s2 * signs[i][2]});
    y.push_back(i % 2);
  }
  Network net(device, 3, {}, 2, Activation::relu, Loss::mse, x, y);
  for (int k = 0; k < 6; ++k) net.parameter(0)[k] = 0.25 * k - 0.5;
  net.parameter(1)[0] = 0.125;

  // g = Xᵀ(XW + b − Y)/N by hand.
  double loss = 0, weight[6] = {}, bias[2] = {};
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t c = 0; c < 2; ++c) {
      double r = net.parameter(1)[c] - (y[i] == static_cast<int>(c) ? 1 : 0);
      for (std::size_t k = 0; k < 3; ++k) r += x[3 * i + k] * net.parameter(0)[2 * k + c];
      loss += r * r / 16;
      for (std::size_t k = 0; k < 3; ++k) weight[2 * k + c] += x[3 * i + k] * r / 8;
      bias[c] += r / 8;
    }
  HostHvp hvp(device, net.objective, net.views);
  const double found_loss = hvp.linearize_at(net.theta.view(), net.gradient.view()).loss;
  const Array expected = net.vector();
  std::copy(weight, weight + 6, net.model.layout.view(expected.view(), 0).as<double>());
  std::copy(bias, bias + 2, net.model.layout.view(expected.view(), 1).as<double>());
  const std::string of = "linear least squares";
  table.add({of, "loss", error_of(found_loss, loss), exact, {}});
  table.add({of, "gradient", vector_error(net.model.layout, net.gradient, expected, exact).error, exact, {}});
  const DenseHessian h(net.model.layout, hvp);
  const std::vector<double> spectrum{s1 * s1, s1 * s1, 1, 1, s0 * s0, s0 * s0, s2 * s2, s2 * s2};
  table.add({of, "eigenvalues of XᵀX/N ⊗ I", error_of(h.eigenvalues(), spectrum), exact, {}});

  Array v = net.vector(), hv = net.vector(), gv = net.vector();
  for (int k = 0; k < 6; ++k) net.model.layout.view(v.view(), 0).as<double>()[k] = 1 - 0.3 * k;
  net.model.layout.view(v.view(), 1).as<double>()[1] = -0.7;
  hvp.apply(v.view(), hv.view());
  HostLinearized gauss_newton(device, net.objective, gauss_newton_of(net.model, net.loss, Dtype::f64), net.views);
  gauss_newton.linearize_at(net.theta.view(), {});
  gauss_newton.apply(v.view(), gv.view());
  Array by_hand = net.vector();
  const double eigenvalue[3] = {s0 * s0, s1 * s1, s2 * s2};
  for (int k = 0; k < 6; ++k)
    net.model.layout.view(by_hand.view(), 0).as<double>()[k] =
        eigenvalue[k / 2] * net.model.layout.view(v.view(), 0).as<double>()[k];
  net.model.layout.view(by_hand.view(), 1).as<double>()[1] = -0.7;
  table.add({of, "Hessian–vector product", vector_error(net.model.layout, hv, by_hand, exact).error, exact, {}});
  table.add({of, "Gauss–Newton product = Hv", vector_error(net.model.layout, gv, by_hand, exact).error, exact, {}});
  const std::vector<double> d = net.derivatives(v, net.theta);
  table.add({of, "second derivative = vᵀHv", error_of(d[2], cpu::dot(device, v.view(), hv.view())), exact, {}});
  table.add({of, "third and fourth derivative = 0", std::max(std::fabs(d[3]), std::fabs(d[4])), exact, {}});
}

/// W = 0, b = 0: L = log C, p = 1/C, ∇_W = Xᵀ(p − Y)/N, eigenvalues of H: those of [X,1]ᵀ[X,1]/N times 1/C (C − 1 times) and 0.
void check_softmax_regression(Device& device, Table& table) {
  const std::vector<double> x{2, 1, 2, -1, -2, 1, -2, -1};
  const std::vector<std::int32_t> y{0, 1, 2, 2};
  Network net(device, 2, {}, 3, Activation::relu, Loss::cross_entropy, x, y);
  HostHvp hvp(device, net.objective, net.views);
  const double loss = hvp.linearize_at(net.theta.view(), net.gradient.view()).loss;
  double expected[9] = {};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const double r = (1.0 / 3 - (y[i] == static_cast<int>(c) ? 1 : 0)) / 4;
      for (std::size_t k = 0; k < 2; ++k) expected[3 * k + c] += x[2 * i + k] * r;
      expected[6 + c] += r;
    }
  const Array by_hand = net.vector();
  std::copy(expected, expected + 6, net.model.layout.view(by_hand.view(), 0).as<double>());
  std::copy(expected + 6, expected + 9, net.model.layout.view(by_hand.view(), 1).as<double>());
  const std::string of = "softmax regression at 0";
  table.add({of, "loss = log 3", error_of(loss, 1.0986122886681098), exact, {}});
  table.add({of, "gradient", vector_error(net.model.layout, net.gradient, by_hand, exact).error, exact, {}});
  const DenseHessian h(net.model.layout, hvp);
  const std::vector<double> spectrum{0, 0, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3, 4.0 / 3, 4.0 / 3};
  table.add({of, "eigenvalues", error_of(h.eigenvalues(), spectrum), exact, {}});
}

/// Positive pre-activations: L(t) = ½((w+tv)(u+ts)x − 1)², a polynomial of degree 4 in t.
void check_polynomial(Device& device, Table& table) {
  Network net(device, 1, {1}, 1, Activation::relu, Loss::mse, {1.5}, {0});
  net.parameter(0)[0] = 0.8;
  net.parameter(2)[0] = 1.25;
  const Array v = net.vector();
  const double p = 0.5, q = -0.25, w = 0.8, u = 1.25, x = 1.5;
  net.model.layout.view(v.view(), 0).as<double>()[0] = p;
  net.model.layout.view(v.view(), 2).as<double>()[0] = q;
  // z(t) = r + a t + b t², L = ½ z².
  const double r = w * u * x - 1, a = (p * u + w * q) * x, b = p * q * x;
  const std::vector<double> by_hand{0.5 * r * r, r * a, a * a + 2 * r * b, 6 * a * b, 12 * b * b},
      found = net.derivatives(v, net.theta);
  const char* names[] = {"loss", "first derivative", "second derivative", "third derivative", "fourth derivative"};
  for (std::size_t k = 0; k < 5; ++k)
    table.add({"polynomial of degree 4", names[k], error_of(found[k], by_hand[k]), exact, {}});
}

/// A network of tanh and softmax: differences of 8th order in a step h = 2⁻⁹ of the derivative one order below.
void check_differences(Device& device, Table& table) {
  std::vector<double> x;
  std::vector<std::int32_t> y;
  const RandomKey key(1, Stream::test);
  for (int i = 0; i < 150 * 4; ++i) x.push_back(normal_at(key, i));  // more than one group of samples
  for (int i = 0; i < 150; ++i) y.push_back(i % 3);
  Network net(device, 4, {5, 4}, 3, Activation::tanh, Loss::cross_entropy, x, y);
  Device host = device.host();
  initialise(host, net.model.layout, Init::lecun, 1, net.theta.view());
  const Array v = net.vector();
  initialise(host, net.model.layout, Init::lecun, 2, v.view());
  const double h = 0x1p-9, weights[4] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
  const std::vector<double> at = net.derivatives(v, net.theta);
  std::array<double, 5> difference{};
  for (int k = 0; k < 4; ++k) {
    const std::vector<double> ahead = net.derivatives(v, net.moved(v, (k + 1) * h)),
                              behind = net.derivatives(v, net.moved(v, -(k + 1) * h));
    for (std::size_t d = 1; d < 5; ++d) difference[d] += weights[k] * (ahead[d - 1] - behind[d - 1]) / h;
  }
  const char* names[] = {"", "first derivative", "second derivative", "third derivative", "fourth derivative"};
  for (std::size_t d = 1; d < 5; ++d)
    table.add({"tanh network, differences", names[d], error_of(at[d], difference[d]), 1e-9, {}});

  HostHvp hvp(device, net.objective, net.views);
  const Array hv = net.vector(), reference = net.vector();
  hvp.linearize_at(net.theta.view(), net.gradient.view());
  table.add({"tanh network, differences",
             "gᵀv = first derivative",
             error_of(cpu::dot(device, net.gradient.view(), v.view()), at[1]),
             exact,
             {}});
  hvp.apply(v.view(), hv.view());
  HostGradient gradient(device, net.objective, net.views);
  for (int k = 0; k < 4; ++k)
    for (const double side : {1.0, -1.0}) {
      gradient.evaluate(net.moved(v, side * (k + 1) * h).view(), net.gradient.view());
      for (std::size_t i = 0; i < reference.span<double>().size(); ++i)
        reference.span<double>()[i] += side * weights[k] * net.gradient.span<double>()[i] / h;
    }
  table.add({"tanh network, differences",
             "Hessian–vector product",
             vector_error(net.model.layout, hv, reference, 1e-9).error,
             1e-9,
             {}});
  table.add({"tanh network, differences",
             "asymmetry of the Hessian",
             DenseHessian(net.model.layout, hvp).asymmetry(),
             exact,
             {}});
}

void check_lanczos(Device& device, Table& table) {
  const std::int64_t n = 200;
  std::vector<double> d;
  for (std::int64_t i = 0; i < n; ++i)
    d.push_back(i < 5 ? 50.0 - 5 * static_cast<double>(i)
                      : -1.0 + 2.0 * static_cast<double>(i) / static_cast<double>(n));
  d[5] = -9;
  d[6] = -6;
  const LinearOperator diagonal{n, Dtype::f64, [&](View x, View y) {
                                  const Array values = to_host(device, x);
                                  for (std::size_t i = 0; i < d.size(); ++i)
                                    values.span<double>()[i] = d[i] * values.span<double>()[i];
                                  copy(device, y, values.view());
                                  synchronize(device);
                                }};
  const FillNormal normals = [&](View x, RandomUse, std::uint64_t step, std::uint32_t restart) {
    const Array values(x.shape, x.dtype);
    Device host = device.host();
    cpu::fill_normal(host, values.view(), {0, Stream::lanczos_start, static_cast<std::uint32_t>(step), restart}, 1);
    copy(device, x, values.view());
    synchronize(device);
  };
  Lanczos lanczos(device, n, Dtype::f64, {.max_basis = 96, .max_pairs = 7}, normals);
  const LanczosResult r =
      lanczos.run(diagonal, {.top = 5, .bottom = 2, .tolerance = 1e-10, .budget = 2000, .confirm = 4});
  std::vector<double> top, bottom;
  for (const RitzPair& p : r.top) top.push_back(p.value);
  for (const RitzPair& p : r.bottom) bottom.push_back(p.value);
  const std::string of = "Lanczos, known spectrum", note = r.converged ? "" : "did not converge";
  table.add({of, "top 5", error_of(top, std::vector<double>{50, 45, 40, 35, 30}), exact, note});
  table.add({of, "bottom 2", error_of(bottom, std::vector<double>{-9, -6}, 50), exact, note});
  table.add({of, "orthogonality", r.orthogonality, exact, {}});
}

/// u = (e₀, e₁), v = (cos a e₀ + sin a e₂, cos b e₁ + sin b e₃).
void check_angles(Device& device, Table& table) {
  const double sine = 0.6, cosine = 0.8, small = 0x1p-30;
  std::vector<double> u(10, 0), v(10, 0);
  u[0] = u[5 + 1] = 1;
  v[0] = cosine;
  v[2] = sine;
  v[5 + 1] = 1;
  v[5 + 3] = small;
  const SubspaceComparison s =
      compare_columns(device, {u.data(), 5, 5, 2, Dtype::f64}, {v.data(), 5, 5, 2, Dtype::f64});
  const double angle = 0.643501108793284386802809;  // atan(3/4)
  table.add({"subspaces", "small angle", error_of(s.angles[0], small), exact, {}});
  table.add({"subspaces", "large angle", error_of(s.angles[1], angle), exact, {}});
  table.add({"subspaces", "distance", error_of(s.distance, angle), exact, {}});
}

/// Gradient and Hv of 700 samples (six groups) with different threads and chunks, and on the device: the same bits, in both
/// precisions.
void check_bits(Device& on, Table& table) {
  const std::int64_t samples = 700, inputs = 19;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    Device serial;
    const Model model = mlp(inputs, {17, 13}, 5, Activation::tanh);
    const Objective objective = make_objective(model, Loss::cross_entropy, dtype);
    const Array x({samples, inputs}, dtype), labels({samples}, Dtype::i32);
    cpu::fill_normal(serial, x.view(), {3, Stream::test}, 1);
    for (std::int64_t i = 0; i < samples; ++i)
      labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i % 5);
    const std::vector<View> views{x.view(), labels.view()};
    const Array theta = model.layout.make_vector(dtype), v = model.layout.make_vector(dtype);
    initialise(serial, model.layout, Init::lecun, 1, theta.view());
    initialise(serial, model.layout, Init::lecun, 2, v.view());
    std::vector<Array> first;
    double differing = 0, differing_on_device = 0;
    const auto compute = [&](Device device, std::int64_t chunk, double& differing_now) {
      std::vector<Array> now;
      for (int i = 0; i < 2; ++i) now.push_back(model.layout.make_vector(dtype));
      HostHvp hvp(device, objective, views, {.chunk = chunk});
      hvp.linearize_at(theta.view(), now[0].view());
      hvp.apply(v.view(), now[1].view());
      if (first.empty()) std::swap(first, now);
      for (std::size_t i = 0; i < now.size(); ++i)
        differing_now += std::memcmp(first[i].view().data, now[i].view().data,
                                     static_cast<std::size_t>(first[i].view().bytes())) != 0;
    };
    for (const auto& [threads, chunk] : {std::pair{1, 0}, {1, 128}, {1, 384}, {1, 700}, {2, 128}, {3, 256}, {4, 0}}) {
      ThreadPool pool(threads);
      compute({Where::cpu, &pool, nullptr}, chunk, differing);
    }
    table.add({"threads and chunks, " + std::string(name_of(dtype)), "bits of gradient and Hv", differing, 0, {}});
    if (on.where == Where::cpu) continue;
    for (const std::int64_t chunk : {0, 128, 384}) compute(on, chunk, differing_on_device);
    table.add({"the device and the CPU, " + std::string(name_of(dtype)),
               "bits of gradient and Hv",
               differing_on_device,
               0,
               {}});
  }
}

}  // namespace

Table check_closed_forms(Device& device) {
  Table table;
  for (const auto& check : {check_product, check_least_squares, check_softmax_regression, check_polynomial,
                            check_differences, check_convolutions, check_lanczos, check_angles, check_bits}) {
    stop_if_asked();
    check(device, table);
  }
  return table;
}

}  // namespace brink::verify
