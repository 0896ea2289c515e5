// SPDX-License-Identifier: MIT
// The spectrum at a step of a recorded run: the recorded eigenvalues, closed forms, and what cannot be asked for.
#include "training/replay/spectrum.h"

#include <array>
#include <cmath>

#include "tests/replay/replay_runs.h"
#include "training/io/safetensors.h"
#include "training/io/text.h"

using namespace brink;
using namespace brink::test;

namespace {

SpectrumFound spectrum(const SpectrumOptions& o) {
  Said said;
  return spectrum_of_run(o, said.console());
}

/// The message with which it is refused.
template <class E = UsageError>
std::string refused(const SpectrumOptions& o) {
  try {
    (void)spectrum(o);
  } catch (const E& e) { return e.what(); }
  return "it was not refused";
}

double number(const std::string& table, std::int64_t step, const char* column) {
  return parse_number<double>(cell(table, step, column)).value();
}

}  // namespace

TEST_CASE(
    "spectrum: the eigenvalues that the run recorded, within both residuals, and the run's files stay as they are") {
  const TemporaryFolder folder;
  const std::string run_folder = folder / "run", table = run_folder + "/metrics.csv";
  REQUIRE(run(run_folder, small_mlp({"measure.density.steps=[20]"})) == ExitCode::done);
  const auto before = contents(run_folder);
  const SpectrumFound found = spectrum({.run = run_folder, .step = 20, .top = 3, .bottom = 1, .density = true});
  CHECK(found.parameters == 784 * 32 + 32 + 32 * 4 + 4);
  CHECK(found.loss == doctest::Approx(number(table, 20, "loss")).epsilon(1e-12));
  CHECK(found.learning_rate == 0.3);
  REQUIRE(found.top.size() == 3);
  REQUIRE(found.bottom.size() == 1);
  CHECK(found.ends.converged);
  CHECK(std::fabs(found.top[0].value - number(table, 20, "lambda_1")) <=
        found.top[0].residual + number(table, 20, "residual_1"));
  CHECK(std::fabs(found.top[1].value - number(table, 20, "lambda_2")) <=
        found.top[1].residual + number(table, 20, "residual_2"));
  CHECK(std::fabs(found.bottom[0].value - number(table, 20, "lambda_min")) <=
        found.bottom[0].residual + number(table, 20, "residual_min"));
  // The same random vectors at the same step: the numbers that the run itself measured.
  REQUIRE(found.densities.size() == 1);
  CHECK(found.densities[0].trace.value == number(table, 20, "trace"));
  CHECK(found.densities[0].trace.error == number(table, 20, "trace_error"));
  CHECK(found.densities[0].bulk->edge == number(table, 20, "bulk_edge"));
  const Safetensors measured = Safetensors::read(run_folder + "/spectra/step-000020.safetensors"),
                    again = Safetensors::read(found.file);
  CHECK(again.load_doubles("hessian/density") == measured.load_doubles("hessian/density"));
  CHECK(again.load_doubles("hessian/top").size() == 3);
  CHECK(again.metadata().at("step") == "20");
  auto after = contents(run_folder);
  CHECK(std::erase_if(after, [](const auto& file) { return file.first.starts_with("measured/spectrum/"); }) == 1);
  CHECK(after == before);
  CHECK(spectrum({.run = run_folder, .top = 1}).step == 40);
}

TEST_CASE("spectrum: all eigenvalues of a network of two parameters, of its Gauss–Newton part, and of the rest") {
  const TemporaryFolder folder;
  const std::string run_folder = folder / "run";
  REQUIRE(run(run_folder, {"model.name=dln", "training.loss=mse", "training.steps=3", "training.learning_rate=0.01",
                           "run.precision=float64"}) == ExitCode::done);
  // ½(θ₀θ₁)² at (2.5, 0.5): H = [[θ₁², 2θ₀θ₁], [2θ₀θ₁, θ₀²]].
  const SpectrumFound h = spectrum({.run = run_folder, .step = 0, .top = 2, .density = true, .dense = true});
  const double root = std::sqrt(3.0 * 3.0 + 2.5 * 2.5);
  REQUIRE(h.dense->eigenvalues().size() == 2);
  CHECK(h.dense->eigenvalues()[0] == doctest::Approx(3.25 - root).epsilon(1e-13));
  CHECK(h.dense->eigenvalues()[1] == doctest::Approx(3.25 + root).epsilon(1e-13));
  REQUIRE(h.top.size() == 2);
  CHECK(h.top[0].value == doctest::Approx(3.25 + root).epsilon(1e-12));
  CHECK(h.top[1].value == doctest::Approx(3.25 - root).epsilon(1e-12));
  CHECK(h.densities[0].measure.dim == 2);
  CHECK(moment_of(h.densities[0].measure, 0).value == doctest::Approx(2).epsilon(1e-14));
  CHECK(h.densities[0].trace.value == doctest::Approx(6.5).epsilon(1e-13));
  const SpectrumFound g = spectrum(
                          {.run = run_folder, .step = 0, .of = CurvatureOperator::gauss_newton, .dense = true}),
                      rest =
                          spectrum({.run = run_folder, .step = 0, .of = CurvatureOperator::difference, .dense = true});
  CHECK(g.dense->eigenvalues()[1] == doctest::Approx(6.5).epsilon(1e-13));
  CHECK(std::fabs(g.dense->eigenvalues()[0]) < 1e-13);
  CHECK(rest.dense->eigenvalues()[1] == doctest::Approx(1.25).epsilon(1e-13));
  CHECK(rest.dense->eigenvalues()[0] == doctest::Approx(-1.25).epsilon(1e-13));
  CHECK(refused({.run = run_folder, .top = 3}) ==
        "--top 3: expected at most 2, the number of the network's parameters");
  CHECK(refused({.run = run_folder, .bottom = 5}) ==
        "--bottom 5: expected at most 2, the number of the network's parameters");
}

TEST_CASE(
    "spectrum: a curvature that is not finite is refused, and the product is named; what is finite in float64 is "
    "found") {
  const TemporaryFolder folder;
  // ½(θ₀θ₁)² at (3e19, 1e-19): loss and gradient are finite, θ₀² is not in float32.
  struct Case {
    std::string precision, start, rate;
  };
  for (const auto& c :
       std::vector<Case>{{"float32", "[3e19,1e-19]", "1e-37"}, {"float64", "[2e154,1e-154]", "1e-300"}}) {
    CAPTURE(c.precision);
    const std::string run_folder = folder / c.precision;
    REQUIRE(run(run_folder, {"model.name=dln", "model.start=" + c.start, "training.loss=mse", "training.steps=1",
                             "training.learning_rate=" + c.rate, "measure.top=0", "measure.bottom=0",
                             "run.precision=" + c.precision}) == ExitCode::done);
    CHECK(refused<DataError>({.run = run_folder, .step = 0, .top = 1}) ==
          "step 0: product 1 of the curvature at θ is not finite, so it has no spectrum; choose an earlier --step");
    CHECK(refused<DataError>({.run = run_folder, .step = 0, .density = true}).find("step 0: product 1 of") == 0);
    CHECK_FALSE(std::filesystem::exists(run_folder + "/measured"));
  }
  CHECK(refused<DataError>({.run = folder / "float64", .step = 0, .dense = true}) ==
        "step 0: product 2 of the operator is not finite, so the curvature has no spectrum there; choose an earlier "
        "--step");
  const SpectrumFound found = spectrum({.run = folder / "float32", .step = 0, .dense = true});
  CHECK(found.dense->eigenvalues()[1] == doctest::Approx(9e38).epsilon(1e-6));
}

TEST_CASE("spectrum: the products in float64 beside those of the run, the same numbers as at every step of a run") {
  const TemporaryFolder folder;
  const std::string run_folder = folder / "run", table = run_folder + "/metrics.csv";
  for (const Sets& sets : {small_mlp({"training.steps=12", "measure.product_error.steps=[5]"}),
                           small_vgg({"model.norm_mode=evaluation", "measure.product_error.steps=[5]"})}) {
    std::filesystem::remove_all(run_folder);
    REQUIRE(run(run_folder, sets) == ExitCode::done);
    const SpectrumFound found = spectrum({.run = run_folder, .step = 5, .top = 2, .bottom = 1, .check_product = true});
    REQUIRE(found.top_errors.size() == 2);
    REQUIRE(found.bottom_errors.size() == 1);
    CHECK(found.random_error == number(table, 5, "product_error_random"));
    // Of the first eigenvector, which the tracker has found in another way, to the residual.
    CHECK(found.top_errors[0] < 20 * number(table, 5, "product_error_1"));
    CHECK(found.top_errors[0] > number(table, 5, "product_error_1") / 20);
    for (const double e : {found.top_errors[0], found.top_errors[1], found.bottom_errors[0], *found.random_error}) {
      CHECK(e > 0);
      CHECK(e < 1e-3 * found.ends.scale);
    }
    const Safetensors file = Safetensors::read(found.file);
    CHECK(file.load_doubles("hessian/top_product_errors") == found.top_errors);
    CHECK(file.metadata().at("random_product_error") == number_text(*found.random_error));
    // Alone, and without: the eigenvalues are the same.
    CHECK(spectrum({.run = run_folder, .step = 5, .check_product = true}).random_error == found.random_error);
    const SpectrumFound without = spectrum({.run = run_folder, .step = 5, .top = 2, .bottom = 1});
    CHECK(without.top_errors.empty());
    CHECK_FALSE(without.random_error.has_value());
    CHECK(without.top[0].value == found.top[0].value);
  }
  CHECK(refused({.run = run_folder, .of = CurvatureOperator::gauss_newton, .check_product = true}) ==
        "--check-product: expected --operator hessian, got gauss_newton");
  const std::string little = refused<DeviceError>(
      {.run = run_folder, .step = 5, .top = 60, .check_product = true, .sets = {"run.memory=1MiB"}});
  CHECK(little.find("out of memory: ") == 0);
  CHECK(little.find(" are needed, ") != std::string::npos);
  CHECK(little.find("; the largest part is ") != std::string::npos);
  const std::string precise = folder / "float64";
  REQUIRE(run(precise, small_mlp({"training.steps=1", "run.precision=float64"})) == ExitCode::done);
  CHECK(
      refused({.run = precise, .check_product = true}) ==
      "--check-product compares products in float32 with those in float64: expected a run in float32, and this one is "
      "in float64");
}

TEST_CASE("spectrum: what cannot be asked for is refused with what can") {
  const TemporaryFolder folder;
  const std::string run_folder = folder / "run";
  REQUIRE(run(run_folder, small_mlp({"training.steps=12"})) == ExitCode::done);
  CHECK(
      refused({.run = run_folder, .dense = true}) ==
      "--dense: expected a network of at most 2000 parameters, found 25252; --density shows the whole spectrum of any "
      "network, and --top and --bottom its ends");
  CHECK(refused({.run = run_folder}) ==
        "--top 0 --bottom 0: expected at least one eigenvalue, or one of --density, --dense and --check-product");
  CHECK_FALSE(std::filesystem::exists(run_folder + "/measured"));
  CHECK(refused({.run = run_folder, .step = 13, .top = 1}) ==
        "--step 13: expected a step from 0 to 12, the last one of " + run_folder +
            "; a fork at step 12 with --set training.steps=… goes on beyond it");
  CHECK(refused({.run = run_folder, .top = 50, .bottom = 20}) ==
        "--top 50 --bottom 20: expected at most 60 eigenvalues together");
  CHECK(refused<DataError>({.run = folder / "none", .top = 1})
            .find("none: expected the folder of a run, found nothing") != std::string::npos);
  // A budget that does not suffice is reported, with what has been found.
  const SpectrumFound poor = spectrum({.run = run_folder, .step = 5, .top = 4, .bottom = 2, .budget = 6});
  CHECK_FALSE(poor.ends.converged);
  CHECK(poor.ends.stop == LanczosStop::budget);
  CHECK(poor.ends.products == 6);
  // A row that was changed is noticed: θ is not the recorded one.
  std::string rows = read_text(run_folder + "/metrics.csv");
  const std::string digest = cell(run_folder + "/metrics.csv", 5, "digest");
  rows.replace(rows.find(digest), 4, digest[0] == '0' ? "1111" : "0000");
  write_text(run_folder + "/metrics.csv", rows);
  CHECK(refused<Error>({.run = run_folder, .step = 5, .top = 1}).find("step 5, column digest") != std::string::npos);
}
