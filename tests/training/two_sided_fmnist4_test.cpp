// SPDX-License-Identifier: MIT
// The two-sided bound on a real Hessian: the main network on fmnist4, at five steps of its run.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "spectral/lanczos.h"
#include "tests/support/shared_folder.h"
#include "training/curvature.h"
#include "training/loop.h"
#include "training/pass.h"
#include "training/run/fit.h"
#include "training/run/problem.h"

using namespace brink;

TEST_CASE("after 20 products from a random start the bound at p = 1e-4 is at most 1.002 λ₁, at five steps on fmnist4") {
  const std::string directory = support::shared_folder() + "/data/fashion-mnist";
  if (!std::filesystem::exists(directory)) {
    MESSAGE("[skip] the bound on fmnist4: no " << directory << " (BRINK_SHARED names the folder two above)");
    return;
  }
  const Config config =
      load_config({{}, {"data.name=fmnist4", "data.directory=" + directory, "measure.top=0", "measure.bottom=0"}, {}});
  Device device;
  const Problem problem = make_problem(device, config);
  const Objective& objective = problem.objective;
  Trainer trainer(device, objective, problem.train, Batch{}, trainer_options(config), problem.theta0.view());
  Pass pass(device, objective, problem.train, {}, std::nullopt, false);
  pass.make_hessian(problem.train, {});
  Lanczos solver(device, objective.layout.extent(), objective.dtype, {.max_basis = 60, .max_pairs = 1},
                 normals_of(device, objective.layout, 0));
  for (const std::int64_t step : {0, 8, 25, 60, 110}) {
    while (trainer.steps_done() < step) trainer.step();
    pass.enqueue(step, trainer.theta(), true);
    (void)pass.receive(step);
    const auto bound_after = [&](int products, double probability) {
      const LanczosResult r = solver.run(pass.hessian(), {.tolerance = 1e-7,
                                                          .budget = products,
                                                          .confirm = products,
                                                          .probability = probability,
                                                          .step = static_cast<std::uint64_t>(step)});
      CHECK(r.products == products);
      CHECK(r.bounds.starts == 1);
      return r.bounds.upper;
    };
    const double bound = bound_after(20, 1e-4), recorded = bound_after(20, bound_probability);
    const LanczosResult truth =
        solver.run(pass.hessian(), {.tolerance = 1e-5, .budget = 400, .confirm = 20, .restart = 100});
    REQUIRE(truth.converged);
    const double lambda_1 = truth.top[0].value;
    MESSAGE("step ", step, ": λ₁ ", lambda_1, ", bound / λ₁ − 1 after 20 products: ", bound / lambda_1 - 1,
            " at p = 1e-4, ", recorded / lambda_1 - 1, " at p = ", bound_probability);
    CHECK(bound >= lambda_1 - truth.top[0].residual);
    CHECK(recorded >= bound);
    CHECK(bound <= 1.002 * lambda_1);
    CHECK(bound_after(8, 1e-4) > 1.002 * lambda_1);  // control: fewer do not suffice
  }
}
