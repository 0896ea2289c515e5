// SPDX-License-Identifier: MIT
// Drives brink's trainer one step at a time, with an update rule and a measurement of its own. Usage: own_trainer BETA [KEY=VALUE...]
#include <cstdio>

#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "training/run/fit.h"
#include "training/run/records.h"
using namespace brink;
struct HeavyBall final : UpdateRule {  // v ← βv + g, θ ← θ − ηv
  HeavyBall(double kept, Device& d, const ParameterLayout& all, Dtype t) : beta(kept), v(all.make_vector(t, d)) {}
  void update(Device& device, const Update& u) override {
    map<Scale>(device, v.view(), {v.view()}, beta);
    map<Add>(device, v.view(), {v.view(), u.gradient});
    map<Descend>(device, u.next, {u.theta, v.view()}, u.learning_rate);
  }
  double threshold(double learning_rate) const override { return 2 * (1 + beta) / learning_rate; }
  double beta;
  Array v;
};
struct ThetaNorm final : Measurement {
  std::vector<Column> columns() const override { return {{"theta_norm", "", "‖θ_t‖"}}; }
  int numbers() const override { return 1; }
  void enqueue(Device& device, const StepView& at, Scalar to) override { norm(device, at.thetas[0], to); }
  void deliver(const Observed&, std::span<const double> found, std::span<Cell> to) override { to[0] = found[0]; }
};
int main(int argc, char** argv) {
  const Config config = load_config({{}, {argv + 2, argv + argc}, {}});
  Environment environment(environment_options(config.run));
  Device device = environment.device();
  const Problem problem = make_problem(device, config);
  TrainerOptions options = trainer_options(config);
  options.rule = [&](auto&&... of) { return std::make_unique<HeavyBall>(std::stod(argv[1]), of...); };
  options.measurements.push_back({[](auto&) { return std::make_unique<ThetaNorm>(); }});
  const auto trainer = fit_in_memory(device, problem, options, memory_limit(config, device)).trainer;
  std::string table = metrics_header(trainer->row());
  for (int t = 0; t < config.training.steps; ++t) append_row(table, trainer->step());
  std::fputs(table.c_str(), stdout);
}
