// SPDX-License-Identifier: MIT
// κ, the higher-order curvature: fourth derivatives along the gradient and along u₁, the difference quotient that tends to one twelfth of
// the latter, and the envelope over a cone around u₁ (docs/method.md, "Curvature").
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/basis/basis.h"
#include "kernels/functions/elementary.h"
#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "training/measurements/line.h"

namespace brink::measurements {

namespace {

constexpr int radii = 4;  // ρ, ρ/2, ρ/4, ρ/8
constexpr int orders = 5, second_orders = 3;
constexpr int of_direction = second_orders + 2 * radii;  // numbers of one direction of the cone
constexpr int of_gradient = 0, of_u = orders, of_difference = 2 * orders, scratch = 2 * orders + 2,
              of_cone = 2 * orders + 4;

/// L(θ + rv) + L(θ − rv) − 2L(θ) − r² vᵀHv over r⁴, and what rounding of the losses to float64 may add to it.
struct Quotient4 {
  double value, error;
};
Quotient4 quotient(double above, double below, double at, double curvature, double r) {
  const double fourth = r * r * r * r;
  constexpr double rounding = std::numeric_limits<double>::epsilon();
  return {(above + below - 2 * at - r * r * curvature) / fourth,
          rounding * (std::abs(above) + std::abs(below) + 2 * std::abs(at)) / fourth};
}

class Kappa final : public Measurement {
 public:
  Kappa(const MeasurementContext& c, const Options& o, const Objective& precise)
      : layout_(c.objective.layout),
        seed_(c.seed),
        radius_(o.real("radius")),
        cone_angle_(o.real("cone_angle")),
        cone_radius_(o.real("cone_radius")),
        directions_(static_cast<int>(o.integer("directions"))),
        lines_(c, precise),
        fourth_(c.device, precise, c.train, orders - 1, c.batch),
        second_(c.device, precise, c.train, second_orders - 1, c.batch),
        u_(lines_.vector()),
        v_(lines_.vector()),
        w_(lines_.vector()),
        project_scratch_(Shape{project_scratch(layout_.extent(), 1)}, Dtype::f64) {}

  std::vector<Column> columns() const override {
    const Chart exact{.panel = "higher-order curvature κ", .scale = ChartScale::symmetric_logarithmic},
        quotients{.panel = "difference quotients of κ", .scale = ChartScale::symmetric_logarithmic};
    const auto with_error = [](Chart chart, const char* error) { return chart.error = error, chart; };
    return {
        {"kappa_gradient", "", "d⁴/dt⁴ L(θ + tv) at t = 0, v = ∇L/‖∇L‖, exact", exact},
        {"kappa_u1", "", "d⁴/dt⁴ L(θ + tu₁) at t = 0, exact", exact},
        {"kappa_difference", "",
         "[L(θ + εu₁) + L(θ − εu₁) − 2L(θ) − ε²u₁ᵀHu₁]/ε⁴, ε = measure.kappa.radius: about kappa_u1/12 where the "
         "activation is smooth",
         with_error(quotients, "kappa_difference_error")},
        {"kappa_difference_error", "", "what the rounding of the losses to float64 may add to kappa_difference", {}},
        {"kappa_envelope", "",
         "largest, over four radii, of the mean of the same quotient's size over directions of a cone around u₁",
         with_error(quotients, "kappa_envelope_error")},
        {"kappa_envelope_error", "", "what the rounding of the losses to float64 may add to kappa_envelope", {}}};
  }
  int numbers() const override { return of_cone + directions_ * of_direction; }

  void enqueue(Device& device, const StepView& at, Scalar to) override {
    if (!at.eigenvectors.data || at.seen.spectrum.top.empty()) return;
    lines_.begin(device, at.thetas[0]);
    lines_.normalise(device, at.gradient, v_.view(), to + scratch);
    fourth_.enqueue(lines_.theta(), v_.view(), to + of_gradient);
    lines_.normalise(device, at.eigenvectors.part(0, Shape{layout_.extent()}), u_.view(), to + scratch);
    fourth_.enqueue(lines_.theta(), u_.view(), to + of_u);
    lines_.loss(device, radius_, u_.view(), to + of_difference);
    lines_.loss(device, -radius_, u_.view(), to + (of_difference + 1));
    for (int d = 0; d < directions_; ++d) {
      choose(device, at.step(), d, to + scratch);
      const Scalar numbers = to + (of_cone + d * of_direction);
      second_.enqueue(lines_.theta(), v_.view(), numbers);
      for (int r = 0; r < radii; ++r) {
        lines_.loss(device, distance(r), v_.view(), numbers + (second_orders + 2 * r));
        lines_.loss(device, -distance(r), v_.view(), numbers + (second_orders + 2 * r + 1));
      }
    }
  }

  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (!seen.measured || seen.spectrum.top.empty()) return;
    const auto along = [&](const DirectionalDerivatives& d, std::size_t first) {
      std::array<double, orders> out{};
      const std::span<double> all = std::span(out).first(static_cast<std::size_t>(d.count()));
      std::ranges::copy(numbers.subspan(first, all.size()), all.begin());
      d.finish(all);
      return out;
    };
    const auto mean = [&](std::size_t i) { return lines_.mean(numbers[i]); };
    const std::array<double, orders> u = along(fourth_, of_u);
    if (seen.gradient_norm > 0) cells[0] = along(fourth_, of_gradient)[4];
    cells[1] = u[4];
    const Quotient4 difference = quotient(mean(of_difference), mean(of_difference + 1), u[0], u[2], radius_);
    cells[2] = difference.value;
    cells[3] = difference.error;
    Quotient4 envelope{0, 0};
    for (int r = 0; r < radii; ++r) {
      Quotient4 sum{0, 0};
      for (int d = 0; d < directions_; ++d) {
        const auto first = static_cast<std::size_t>(of_cone + d * of_direction),
                   at = first + second_orders + 2 * static_cast<std::size_t>(r);
        const std::array<double, orders> v = along(second_, first);
        const Quotient4 q = quotient(mean(at), mean(at + 1), v[0], v[2], distance(r));
        sum.value += std::abs(q.value);
        sum.error += q.error;
      }
      if (sum.value > envelope.value) envelope = sum;
    }
    if (directions_ == 0) return;
    cells[4] = envelope.value / directions_;
    cells[5] = envelope.error / directions_;
  }

 private:
  double distance(int r) const { return std::ldexp(cone_radius_, -r); }

  /// v = cos φ·u₁ + sin φ·w, w a random unit vector orthogonal to u₁ and φ uniform in [0, cone_angle]. Uses two numbers.
  void choose(Device& device, std::int64_t step, int direction, Scalar number) {
    const auto key = [&](int which) {
      return RandomKey(seed_, Stream::direction, static_cast<std::uint32_t>(step),
                       static_cast<std::uint32_t>(2 * direction + which));
    };
    const double angle = cone_angle_ * uniform_at(key(1), 0);
    set_zero(device, w_.view());
    for (int i = 0; i < layout_.size(); ++i)
      fill_normal(device, layout_.view(w_.view(), i), key(0), 1, layout_[i].offset);
    const ColumnSet u{u_.view().data, layout_.extent(), layout_.extent(), 1, lines_.dtype()};
    project(device, u, w_.view(), number, project_scratch_.view().as<double>());
    subtract(device, u, number, w_.view(), w_.view(), number + 1);
    map_scalars(device, number + 1, 1, Quotient{elementary::sin(angle), 0}, number + 1);
    scale(device, w_.view(), number + 1, w_.view());
    map<Descend>(device, v_.view(), {w_.view(), u_.view()}, -elementary::cos(angle));
  }

  ParameterLayout layout_;
  std::uint64_t seed_;
  double radius_, cone_angle_, cone_radius_;
  int directions_;
  LossOnLines lines_;
  DirectionalDerivatives fourth_, second_;
  Array u_, v_, w_, project_scratch_;
};

}  // namespace

MeasurementKind kappa() {
  constexpr std::int64_t most_directions = 256;
  return {.name = "kappa",
          .meaning = "higher-order curvature κ, exact and by differences",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .of_descended = true,
          .options = {when_option(),
                      real_option("radius", 0.05, {.above = 0.0, .most = 1.0}, "ε of the difference quotient"),
                      real_option("cone_angle", 0.1, {.least = 0.0, .most = 1.5},
                                  "largest angle of the envelope's cone around u₁, in radians"),
                      real_option("cone_radius", 0.05, {.above = 0.0, .most = 1.0},
                                  "largest radius ρ of the envelope; ρ/2, ρ/4 and ρ/8 are the others"),
                      integer_option("directions", 16, {.least = 0, .most = most_directions},
                                     "directions of the envelope; 0: no envelope")},
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            return std::make_unique<Kappa>(c, o, in_float64(c.objective));
          }};
}

}  // namespace brink::measurements
