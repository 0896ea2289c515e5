// SPDX-License-Identifier: MIT
// Measures λ₁ along one trajectory three times: by the tracker of a run, and by plain Lanczos with the right and with a wrong β (plain_lanczos.h).
// docs/certificates.md explains what it shows.
// Usage: certificates FOLDER [KEY=VALUE...] writes FOLDER/trajectory.csv, a row for each step, and FOLDER/products.csv, the intervals of λ₁
// at the middle step after 1, 2, … products, from a cold and from a warm start.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "docs/examples/plain_lanczos.h"
#include "spectral/lanczos.h"
#include "training/measurements/kind.h"
#include "training/probes.h"
#include "training/run/fit.h"
#include "training/run/records.h"

using namespace brink;

namespace {

constexpr int products = 40;
constexpr double noise = 0.1;  // of a warm start, as that of a run

class Lesson final : public Measurement {
 public:
  Lesson(const MeasurementContext& c, std::int64_t detailed, std::string& intervals)
      : hessian_(*c.hessian),
        random_(probes_of(c.device, c.objective.layout, c.seed, 0, c.objective.layout.size())),
        detailed_(detailed),
        intervals_(intervals) {}
  std::vector<Column> columns() const override {
    std::vector<Column> out;
    for (const std::string which : {"right", "wrong"}) {
      out.push_back({which, "", "largest eigenvalue of T"});
      out.push_back({which + "_claimed", "", "its error as T has it, |β s|"});
      out.push_back({which + "_residual", "", "‖Hy − θy‖"});
    }
    return out;
  }
  void enqueue(Device& device, const StepView& at, Scalar) override {
    const lesson::PlainLanczos plain(hessian_, random(at.step(), 0), products);
    right_ = plain.top(lesson::Beta::before_normalising);
    wrong_ = plain.top(lesson::Beta::after_normalising);
    if (at.step() == detailed_) intervals_ = intervals(device, at.step());
    if (at.step() == detailed_ - 2) {
      const View u = at.eigenvectors.part(0, Shape{hessian_.dim});
      warm_.assign(u.as<double>(), u.as<double>() + hessian_.dim);
    }
  }
  void deliver(const Observed&, std::span<const double>, std::span<Cell> to) override {
    for (const lesson::Top* t : {&right_, &wrong_}) {
      to[0] = t->value, to[1] = t->claimed, to[2] = t->residual;
      to = to.subspan(3);
    }
  }

 private:
  std::vector<double> random(std::int64_t step, std::uint32_t number) {
    std::vector<double> out(static_cast<std::size_t>(hessian_.dim));
    random_(view_of(out.data(), {hessian_.dim}), RandomUse::start, static_cast<std::uint64_t>(step), number);
    return out;
  }
  /// What the same run says after each of its products: λ₁ ≥ value − residual, and λ₁ ≤ bound except with the probability of docs/method.md.
  std::string intervals(Device& device, std::int64_t step) {
    Lanczos solver(device, hessian_.dim, hessian_.dtype, {.max_basis = 2 * products}, random_);
    std::vector<double> warm = random(step, 1);
    double square = 0;
    for (const double x : warm) square += x * x;
    for (std::size_t i = 0; i < warm.size(); ++i) warm[i] = warm_[i] + noise * warm[i] / std::sqrt(square);
    std::string out = "start,products,value,residual,bound\n";
    for (const bool is_warm : {false, true})
      for (int m = 1; m <= products; ++m) {
        LanczosOptions once{.top = 1, .tolerance = 1e-14, .budget = m, .step = static_cast<std::uint64_t>(step)};
        if (is_warm) once.noise = noise;
        // Without a start the solver draws a random one.
        const LanczosResult r = solver.run(hessian_, once, is_warm ? view_of(warm.data(), {hessian_.dim}) : View{});
        char line[200];
        (void)std::snprintf(line, sizeof line, "%s,%d,%.17g,%.17g,%.17g\n", is_warm ? "warm" : "cold", r.products,
                            r.top[0].value, r.top[0].residual, r.bounds.upper);
        out += line;
      }
    return out;
  }

  const LinearOperator& hessian_;
  FillNormal random_;
  std::int64_t detailed_;
  std::string& intervals_;
  std::vector<double> warm_;
  lesson::Top right_, wrong_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: certificates FOLDER [KEY=VALUE...]\n"), 2;
  std::vector<std::string> sets{"run.precision=float64", "measure.certify=two-sided", "measure.bottom=0"};
  sets.insert(sets.end(), argv + 2, argv + argc);
  const Config config = load_config({{}, sets, {}});
  Environment environment(environment_options(config.run));
  Device device = environment.device();
  const Problem problem = make_problem(device, config);
  TrainerOptions options = trainer_options(config);
  std::string intervals;
  options.measurements.push_back(
      {[&](const MeasurementContext& c) { return std::make_unique<Lesson>(c, config.training.steps / 2, intervals); }});
  const auto trainer = fit_in_memory(device, problem, options, memory_limit(config, device)).trainer;
  std::string table = metrics_header(trainer->row());
  for (int t = 0; t < config.training.steps; ++t) append_row(table, trainer->step());
  const std::filesystem::path folder(argv[1]);
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "trajectory.csv", std::ios::binary) << table;
  std::ofstream(folder / "products.csv", std::ios::binary) << intervals;
}
