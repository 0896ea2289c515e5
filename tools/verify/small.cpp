// SPDX-License-Identifier: MIT
// The kinds `dln` (gradient descent of the product of two parameters) and `subspace` (angles between two spans).
#include <algorithm>
#include <cmath>

#include "models/dln.h"
#include "spectral/subspace.h"
#include "tools/verify/dense_hessian.h"
#include "tools/verify/kinds.h"
#include "training/io/text.h"

namespace brink::verify {

namespace {

constexpr double tolerance = 1e-9, comparable_until = 1e6;

/// The values of every column at θ, in the reference's order.
class DlnRow {
 public:
  DlnRow(Device& device, const Objective& objective, const Case& c)
      : layout_(objective.layout),
        labels_(zeros(Shape{1}, Dtype::i32)),
        views_{labels_.view()},
        hvp_(device, objective, views_),
        gradient_(layout_.make_vector(Dtype::f64)),
        columns_(c.texts("columns")) {
    const std::vector<std::string> known{"theta0", "theta1", "loss", "lambda_max", "lambda_min", "alignment_ratio"};
    for (const std::string& name : columns_)
      if (std::ranges::find(known, name) == known.end()) c.fail("columns", "expected a known column, found " + name);
    for (const std::string& name : known)
      if (std::ranges::count(columns_, name) != 1) c.fail("columns", "expected " + name + " once");
  }
  const std::vector<std::string>& columns() const { return columns_; }

  /// All values are not finite if the Hessian is not.
  std::vector<double> at(const Array& theta) {
    const double loss = hvp_.linearize_at(theta.view(), gradient_.view()).loss;
    const double t0 = *layout_.view(theta.view(), 0).as<double>(), t1 = *layout_.view(theta.view(), 1).as<double>();
    if (!std::isfinite(loss) || !std::isfinite(t0) || !std::isfinite(t1))
      return std::vector<double>(columns_.size(), NAN);
    const DenseHessian h(layout_, hvp_);
    const Array u = h.eigenvector(1);
    const double u0 = std::fabs(*layout_.view(u.view(), 0).as<double>()),
                 u1 = std::fabs(*layout_.view(u.view(), 1).as<double>());
    const bool second_smaller = std::fabs(t1) < std::fabs(t0);
    std::vector<double> out;
    for (const std::string& name : columns_)
      out.push_back(name == "theta0"       ? t0
                    : name == "theta1"     ? t1
                    : name == "loss"       ? loss
                    : name == "lambda_max" ? h.eigenvalues()[1]
                    : name == "lambda_min" ? h.eigenvalues()[0]
                    : second_smaller       ? u1 / u0
                                           : u0 / u1);
    return out;
  }
  void update(const Array& theta, double rate) {
    for (int i = 0; i < layout_.size(); ++i)
      *layout_.view(theta.view(), i).as<double>() -= rate * *layout_.view(gradient_.view(), i).as<double>();
  }

 private:
  ParameterLayout layout_;
  Array labels_;
  std::vector<View> views_;
  HostHvp hvp_;
  Array gradient_;
  std::vector<std::string> columns_;
};

/// The tensor "lr_0.2", however the number is written.
std::string tensor_of(const Case& c, double rate) {
  for (const std::string& name : c.tensor_names())
    if (name.starts_with("lr_") && parse_number<double>(name.substr(3)) == rate) return name;
  c.fail_tensor("lr_" + number_text(rate), "expected this tensor, found none");
}

}  // namespace

void check_dln(Device& device, const Case& c, Table& table) {
  const std::vector<double> start = c.numbers("start"), rates = c.numbers("learning_rates");
  if (start.size() != 2)
    return table.skip(c.name(), "a dln of " + std::to_string(start.size()) + " parameters has no reference format");
  if (rates.empty()) c.fail("learning_rates", "expected at least one");
  const std::int64_t steps = c.integer("steps");
  const Objective objective = make_dln_objective({}, DlnLoss::half_square, c.number("target"), Dtype::f64);
  DlnRow row(device, objective, c);
  const std::size_t width = row.columns().size();
  for (const double rate : rates) {
    const std::string name = tensor_of(c, rate);
    const std::vector<double> reference = c.doubles(name, {steps, static_cast<std::int64_t>(width)});
    const auto reference_row = [&](std::int64_t t) {
      return std::span(reference).subspan(static_cast<std::size_t>(t) * width, width);
    };
    std::int64_t end = 0;
    while (end < steps &&
           std::ranges::all_of(reference_row(end), [](double x) { return std::fabs(x) <= comparable_until; }))
      ++end;

    Array theta = objective.layout.make_vector(Dtype::f64);
    for (int i = 0; i < 2; ++i)
      *objective.layout.view(theta.view(), i).as<double>() = start[static_cast<std::size_t>(i)];
    std::vector<std::vector<double>> found(width), expected(width);
    std::vector<double> last, leaving;
    for (std::int64_t t = 0; t < steps; ++t) {
      last = row.at(theta);
      if (t == end) leaving = last;
      for (std::size_t k = 0; t < end && k < width; ++k) {
        found[k].push_back(last[k]);
        expected[k].push_back(reference_row(t)[k]);
      }
      row.update(theta, rate);
    }
    for (std::size_t k = 0; k < width; ++k)
      table.add({c.name(), name + " " + row.columns()[k],
                 error_of(found[k], expected[k], std::max(1.0, largest(expected[k]))), tolerance,
                 end < steps ? "compared until step " + std::to_string(end) : ""});
    if (end < steps) {
      // Rows that agree up to the step before leave the range at the same step, so one damaged row is not mistaken for the end.
      const bool left = std::ranges::any_of(leaving, [](double x) { return !(std::fabs(2 * x) <= comparable_until); });
      table.add({c.name(), name + " leaves the range", left ? 0.0 : 1.0, 0, "at step " + std::to_string(end)});
      const auto finite = [](std::span<const double> x) {
        return std::ranges::all_of(x, [](double v) { return std::isfinite(v); });
      };
      table.add(
          {c.name(), name + " finite at the end", finite(last) == finite(reference_row(steps - 1)) ? 0.0 : 1.0, 0, {}});
    }
  }
}

void check_subspace(Device& device, const Case& c, Table& table) {
  const Shape shape = c.shape("U");
  if (shape.rank != 2 || shape[1] < 1 || shape[1] > shape[0] || shape[1] > 1024)
    c.fail_tensor("U", "expected the shape [n,k] with k at most n, found " + to_string(shape));
  const std::int64_t n = shape[0], k = shape[1];
  const auto columns = [&](const std::string& tensor, std::vector<double>& store) {
    const std::vector<double> rows = c.doubles(tensor, shape);
    store.resize(rows.size());
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < k; ++j)
        store[static_cast<std::size_t>(j * n + i)] = rows[static_cast<std::size_t>(i * k + j)];
    if (!(largest(store) < INFINITY)) c.fail_tensor(tensor, "expected finite numbers");
    return ColumnSet{store.data(), n, n, static_cast<int>(k), Dtype::f64};
  };
  std::vector<double> u_store, v_store;
  const ColumnSet u = columns("U", u_store), v = columns("V", v_store);
  const SubspaceComparison s = compare_columns(device, u, v);
  table.add({c.name(), "principal_angles", error_of(s.angles, c.doubles("principal_angles", {k})), tolerance, {}});
  const auto scalar = [&](const char* key, double found) {
    table.add({c.name(), key, error_of(found, c.number(key)), tolerance, {}});
  };
  scalar("geodesic_distance", s.distance);
  scalar("cosine_grassmannian_similarity", s.similarity);
  scalar("cosine_grassmannian_misalignment", s.misalignment);
}

}  // namespace brink::verify
