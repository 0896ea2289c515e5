// SPDX-License-Identifier: MIT
// `brink spectrum`: its options, and what it prints. The work is in training/replay/spectrum.h.
#include "training/replay/spectrum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "training/errors.h"
#include "training/io/readable.h"

namespace brink {

namespace {

struct Arguments {
  ReplayArguments replay;
  SpectrumOptions spectrum;
  std::optional<int> top, bottom;
  std::string of = "hessian";
};

std::string with_error(const Estimate& e) {
  return readable(e.value) + (std::isfinite(e.error) ? " ± " + readable(e.error, 2) : "");
}

/// A line of two columns. Signs may take several bytes, so the width is counted in the former's characters.
std::string row(std::string_view name, const std::string& value) {
  constexpr std::size_t width = 18;
  std::size_t characters = 0;
  for (const char c : name) characters += (c & 0xC0) != 0x80;
  return fmt::format("  {}{}{}", name, std::string(characters < width ? width - characters : 1, ' '), value);
}

void note_asymmetry(bool symmetric, const char* consequence, Console& out) {
  if (!symmetric) out.note(std::string("the products are less symmetric than rounding explains, ") + consequence);
}

void print_ends(const SpectrumOptions& o, const SpectrumFound& found, Console& out) {
  int certified = 0;
  const auto print = [&](const std::vector<RitzPair>& pairs, const std::vector<double>& errors, bool top) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool holds = pairs[i].relative <= o.tolerance && found.ends.symmetric;
      certified += holds;
      out.line(row(top      ? fmt::format("λ_{}", i + 1)
                   : i == 0 ? std::string("λ_min")
                            : fmt::format("λ_min+{}", i),
                   readable(pairs[i].value, 5) + " ± " + readable(pairs[i].residual, 2) +
                       (holds ? "" : "   not certified") +
                       (i < errors.size() ? "   float64 differs by " + readable(errors[i], 2) : "")));
    }
  };
  print(found.top, found.top_errors, true);
  print(found.bottom, found.bottom_errors, false);
  const auto count = static_cast<int>(found.top.size() + found.bottom.size());
  out.line(fmt::format("  {} of {} certified to a relative residual of {} with {}; ‖QᵀQ − I‖ {}, asymmetry {}",
                       certified, count, readable(o.tolerance), counted(found.ends.products, "product"),
                       readable(found.ends.orthogonality, 2), readable(found.ends.asymmetry, 2)));
  out.line("  An eigenvalue lies within ± of each. That none lies further out is only probable.");
  if (const SpectrumBounds& b = found.ends.bounds; std::isfinite(b.upper) && !found.top.empty())
    out.line(fmt::format("  No eigenvalue is above {}, except with probability {} over the random start.",
                         readable(b.upper), readable(bound_probability, 1)));
  note_asymmetry(found.ends.symmetric, "so no eigenvalue counts as certified", out);
  if (certified < count && found.ends.stop == LanczosStop::budget)
    out.note(
        fmt::format("{} of {} eigenvalues are not certified, because the budget of {} is used up: give a larger "
                    "--budget, or a larger --tolerance",
                    count - certified, count, counted(o.budget, "product")));
  if (certified < count && found.ends.stop == LanczosStop::exhausted)
    out.note(
        fmt::format("{} of {} eigenvalues are not certified, because rounding keeps their residuals above the "
                    "tolerance: give a larger --tolerance{}",
                    count - certified, count, found.dtype == Dtype::f32 ? ", or --dense, which is float64" : ""));
}

void print_product_error(const SpectrumFound& found, Console& out) {
  out.line(fmt::format(
      "products in float32 and in float64 differ by {} along a random unit vector: an estimate. Times √n, "
      "{}, it estimates the Frobenius norm of their difference, and no eigenvalue differs by more than that",
      readable(*found.random_error, 2),
      readable(*found.random_error * std::sqrt(static_cast<double>(found.parameters)), 2)));
  out.line("  A ReLU whose input is near zero may be on in one precision and off in the other, which adds more.");
}

void print_density(const SpectrumOptions& o, const SpectrumFound& found, Console& out) {
  for (const DensityFindings& f : found.densities) {
    out.line(fmt::format("density: {}, {}, smoothed by {}; ± is the standard error over the vectors",
                         counted(static_cast<std::int64_t>(f.measure.probes.size()), "random vector"),
                         counted(f.products, "product"), readable(f.curve.width, 3)));
    out.line(row("trace", with_error(f.trace)));
    out.line(row("trace of square", with_error(f.trace_of_square)));
    out.line(row("nodes", readable(f.measure.lowest()) + " to " + readable(f.measure.highest())));
    out.line(row("asymmetry", readable(f.asymmetry, 2)));
    note_asymmetry(f.symmetric, "so the density is not that of eigenvalues", out);
    if (!f.bulk) continue;
    out.line(row("bulk", fmt::format("within ± {}, rms {}", readable(f.bulk->edge), readable(f.bulk->sigma))));
    out.line(row("above the bulk", fmt::format("at least {}; counted with multiplicity {}", f.bulk->outliers,
                                               with_error(f.bulk->above))));
    out.line(
        row("semicircle", fmt::format("distance of the cumulative distributions {}", readable(f.bulk->misfit, 3))));
  }
  if (!o.per_layer) return;
  out.line("diagonal blocks of the layers:");
  for (const DensityFindings& f : found.layers) {
    const std::string name = f.name.substr(f.name.find('/') + 1);
    out.line(row(name, f.finite() ? fmt::format("{}, trace {}, of square {}, nodes {} to {}",
                                                counted(f.measure.dim, "parameter"), with_error(f.trace),
                                                with_error(f.trace_of_square), readable(f.measure.lowest()),
                                                readable(f.measure.highest()))
                                  : "not finite"));
  }
  if (found.outside_blocks)
    out.line(
        fmt::format("  About {} of the squared entries lies outside these blocks: block-diagonal curvature leaves it "
                    "out and can err at order one.",
                    readable(*found.outside_blocks, 2)));
}

void print_dense(const SpectrumFound& found, Console& out) {
  const DenseSpectrum& d = *found.dense;
  out.line(fmt::format(
      "dense, in float64: {}, asymmetry {} of the largest entry; rounding moves an eigenvalue by at most {}",
      counted(found.parameters, "eigenvalue"), readable(d.asymmetry(), 2), readable(d.rounding(), 2)));
  note_asymmetry(d.symmetric(), "so these are the eigenvalues of one triangle of the matrix, mirrored", out);
  const std::vector<double>& all = d.eigenvalues();
  const auto negative = std::ranges::count_if(all, [&](double x) { return x < -d.rounding(); });
  const auto zero = std::ranges::count_if(all, [&](double x) { return std::fabs(x) <= d.rounding(); });
  out.line(row("trace", readable(d.trace())));
  out.line(row("trace of square", readable(d.trace_of_square())));
  out.line(row("largest", readable(all.back())));
  out.line(row("smallest", readable(all.front())));
  out.line(row("signs", fmt::format("{} negative, {} zero within rounding, {} positive", negative, zero,
                                    static_cast<std::int64_t>(all.size()) - negative - zero)));
}

ExitCode run_spectrum(Arguments o) {
  SpectrumOptions& s = o.spectrum;
  s.run = o.replay.run;
  s.sets = o.replay.sets;
  s.flags = o.replay.flags;
  for (const CurvatureOperator of :
       {CurvatureOperator::hessian, CurvatureOperator::gauss_newton, CurvatureOperator::difference})
    if (o.of == name_of(of)) s.of = of;
  const bool any = o.top || o.bottom || s.density || s.dense;
  s.top = o.top.value_or(any ? 0 : 5);
  s.bottom = o.bottom.value_or(any ? 0 : 1);
  if (s.per_layer && !s.density) throw UsageError("--per-layer: expected --density with it");
  Console& out = o.replay.begin();
  const SpectrumFound found = spectrum_of_run(s, out);
  out.line(
      fmt::format("{} at step {}: {}, 2/η {}, {}{}", words_of(s.of), found.step, counted(found.parameters, "parameter"),
                  readable(2 / found.learning_rate), name_of(found.dtype),
                  found.evaluation_mode ? ", of the loss in evaluation mode, which is not what is minimised" : ""));
  if (!found.top.empty() || !found.bottom.empty()) print_ends(s, found, out);
  if (found.random_error) print_product_error(found, out);
  if (s.density) print_density(s, found, out);
  if (s.dense) print_dense(found, out);
  out.line(found.file);
  return ExitCode::done;
}

}  // namespace

void add_spectrum(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  SpectrumOptions& s = o->spectrum;
  CLI::App* sub =
      app.add_subcommand("spectrum", "Eigenvalues of the curvature at one step of a run, each with a certificate");
  add_replay(*sub, o->replay, "The run folder; its own files are not changed",
             "key=value of data.directory or [run] where it changes no number; repeatable");
  constexpr int most = std::numeric_limits<int>::max();
  const CLI::Validator eigenvalues = integer("a number of eigenvalues", 0, most);
  sub->add_option("--step", s.step, "The step (default: the last one)")->type_name("STEP")->check(integer("a step", 0));
  sub->add_option("--top", o->top, "So many of the largest eigenvalues")->type_name("K")->check(eigenvalues);
  sub->add_option("--bottom", o->bottom, "So many of the smallest eigenvalues")->type_name("K")->check(eigenvalues);
  sub->add_flag("--density", s.density,
                "The density of all eigenvalues, traces, bulk and outliers, with standard errors");
  sub->add_flag("--check-product", s.check_product,
                "Also the same products in float64, and how far those of the run, in float32, are from them");
  sub->add_flag("--dense", s.dense, "All eigenvalues, in float64; for networks of at most 2,000 parameters");
  sub->add_option("--operator", o->of,
                  "hessian, gauss_newton, or difference: the Hessian without its Gauss–Newton part")
      ->type_name("NAME")
      ->check(one_of({"hessian", "gauss_newton", "difference"}));
  sub->add_option("--tolerance", s.tolerance, "Relative residual of a certified eigenvalue (default: 0.001)")
      ->type_name("REAL")
      ->check(real(Reals::positive));
  sub->add_option("--budget", s.budget, "The most products for --top and --bottom (default: 1000)")
      ->type_name("PRODUCTS")
      ->check(integer("a number of products", 1, most));
  sub->add_option("--probes", s.quadrature.probes, "Random vectors of the density, at most 4096 (default: 8)")
      ->type_name("N")
      ->check(integer("a number of vectors", 1, 4096));
  sub->add_option("--depth", s.quadrature.depth, "Products for each random vector, from 2 to 128 (default: 48)")
      ->type_name("N")
      ->check(integer("a number of products", 2, 128));
  sub->add_option("--width", s.width,
                  "Standard deviation of the smoothing (default: the range of the spectrum over the depth)")
      ->type_name("REAL")
      ->check(real(Reals::positive));
  sub->add_flag("--per-layer", s.per_layer, "With --density: also the diagonal block of each layer");
  sub->footer(
      "The steps of RUN from its newest good checkpoint up to STEP are computed again, exactly, and compared with its\n"
      "rows. Without --top, --bottom, --density and --dense the five largest eigenvalues and the smallest are found.\n"
      "Writes RUN/measured/spectrum/step-STEP-OPERATOR.safetensors, which Python reads in one line:\n"
      "  safetensors.numpy.load_file(FILE)[\"hessian/density\"]\n"
      "docs/spectrum.md explains the numbers and their certificates.");
  sub->callback([o, &code] { code = run_spectrum(*o); });
}

}  // namespace brink
