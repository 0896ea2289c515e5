// SPDX-License-Identifier: MIT
// The rows of kernels that no graph uses: reductions, sweeps, random numbers, gathers.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/basis/basis.h"
#include "kernels/index/index.h"
#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "tests/cases/rows.h"
#include "tests/reference/reduce_reference.h"

namespace brink::cases {

namespace {

/// Elements of the vectors of reductions and sweeps: a lane, a tile of 4096, tiles that do not divide, W1's parameters.
constexpr std::int64_t lengths[] = {1, 31, 33, 4095, 4097, 12289, 28516};
std::int64_t length(int size) { return lengths[static_cast<std::size_t>(size)]; }
constexpr int columns = 5;

template <class T>
std::vector<T> column(const View& x, std::int64_t n, int i) {
  return {x.as<T>() + i * n, x.as<T>() + (i + 1) * n};
}
ColumnSet column_set(const View& x) { return {x.data, x.shape[1], x.shape[1], static_cast<int>(x.shape[0]), x.dtype}; }
ValueType one_double(int, Dtype) { return {Shape{}, Dtype::f64}; }

std::vector<Row> kernel_rows() {
  return {
      {.name = "gather_rows",
       .kernels = {"gather_rows"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n}}, {{at(size).k}, Values::labels, at(size).s, Dtype::i32}};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t n = out.shape[1];
               for_elements(out.shape, [&](auto s, auto c) {
                 out.as<T>()[s * n + c] = in[0].as<T>()[in[1].as<std::int32_t>()[s] * n + c];
               });
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{at(size).k, at(size).n}, dtype};
           },
       .run = [](Device& d, const View& out, Views in, int) { gather_rows(d, out, in[0], in[1]); }},
      {.name = "divide",
       .kernels = {"map"},
       .functors = {functor_index<Divide>()},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s * 200, at(size).n}}};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) out.as<T>()[i] = in[0].as<T>()[i] / T(1000);
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{at(size).s * 200, at(size).n}, dtype};
           },
       .run = [](Device& d, const View& out, Views in, int) { map<Divide>(d, out, in, 1000); }},
  };
}

}  // namespace

std::vector<Row> vector_rows() {
  const auto vectors = [](int count) {
    return [count](int size) { return std::vector<In>(static_cast<std::size_t>(count), {{length(size)}}); };
  };
  const auto columns_and_vector = [](int size) { return std::vector<In>{{{columns, length(size)}}, {{length(size)}}}; };
  const auto coefficients = [] {
    std::vector<double> c;
    for (int i = 0; i < columns * columns; ++i) c.push_back(0.3 - 0.11 * i);
    return c;
  };
  const auto reduction = [&](std::string name, int inputs, auto loops, auto kernel) {
    return Row{.name = name,
               .kernels = {name},
               .sizes = static_cast<int>(std::size(lengths)),
               .inputs = vectors(inputs),
               .attributes = none,
               .reference =
                   [=](Views in, const View& out, const Attributes&) {
                     with_real(in[0].dtype, [&]<class T>(T) {
                       const auto n = in[0].shape[0];
                       *out.as<double>() = loops(column<T>(in[0], n, 0), column<T>(in.back(), n, 0));
                     });
                   },
               .output = one_double,
               .run =
                   [=](Device& d, const View& out, Views in, int) {
                     // Once returned, and once left on the device.
                     const double value = kernel(d, in);
                     kernel(d, in, Scalar{out.as<double>()});
                     double left = 0;
                     fetch(d, {&left, 1}, out);
                     const bool same = std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(value);
                     if (!same) set_zero(d, out);
                   }};
  };
  const auto random = [&](std::string name, auto element, auto kernel) {
    return Row{.name = name,
               .kernels = {name},
               .sizes = static_cast<int>(std::size(lengths)),
               .inputs = [](int) { return std::vector<In>{}; },
               .attributes = none,
               .reference =
                   [=](Views, const View& out, const Attributes&) {
                     for (std::int64_t i = 0; i < out.shape.elements(); ++i) out.as<double>()[i] = element(i);
                   },
               .output =
                   [](int size, Dtype) {
                     return ValueType{{length(size)}, Dtype::f64};
                   },
               .run = [=](Device& d, const View& out, Views, int) { kernel(d, out); }};
  };
  const RandomKey key(7, Stream::test, 3, 4);
  std::vector<Row> rows{
      reduction(
          "sum", 1, [](const auto& a, const auto&) { return reference::sum(a); },
          [](Device& d, Views in, auto... to) { return sum(d, in[0], to...); }),
      reduction(
          "dot", 2, [](const auto& a, const auto& b) { return reference::dot(a, b); },
          [](Device& d, Views in, auto... to) { return dot(d, in[0], in[1], to...); }),
      reduction(
          "norm", 1, [](const auto& a, const auto&) { return std::sqrt(reference::dot(a, a)); },
          [](Device& d, Views in, auto... to) { return norm(d, in[0], to...); }),
      reduction(
          "largest_entry", 1,
          [](const auto& a, const auto&) {
            double most = 0;
            for (const auto x : a) most = std::abs(x) > std::abs(most) ? static_cast<double>(x) : most;
            return most;
          },
          [](Device& d, Views in, auto... to) { return largest_entry(d, in[0], to...); }),
      {.name = "project",
       .kernels = {"project"},
       .sizes = static_cast<int>(std::size(lengths)),
       .inputs = columns_and_vector,
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const auto n = in[1].shape[0];
               for (int i = 0; i < columns; ++i)
                 out.as<double>()[i] = reference::dot(column<T>(in[0], n, i), column<T>(in[1], n, 0));
             });
           },
       .output =
           [](int, Dtype) {
             return ValueType{{columns}, Dtype::f64};
           },
       .run =
           [](Device& d, const View& out, Views in, int) {
             Array scratch(Shape{project_scratch(in[1].shape[0], columns)}, Dtype::f64, d);
             project(d, column_set(in[0]), in[1], Scalar{out.as<double>()}, scratch.view().as<double>());
           }},
      {.name = "subtract",
       .kernels = {"subtract"},
       .sizes = static_cast<int>(std::size(lengths)),
       .inputs = columns_and_vector,
       .attributes = none,
       .reference =
           [=](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const auto n = in[1].shape[0];
               std::vector<std::vector<T>> q;
               for (int i = 0; i < columns; ++i) q.push_back(column<T>(in[0], n, i));
               std::vector<double> c = coefficients();
               std::vector<T> w = column<T>(in[1], n, 0);
               reference::subtract(q, c, w);
               std::ranges::copy(w, out.as<T>());
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{length(size)}, dtype};
           },
       .run = [=](Device& d, const View& out, Views in,
                  int) { subtract(d, column_set(in[0]), coefficients().data(), in[1], out); }},
      {.name = "recur",
       .kernels = {"recur"},
       .sizes = static_cast<int>(std::size(lengths)),
       .inputs = columns_and_vector,
       .attributes = none,
       .reference =
           [=](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const auto n = in[1].shape[0];
               std::vector<std::vector<T>> q;
               for (int i = 0; i < columns; ++i) q.push_back(column<T>(in[0], n, i));
               std::vector<T> w = column<T>(in[1], n, 0);
               double* const found = out.as<double>();
               found[0] = reference::dot(q[columns - 1], w);
               reference::subtract({q[columns - 2], q[columns - 1]}, {0.75, found[0]}, w);
               found[1] = std::sqrt(reference::dot(w, w));
               std::vector<double> c;
               for (const auto& v : q) c.push_back(reference::dot(v, w));
               reference::subtract(q, c, w);
               found[2] = std::sqrt(reference::dot(w, w));
               std::ranges::copy(w, found + 3);
             });
           },
       .output =
           [](int size, Dtype) {
             return ValueType{{length(size) + 3}, Dtype::f64};
           },
       .run =
           [](Device& d, const View& out, Views in, int) {
             const std::int64_t n = in[1].shape[0];
             Array scratch(Shape{project_scratch(n, columns)}, Dtype::f64, d), w({n}, in[1].dtype, d);
             Scalars found(d, 4), c(d, columns);
             recur(d, column_set(in[0]), false, 0.75, in[1], w.view(), found[0], c[0], scratch.view().as<double>());
             const std::span<const double> numbers = found.read(1, 3);
             std::vector<double> all(numbers.begin(), numbers.end());
             const Array host = to_host(d, w.view());
             with_real(host.view().dtype, [&]<class T>(T) {
               for (const T x : host.span<T>()) all.push_back(static_cast<double>(x));
             });
             store(d, out, all);
           }},
      {.name = "combine",
       .kernels = {"combine"},
       .sizes = static_cast<int>(std::size(lengths)),
       .inputs =
           [](int size) {
             return std::vector<In>{{{columns, length(size)}}};
           },
       .attributes = none,
       .reference =
           [=](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const auto n = in[0].shape[1];
               std::vector<std::vector<T>> q;
               for (int i = 0; i < columns; ++i) q.push_back(column<T>(in[0], n, i));
               const auto y = reference::combine(q, coefficients(), 3);
               for (int j = 0; j < 3; ++j) std::ranges::copy(y[static_cast<std::size_t>(j)], out.as<T>() + j * n);
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{3, length(size)}, dtype};
           },
       .run = [=](Device& d, const View& out, Views in,
                  int) { combine(d, column_set(in[0]), coefficients().data(), column_set(out)); }},
      {.name = "scale",
       .kernels = {"scale"},
       .sizes = static_cast<int>(std::size(lengths)),
       .inputs = vectors(1),
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape[0]; ++i)
                 out.as<T>()[i] = static_cast<T>(-0.7 * static_cast<double>(in[0].as<T>()[i]));
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{length(size)}, dtype};
           },
       .run = [](Device& d, const View& out, Views in, int) { scale(d, in[0], -0.7, out); }},
      {.name = "numbers of numbers",
       .kernels = {"put", "map_scalars"},
       .sizes = 3,
       .inputs = [](int) { return std::vector<In>{}; },
       .attributes = none,
       .reference =
           [=](Views, const View& out, const Attributes&) {
             const auto count = out.shape[0] / 2;
             for (std::int64_t i = 0; i < count; ++i) {
               const double x = static_cast<double>(i % 7) - 3;
               out.as<double>()[i] = x > 0 ? 0.7 / x : -2.5;
               out.as<double>()[count + i] = x < 0 ? -1 : 1;
             }
           },
       .output =
           [](int size, Dtype) {
             const std::int64_t counts[] = {1, 300, 1100};  // more than a launch of `put`, and of `map_scalars`, takes
             return ValueType{{2 * counts[size]}, Dtype::f64};
           },
       .run =
           [](Device& d, const View& out, Views, int) {
             const auto count = static_cast<int>(out.shape[0] / 2);
             std::vector<double> x;
             for (int i = 0; i < count; ++i) x.push_back(static_cast<double>(i % 7) - 3);
             const Scalar first{out.as<double>()}, second = first + count;
             put(d, x.data(), count, second);
             map_scalars(d, second, count, Quotient{0.7, -2.5}, first);
             map_scalars(d, second, count, Sign{}, second);
           }},
      random(
          "fill_normal", [key](std::int64_t i) { return 1.5 * normal_at(key, i + 11); },
          [key](Device& d, View out) { fill_normal(d, out, key, 1.5, 11); }),
      random(
          "fill_uniform", [key](std::int64_t i) { return uniform_at(key, i + 12); },
          [key](Device& d, View out) { fill_uniform(d, out, key, 12); }),
  };
  const std::vector<Row> more = kernel_rows();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace brink::cases
