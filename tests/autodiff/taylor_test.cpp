// SPDX-License-Identifier: MIT
// Taylor mode against derivatives by mpmath: GhostBatchNorm at a large ε, where a mistake in the variance's own derivatives shows, and the
// cross-entropy near certainty, where naive sums cancel. Networks: tests/kinds/taylor_test.cpp; single rules: tests/cases.
#include "autodiff/taylor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <span>

#include "autodiff/batch/directional.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "autodiff/primitives/norm.h"
#include "autodiff/program.h"
#include "autodiff/transform.h"
#include "tests/reference/taylor_series.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

/// A graph whose inputs have values from the start.
template <class T>
class Sheet {
 public:
  Var input(const Shape& shape, std::span<const double> values) {
    values_.emplace_back(values.begin(), values.end());
    return g.input("x", {shape, dtype_of<T>()}, InputRole::data, 0);
  }
  Var labels(const std::vector<std::int32_t>& values) {
    labels_ = values;
    return g.input("labels", {Shape{static_cast<std::int64_t>(values.size())}, Dtype::i32}, InputRole::data, 0);
  }
  std::vector<std::vector<double>> evaluate(const Vars& results) {
    for (const Var v : results) g.output("result", OutputRole::samples, 0, v ? v : constant(g, 0, g.type(results[0])));
    std::vector<void*> in, out;
    auto next = values_.begin();
    for (const Input& i : g.inputs()) {
      if (i.name == "labels")
        in.push_back(labels_.data());
      else
        in.push_back((next++)->data());
    }
    std::vector<Array> arrays;
    for (const Output& o : g.outputs()) arrays.emplace_back(g.shape(o.var), g.type(o.var).dtype);
    for (const Array& a : arrays) out.push_back(a.view().data);
    const Program program(g);
    Workspace workspace = program.make_workspace();
    Device device;
    program.run(device, workspace, in, out);
    std::vector<std::vector<double>> found;
    for (const Array& a : arrays)
      with_real(a.view().dtype, [&]<class U>(U) { found.emplace_back(a.span<U>().begin(), a.span<U>().end()); });
    return found;
  }
  Graph g;

 private:
  std::deque<std::vector<T>> values_;
  std::vector<std::int32_t> labels_;
};

constexpr std::array<double, 4> factorials{1, 2, 6, 24};

/// The largest error of the derivatives of orders 1 to 4 of y, ½ Σ (y − target)² and its mixed third derivative, each relative to its
/// value in the table; ε as given.
template <class T>
double norm_error(double epsilon) {
  const reference::NormLine& line = reference::norm_line;
  Sheet<T> sheet;
  const auto one = [&](double v) { return sheet.input({1}, std::span(&v, 1)); };
  const Var in[] = {sheet.input({3, 1}, line.x), one(line.gamma), one(line.beta)};
  const Series slope[] = {{sheet.input({3, 1}, line.x_slope)}, {one(line.gamma_slope)}, {one(line.beta_slope)}};
  const Var other[] = {sheet.input({3, 1}, line.x_other), one(line.gamma_other), one(line.beta_other)};
  const Var target = sheet.input({3, 1}, line.target);
  Graph& g = sheet.g;
  const Var y = ghost_norm(g, in[0], in[1], in[2], 3, epsilon).y;
  const Var outputs[] = {y, half_sum_of_squares(g, sub(g, y, target), 3)};
  const std::vector<Series> found = expand(g, outputs, in, slope, 4);
  Vars results = found[0];
  results.insert(results.end(), found[1].begin(), found[1].end());
  results.push_back(pushforward(g, {&found[1][1], 1}, in, other)[0]);
  const auto values = sheet.evaluate(results);
  double worst = 0;
  const auto compare = [&](double is, double expected) {
    worst = std::max(worst, std::abs(is - expected) / std::abs(expected));
  };
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t i = 0; i < 3; ++i) compare(values[k][i] * factorials[k], line.y[k][i]);
    compare(values[4 + k][0] * factorials[k], line.half_square[k]);
  }
  compare(2 * values[8][0], line.mixed);
  return worst;
}

/// The largest relative error of orders 1 to 4 along the line, of the label `leading` or `wrong`.
template <class T>
double entropy_error(const reference::EntropyLine& line, bool wrong) {
  Sheet<T> sheet;
  std::array<double, 4> logits = reference::line_offsets;
  logits[reference::line_leading] += line.margin;
  const Var f = sheet.input({1, 4}, logits);
  const Series slope[] = {{sheet.input({1, 4}, reference::line_v)}};
  const Var labels = sheet.labels({wrong ? reference::line_wrong : reference::line_leading});
  const Var loss = cross_entropy(sheet.g, f, labels, 1);
  const auto values = sheet.evaluate(expand(sheet.g, {&loss, 1}, {&f, 1}, slope, 4)[0]);
  double worst = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    const double expected = line.derivatives[wrong ? 1 : 0][k];
    worst = std::max(worst, std::abs(values[k][0] * factorials[k] - expected) / std::abs(expected));
  }
  return worst;
}

}  // namespace

TEST_CASE("GhostBatchNorm's derivatives of orders 1 to 4 at ε = 0.25 are those of mpmath") {
  CHECK(norm_error<double>(reference::norm_line.epsilon) <= 1e-13);
  CHECK(norm_error<float>(reference::norm_line.epsilon) <= 1e-4);
  CHECK(norm_error<double>(0.2500001) > 1e-9);  // control: another ε
}

TEST_CASE("the cross-entropy's derivatives of orders 1 to 4 keep their relative accuracy at margins from 1 to 300") {
  for (const reference::EntropyLine& line : reference::entropy_lines)
    for (const bool wrong : {false, true}) {
      CAPTURE(line.margin);
      CAPTURE(wrong);
      CHECK(entropy_error<double>(line, wrong) <= 2e-14 * std::max(1.0, line.margin));
      if (line.margin <= 50) CHECK(entropy_error<float>(line, wrong) <= 2e-5);
    }
}
