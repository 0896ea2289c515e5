// SPDX-License-Identifier: MIT
// Every primitive's rules in float64: jvp against central differences, ⟨u, Jv⟩ = ⟨Jᵀu, v⟩, and both again at second order.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/program.h"
#include "autodiff/taylor.h"
#include "autodiff/transform.h"
#include "tests/cases/case.h"

using namespace brink;

namespace {

using Values = std::vector<std::vector<double>>;

/// y(x), tangents and cotangents of one primitive as programs over float64 vectors.
class Differentiated {
 public:
  Differentiated(const cases::Row& row, int size)
      : row_(row), size_(size), arrays_(cases::make_inputs(row, size, Dtype::f64, true)) {
    for (const Array& a : arrays_)
      if (a.view().dtype == Dtype::f64) point_.emplace_back(a.span<double>().begin(), a.span<double>().end());
  }
  const Values& point() const { return point_; }

  /// Builds with `emit` on top of the row's operation and evaluates at x with the given extra float64 inputs: as x, then as the outputs
  /// or, if `twice`, as x again.
  Values evaluate(const Values& x, const Values& extra,
                  const std::function<Vars(Graph&, const Vars& in, const Vars& out, const Vars& extra)>& emit,
                  bool twice = false) {
    Graph g;
    Vars in, real;
    for (const Array& a : arrays_) {
      in.push_back(g.input("x", {a.view().shape, a.view().dtype}, InputRole::data, 0));
      if (a.view().dtype == Dtype::f64) real.push_back(in.back());
    }
    const Vars out = g.emit_all(*row_.primitive, in, row_.attributes(size_));
    Vars more;
    for (std::size_t i = 0; i < extra.size(); ++i)
      more.push_back(g.input("extra", g.type(i < real.size() ? real[i] : (twice ? real : out)[i - real.size()]),
                             InputRole::data, 0));
    const Vars results = emit(g, real, out, more);
    for (const Var v : results) g.output("result", OutputRole::samples, 0, v ? v : constant(g, 0, g.type(real[0])));

    std::vector<void*> inputs;
    Values points = x, extras = extra;
    std::size_t r = 0;
    for (const Array& a : arrays_) inputs.push_back(a.view().dtype == Dtype::f64 ? points[r++].data() : a.view().data);
    for (auto& e : extras) inputs.push_back(e.data());
    Values outputs;
    std::vector<void*> places;
    for (const Output& o : g.outputs()) outputs.emplace_back(static_cast<std::size_t>(g.shape(o.var).elements()));
    for (auto& o : outputs) places.push_back(o.data());
    const Program program(std::move(g));
    Workspace workspace = program.make_workspace();
    Device device;
    program.run(device, workspace, inputs, places);
    return outputs;
  }

 private:
  const cases::Row& row_;
  int size_;
  std::vector<Array> arrays_;
  Values point_;
};

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) sum += a[i][j] * b[i][j];
  return sum;
}
double norm(const Values& a) { return std::sqrt(dot(a, a)); }

Values like(const Values& x, double seed) {
  Values v = x;
  for (std::size_t i = 0; i < v.size(); ++i)
    for (std::size_t j = 0; j < v[i].size(); ++j)
      v[i][j] = std::cos(seed + 1.3 * static_cast<double>(j) + static_cast<double>(i));
  return v;
}
Values moved(const Values& x, double t, const Values& v) {
  Values y = x;
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t j = 0; j < y[i].size(); ++j) y[i][j] += t * v[i][j];
  return y;
}
Values difference(const Values& a, const Values& b, double over) {
  Values d = a;
  for (std::size_t i = 0; i < d.size(); ++i)
    for (std::size_t j = 0; j < d[i].size(); ++j) d[i][j] = (a[i][j] - b[i][j]) / over;
  return d;
}

constexpr double step = 1e-5;
constexpr double difference_tolerance = 2e-8;  // h² f‴/6 + eps/h for values of size 1
constexpr double exact_tolerance = 1e-12;

bool differentiable(const cases::Row& row, int size) {
  if (!row.primitive || row.inputs(size).empty()) return false;
  for (const cases::In& in : row.inputs(size))
    if (in.dtype != Dtype::i32) return in.shape.elements() * 30 < 1000000;
  return false;
}

}  // namespace

TEST_CASE("rules: forward against differences, reverse against forward, second order against both") {
  for (const cases::Row& row : cases::table())
    for (int size = 0; size < std::min(row.sizes, 6); ++size) {
      if (!differentiable(row, size)) continue;
      CAPTURE(row.name);
      CAPTURE(size);
      Differentiated d(row, size);
      const Values& x = d.point();
      const Values v = like(x, 0.3), w = like(x, 2.1);
      const auto value = [](Graph&, const Vars&, const Vars& out, const Vars&) { return out; };
      const auto forward = [](Graph& g, const Vars& in, const Vars& out, const Vars& t) {
        Vars y = pushforward(g, out, in, t);
        for (std::size_t i = 0; i < y.size(); ++i)
          if (!y[i]) y[i] = constant(g, 0, g.type(out[i]));
        return y;
      };
      const Values y = d.evaluate(x, {}, value);
      if (y[0].size() == 1 && row.name == "count_correct") continue;
      const Values u = like(y, 0.7);

      const Values jv = d.evaluate(x, v, forward);
      const Values fd =
          difference(d.evaluate(moved(x, step, v), {}, value), d.evaluate(moved(x, -step, v), {}, value), 2 * step);
      REQUIRE(norm(difference(jv, fd, 1)) <= difference_tolerance * (norm(fd) + norm(y)));

      Values v_and_u = v;
      v_and_u.insert(v_and_u.end(), u.begin(), u.end());
      const auto reverse = [&](Graph& g, const Vars& in, const Vars& out, const Vars& extra) {
        Vars c = pullback(g, out, std::span(extra).last(out.size()), in);
        for (std::size_t i = 0; i < c.size(); ++i)
          if (!c[i]) c[i] = constant(g, 0, g.type(in[i]));
        return c;
      };
      const Values jtu = d.evaluate(x, v_and_u, reverse);
      REQUIRE(std::abs(dot(u, jv) - dot(jtu, v)) <= exact_tolerance * (norm(u) * norm(jv) + norm(jtu) * norm(v)));

      // d/dt Jᵀ(x + tv)u: forward over reverse, against differences of the reverse rule.
      const auto forward_over_reverse = [&](Graph& g, const Vars& in, const Vars& out, const Vars& extra) {
        const Vars c = reverse(g, in, out, extra);
        const Vars tangents(extra.begin(), extra.begin() + static_cast<std::ptrdiff_t>(in.size()));
        Vars t = pushforward(g, c, in, tangents);
        for (std::size_t i = 0; i < t.size(); ++i)
          if (!t[i]) t[i] = constant(g, 0, g.type(in[i]));
        return t;
      };
      const Values second = d.evaluate(x, v_and_u, forward_over_reverse);
      const Values fd2 = difference(d.evaluate(moved(x, step, v), v_and_u, reverse),
                                    d.evaluate(moved(x, -step, v), v_and_u, reverse), 2 * step);
      REQUIRE(norm(difference(second, fd2, 1)) <= difference_tolerance * (norm(fd2) + norm(jtu)));

      // The second derivative is symmetric: ⟨w, d(Jᵀu)v⟩ = ⟨v, d(Jᵀu)w⟩.
      Values w_and_u = w;
      w_and_u.insert(w_and_u.end(), u.begin(), u.end());
      const Values other = d.evaluate(x, w_and_u, forward_over_reverse);
      REQUIRE(std::abs(dot(w, second) - dot(v, other)) <=
              exact_tolerance * (norm(w) * norm(second) + norm(v) * norm(other) + norm(jtu)));

      // Reverse over reverse gives the same product: the cotangent of ⟨Jᵀu, v⟩ is d(Jᵀu)ᵀ v, and d(Jᵀu) is symmetric.
      const auto reverse_over_reverse = [&](Graph& g, const Vars& in, const Vars& out, const Vars& extra) {
        const Vars c = reverse(g, in, out, extra);
        const Vars directions(extra.begin(), extra.begin() + static_cast<std::ptrdiff_t>(in.size()));
        Vars t = pullback(g, c, directions, in);
        for (std::size_t i = 0; i < t.size(); ++i)
          if (!t[i]) t[i] = constant(g, 0, g.type(in[i]));
        return t;
      };
      const Values third = d.evaluate(x, v_and_u, reverse_over_reverse);
      REQUIRE(norm(difference(third, second, 1)) <= exact_tolerance * (norm(second) + norm(jtu)));
    }
}

namespace {

/// Orders of y(x(t)) for x(t) = x + tv + t²w, one output after the other: by Taylor mode, or by a forward rule for each order.
class AlongPath {
 public:
  AlongPath(Differentiated& d, int order) : d_(d), order_(order) {}
  Values taylor() {
    return evaluate([&](Graph& g, const Vars& in, const Vars& out, const Vars& extra) {
      std::vector<Series> series;
      for (std::size_t i = 0; i < in.size(); ++i) series.push_back({extra[i], extra[in.size() + i]});
      Vars result;
      const std::vector<Series> found = expand(g, out, in, series, order_);
      for (std::size_t o = 0; o < out.size(); ++o)
        for (int k = 1; k <= order_; ++k) {
          const Var y = coefficient({}, found[o], k);
          result.push_back(y ? y : constant(g, 0, g.type(out[o])));
        }
      return result;
    });
  }
  /// dx/dt = v + 2tw is itself a function of t, so each further order is a tangent along (dx, dv) = (v, 2w).
  Values nested() {
    return evaluate([&](Graph& g, const Vars& in, const Vars& out, const Vars& extra) {
      const Vars v(extra.begin(), extra.begin() + static_cast<std::ptrdiff_t>(in.size()));
      Vars point = in, speed = v, result;
      for (std::size_t i = 0; i < in.size(); ++i) {
        point.push_back(v[i]);
        speed.push_back(scale(g, extra[in.size() + i], 2));
      }
      for (const Var y : out) {
        Var of_order = y;
        double factorial = 1;
        for (int k = 1; k <= order_; ++k) {
          if (of_order) of_order = pushforward(g, {&of_order, 1}, point, speed)[0];
          factorial *= k;
          result.push_back(of_order ? scale(g, of_order, 1 / factorial) : constant(g, 0, g.type(y)));
        }
      }
      return result;
    });
  }

 private:
  Values evaluate(const std::function<Vars(Graph&, const Vars&, const Vars&, const Vars&)>& emit) {
    Values extra = like(d_.point(), 0.3), w = like(d_.point(), 2.1);
    std::ranges::copy(w, std::back_inserter(extra));
    return d_.evaluate(d_.point(), extra, emit, true);
  }
  Differentiated& d_;
  int order_;
};

}  // namespace

TEST_CASE("rules: Taylor series of orders 1 to 4 along a curve, against one forward rule after the other") {
  constexpr double nested_tolerance = 1e-10;
  for (const cases::Row& row : cases::table())
    for (int size = 0; size < std::min(row.sizes, 4); ++size) {
      if (!differentiable(row, size)) continue;
      CAPTURE(row.name);
      CAPTURE(size);
      Differentiated d(row, size);
      // One forward rule after the other makes six pairs of each pair of a chain, of which there is room for 32.
      AlongPath along(d, row.inputs(size).size() > 11 ? 2 : 4);
      const Values taylor = along.taylor(), nested = along.nested();
      REQUIRE(taylor.size() == nested.size());
      for (std::size_t i = 0; i < taylor.size(); ++i) {
        CAPTURE(i);
        REQUIRE(norm(difference({taylor[i]}, {nested[i]}, 1)) <= nested_tolerance * (1 + norm({nested[i]})));
      }
    }
}
