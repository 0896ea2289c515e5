// SPDX-License-Identifier: MIT
// What it is: the table of cases. A new primitive or kernel is one row here; completeness_test.cpp fails without it.
#include <algorithm>
#include <cmath>

#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "kernels/basis/basis.h"
#include "kernels/functions/elementary.h"
#include "kernels/index/index.h"
#include "kernels/map/map.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "tests/cases/case.h"
#include "tests/reference/reduce_reference.h"
#include "tests/reference/reference.h"

namespace brink::cases {

namespace {

using Views = std::span<const View>;

// Samples and widths: by hand, primes, more than a vector, more than a group (128), a whole tree, the main job's.
struct Extents {
  std::int64_t s, k, n;
};
constexpr Extents extents[] = {{1, 1, 1},     {2, 3, 2},     {7, 5, 3},     {31, 13, 17},  {127, 33, 4},
                               {129, 64, 32}, {131, 37, 65}, {300, 47, 10}, {641, 19, 40}, {128, 784, 32}};
constexpr int number_of_extents = std::size(extents);
const Extents& at(int size) { return extents[static_cast<std::size_t>(size)]; }

Attributes none(int) { return NoAttributes{}; }
Attributes groups_of_128(int) { return Group{128}; }
// Groups that do not divide and trees of many leaves.
Attributes small_groups(int size) { return Group{size % 2 ? 16 : 7}; }

template <class F, class... More>
Row map_row(std::string name, const Primitive& p, std::vector<Values> inputs,
            std::function<Attributes(int)> attributes = none) {
  return {.name = std::move(name),
          .primitive = &p,
          .kernels = {"map"},
          .sizes = number_of_extents,
          .inputs =
              [inputs](int size) {
                std::vector<In> in;
                for (const Values v : inputs) in.push_back({{at(size).s, at(size).n}, v});
                return in;
              },
          .attributes = std::move(attributes),
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                const auto* factor = std::get_if<Factor>(&a);
                const F f = make_functor<F>(factor ? factor->value : 0);
                with_real(out.dtype, [&]<class T>(T) {
                  for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                    if constexpr (F::arity == 1)
                      out.as<T>()[i] = f(in[0].as<T>()[i]);
                    else
                      out.as<T>()[i] = f(in[0].as<T>()[i], in[1].as<T>()[i]);
                  }
                });
              }};
}

/// Calls f(row, column) for every element of a matrix.
void for_elements(const Shape& shape, const std::function<void(std::int64_t, std::int64_t)>& f) {
  for (std::int64_t s = 0; s < shape[0]; ++s)
    for (std::int64_t c = 0; c < shape.row_elements(); ++c) f(s, c);
}

std::vector<Row> elementwise_rows() {
  using enum Values;
  return {
      map_row<Add>("add", add_p, {real, real}),
      map_row<Subtract>("sub", sub_p, {real, real}),
      map_row<Multiply>("mul", mul_p, {real, real}),
      map_row<Scale>("scale", scale_p, {real}, [](int) { return Factor{-1.7}; }),
      map_row<Relu>("relu", relu_p, {real}),
      map_row<Gate>("gate", gate_p, {positive, real}),
      map_row<Tanh>("tanh", tanh_p, {real}),
      map_row<OneMinusSquare>("one_minus_square", one_minus_square_p, {real}),
      {.name = "constant",
       .primitive = &constant_p,
       .sizes = 2,
       .inputs = [](int) { return std::vector<In>{}; },
       .attributes =
           [](int size) {
             return Constant{0.1, {size + 1, 3, 1, 1, 1}, 2, Dtype::f32};
           },
       .reference = [](Views, const View& out, const Attributes&) { std::ranges::fill(out.span<float>(), 0.1F); }},
  };
}

std::vector<Row> dense_rows() {
  const auto pairs = [](int pairs, bool transpose) {
    return [=](int size) {
      std::vector<In> in;
      for (int p = 0; p < pairs; ++p) {
        const std::int64_t k = at(size).k + 3 * p;
        in.push_back({{at(size).s, k}});
        in.push_back({transpose ? Shape{at(size).n, k} : Shape{k, at(size).n}});
      }
      return in;
    };
  };
  const auto matmul_row = [&](std::string name, int count, bool transpose) {
    return Row{.name = std::move(name),
               .primitive = &matmul_p,
               .kernels = {"matmul"},
               .sizes = number_of_extents,
               .inputs = pairs(count, transpose),
               .attributes =
                   [transpose](int) {
                     return MatmulAttributes{transpose, 128};
                   },
               .reference =
                   [transpose](Views in, const View& out, const Attributes&) {
                     with_real(out.dtype, [&]<class T>(T) { reference::matmul<T>(in, out, transpose); });
                   }};
  };
  const auto weight_gradient_row = [&](std::string name, int count, std::function<Attributes(int)> groups) {
    return Row{.name = std::move(name),
               .primitive = &weight_gradient_p,
               .kernels = {"weight_gradient"},
               .sizes = number_of_extents,
               .inputs =
                   [count](int size) {
                     std::vector<In> in;
                     for (int p = 0; p < count; ++p) {
                       in.push_back({{at(size).s, at(size).k}});
                       in.push_back({{at(size).s, at(size).n}});
                     }
                     return in;
                   },
               .attributes = std::move(groups),
               .reference =
                   [](Views in, const View& out, const Attributes& a) {
                     with_real(out.dtype,
                               [&]<class T>(T) { reference::weight_gradient<T>(in, out, std::get<Group>(a).samples); });
                   }};
  };
  const auto samples_by_columns = [](int size) { return std::vector<In>{{{at(size).s, at(size).n}}}; };
  const auto sum_samples_row = [&](std::string name, std::function<Attributes(int)> groups) {
    return Row{.name = std::move(name),
               .primitive = &sum_samples_p,
               .kernels = {"sum_samples"},
               .sizes = number_of_extents,
               .inputs = samples_by_columns,
               .attributes = std::move(groups),
               .reference = [](Views in, const View& out, const Attributes& a) {
                 with_real(out.dtype,
                           [&]<class T>(T) { reference::sum_samples<T>(in[0], out, std::get<Group>(a).samples); });
               }};
  };
  return {
      matmul_row("matmul", 1, false),
      matmul_row("matmul, two pairs", 2, false),
      matmul_row("matmul, B transposed", 1, true),
      matmul_row("matmul, B transposed, three pairs", 3, true),
      weight_gradient_row("weight_gradient", 1, groups_of_128),
      weight_gradient_row("weight_gradient, two pairs, small groups", 2, small_groups),
      weight_gradient_row("weight_gradient, four pairs", 4, groups_of_128),
      sum_samples_row("sum_samples", groups_of_128),
      sum_samples_row("sum_samples, small groups", small_groups),
      {.name = "add_row",
       .primitive = &add_row_p,
       .kernels = {"add_row"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n}}, {{at(size).n}}};
           },
       .attributes = groups_of_128,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t n = out.shape[1];
               for_elements(out.shape, [&](auto s, auto c) {
                 out.as<T>()[s * n + c] = in[0].as<T>()[s * n + c] + in[1].as<T>()[c];
               });
             });
           }},
      {.name = "broadcast_row",
       .primitive = &broadcast_row_p,
       .kernels = {"broadcast_row"},
       .sizes = number_of_extents,
       .inputs = [](int size) { return std::vector<In>{{{at(size).n}}}; },
       .attributes =
           [](int size) {
             return BroadcastAttributes{at(size).s, 128};
           },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for_elements(out.shape, [&](auto s, auto c) { out.as<T>()[s * out.shape[1] + c] = in[0].as<T>()[c]; });
             });
           }},
      {.name = "broadcast_column",
       .primitive = &broadcast_column_p,
       .kernels = {"broadcast_column"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, 1}}};
           },
       .attributes = [](int size) { return Extent{at(size).n}; },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for_elements(out.shape, [&](auto s, auto c) { out.as<T>()[s * out.shape[1] + c] = in[0].as<T>()[s]; });
             });
           }},
      {.name = "sum_columns",
       .primitive = &sum_columns_p,
       .kernels = {"sum_columns"},
       .sizes = number_of_extents,
       .inputs = samples_by_columns,
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t n = in[0].shape[1];
               for (std::int64_t s = 0; s < out.shape[0]; ++s) {
                 double sum = 0;
                 for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(in[0].as<T>()[s * n + c]);
                 out.as<T>()[s] = static_cast<T>(sum);
               }
             });
           }},
      {.name = "pad_columns",
       .primitive = &pad_columns_p,
       .kernels = {"pad_columns"},
       .sizes = number_of_extents,
       .inputs = samples_by_columns,
       .attributes =
           [](int size) {
             return Columns{size % 3, at(size).n + size % 3 + size % 2};
           },
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t n = in[0].shape[1], before = std::get<Columns>(a).first;
               for_elements(out.shape, [&](auto s, auto c) {
                 const bool inside = c >= before && c < before + n;
                 out.as<T>()[s * out.shape[1] + c] = inside ? in[0].as<T>()[s * n + c - before] : T(0);
               });
             });
           }},
      {.name = "slice_columns",
       .primitive = &slice_columns_p,
       .kernels = {"slice_columns"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n + 3}}};
           },
       .attributes =
           [](int size) {
             return Columns{size % 4, at(size).n};
           },
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t first = std::get<Columns>(a).first;
               for_elements(out.shape, [&](auto s, auto c) {
                 out.as<T>()[s * out.shape[1] + c] = in[0].as<T>()[s * in[0].shape[1] + first + c];
               });
             });
           }},
  };
}

std::vector<Row> loss_rows() {
  const auto logits_and_labels = [](int size) {
    return std::vector<In>{{{at(size).s, at(size).n}}, {{at(size).s}, Values::labels, at(size).n, Dtype::i32}};
  };
  const auto dot_row = [](std::string name, int pairs, std::function<Attributes(int)> groups) {
    return Row{.name = std::move(name),
               .primitive = &sample_dot_p,
               .kernels = {"sample_dot"},
               .sizes = number_of_extents,
               .inputs =
                   [pairs](int size) {
                     return std::vector<In>(static_cast<std::size_t>(2 * pairs), {{at(size).s, at(size).n}});
                   },
               .attributes = std::move(groups),
               .reference =
                   [](Views in, const View& out, const Attributes& a) {
                     with_real(in[0].dtype,
                               [&]<class T>(T) { reference::sample_dot<T>(in, out, std::get<Group>(a).samples); });
                   }};
  };
  const auto cross_entropy_row = [&](std::string name, std::function<Attributes(int)> groups) {
    return Row{.name = std::move(name),
               .primitive = &cross_entropy_p,
               .kernels = {"cross_entropy"},
               .sizes = number_of_extents,
               .inputs = logits_and_labels,
               .attributes = std::move(groups),
               .reference = [](Views in, const View& out, const Attributes& a) {
                 with_real(in[0].dtype, [&]<class T>(T) {
                   const std::int64_t n = in[0].shape[1];
                   *out.as<double>() = reference::over_groups<double>(
                       in[0].shape[0], std::get<Group>(a).samples, [&](std::int64_t first, std::int64_t last) {
                         double chain = 0;
                         for (std::int64_t s = first; s < last; ++s) {
                           const T* f = in[0].as<T>() + s * n;
                           const T m = *std::max_element(f, f + n);
                           double sum = 0;
                           for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(elementary::exp(f[c] - m));
                           chain += elementary::log(sum) +
                                    (static_cast<double>(m) - static_cast<double>(f[in[1].as<std::int32_t>()[s]]));
                         }
                         return chain;
                       });
                 });
               }};
  };
  return {
      cross_entropy_row("cross_entropy", groups_of_128),
      cross_entropy_row("cross_entropy, small groups", small_groups),
      {.name = "softmax",
       .primitive = &softmax_p,
       .kernels = {"softmax"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n}}};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t n = out.shape[1];
               for (std::int64_t s = 0; s < out.shape[0]; ++s) {
                 const T* f = in[0].as<T>() + s * n;
                 const T m = *std::max_element(f, f + n);
                 double sum = 0;
                 for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(elementary::exp(f[c] - m));
                 for (std::int64_t c = 0; c < n; ++c)
                   out.as<T>()[s * n + c] = static_cast<T>(static_cast<double>(elementary::exp(f[c] - m)) / sum);
               }
             });
           }},
      {.name = "one_hot",
       .primitive = &one_hot_p,
       .kernels = {"one_hot"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s}, Values::labels, at(size).n, Dtype::i32}};
           },
       .attributes =
           [](int size) {
             return Constant{1, {at(size).s, at(size).n, 1, 1, 1}, 2, Dtype::f32};
           },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             for_elements(out.shape, [&](auto s, auto c) {
               out.as<float>()[s * out.shape[1] + c] = in[0].as<std::int32_t>()[s] == c ? 1.0F : 0.0F;
             });
           }},
      {.name = "half_sum_of_squares",
       .primitive = &half_sum_of_squares_p,
       .kernels = {"half_sum_of_squares"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n}}};
           },
       .attributes = small_groups,
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const View twice[] = {in[0], in[0]};
               reference::sample_dot<T>(twice, out, std::get<Group>(a).samples);
               *out.as<double>() *= 0.5;
             });
           }},
      dot_row("sample_dot", 1, groups_of_128),
      dot_row("sample_dot, three pairs, small groups", 3, small_groups),
      {.name = "scale_by",
       .primitive = &scale_by_p,
       .kernels = {"scale_by"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{}, Values::real, 0, Dtype::f64}, {{at(size).s, at(size).n}}};
           },
       .attributes = groups_of_128,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i)
                 out.as<T>()[i] = static_cast<T>(*in[0].as<double>()) * in[1].as<T>()[i];
             });
           }},
      {.name = "count_correct",
       .primitive = &count_correct_p,
       .kernels = {"count_correct"},
       .sizes = number_of_extents,
       .inputs = logits_and_labels,
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const std::int64_t n = in[0].shape[1];
               double correct = 0;
               for (std::int64_t s = 0; s < in[0].shape[0]; ++s) {
                 const T* f = in[0].as<T>() + s * n;
                 if (std::max_element(f, f + n) - f == in[1].as<std::int32_t>()[s]) correct += 1;
               }
               *out.as<double>() = correct;
             });
           }},
  };
}

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
       .run = [](Device& d, Views in, const View& out, int) { gather_rows(d, out, in[0], in[1]); }},
      {.name = "divide",
       .kernels = {"map"},
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
       .run = [](Device& d, Views in, const View& out, int) { map<Divide>(d, out, in, 1000); }},
      {.name = "descend",
       .kernels = {"map"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s * 200, at(size).n}}, {{at(size).s * 200, at(size).n}}};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                 const T step = static_cast<T>(0.1) * in[1].as<T>()[i];
                 out.as<T>()[i] = in[0].as<T>()[i] - step;
               }
             });
           },
       .output =
           [](int size, Dtype dtype) {
             return ValueType{{at(size).s * 200, at(size).n}, dtype};
           },
       .run = [](Device& d, Views in, const View& out, int) { map<Descend>(d, out, in, 0.1); }},
  };
}

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
               .run = [=](Device& d, Views in, const View& out, int) { *out.as<double>() = kernel(d, in); }};
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
               .run = [=](Device& d, Views, const View& out, int) { kernel(d, out); }};
  };
  const RandomKey key(7, Stream::test, 3, 4);
  return {
      reduction(
          "sum", 1, [](const auto& a, const auto&) { return reference::sum(a); },
          [](Device& d, Views in) { return cpu::sum(d, in[0]); }),
      reduction(
          "dot", 2, [](const auto& a, const auto& b) { return reference::dot(a, b); },
          [](Device& d, Views in) { return cpu::dot(d, in[0], in[1]); }),
      reduction(
          "norm", 1, [](const auto& a, const auto&) { return std::sqrt(reference::dot(a, a)); },
          [](Device& d, Views in) { return cpu::norm(d, in[0]); }),
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
           [](Device& d, Views in, const View& out, int) {
             Array scratch(Shape{cpu::project_scratch(in[1].shape[0], columns)}, Dtype::f64);
             cpu::project(d, column_set(in[0]), in[1], out.as<double>(), scratch.span<double>().data());
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
       .run = [=](Device& d, Views in, const View& out,
                  int) { cpu::subtract(d, column_set(in[0]), coefficients().data(), in[1], out); }},
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
       .run = [=](Device& d, Views in, const View& out,
                  int) { cpu::combine(d, column_set(in[0]), coefficients().data(), column_set(out)); }},
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
       .run = [](Device& d, Views in, const View& out, int) { cpu::scale(d, in[0], -0.7, out); }},
      random(
          "fill_normal", [key](std::int64_t i) { return 1.5 * normal_at(key, i + 11); },
          [key](Device& d, View out) { cpu::fill_normal(d, out, key, 1.5, 11); }),
      random(
          "fill_uniform", [key](std::int64_t i) { return uniform_at(key, i + 12); },
          [key](Device& d, View out) { cpu::fill_uniform(d, out, key, 12); }),
  };
}

}  // namespace

const std::vector<Row>& table() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (auto part : {elementwise_rows(), dense_rows(), loss_rows(), vector_rows(), kernel_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

std::vector<Array> make_inputs(const Row& row, int size, Dtype dtype, bool smooth) {
  std::vector<Array> out;
  std::uint32_t state = 2463534242U + static_cast<std::uint32_t>(size);
  const auto next = [&] {  // xorshift: test values only
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  };
  for (const In& in : row.inputs(size)) {
    const Dtype type = in.dtype == Dtype::f32 ? dtype : in.dtype;
    Array a(in.shape, type);
    if (type == Dtype::i32) {
      for (std::int32_t& x : a.span<std::int32_t>())
        x = static_cast<std::int32_t>(next() % static_cast<std::uint32_t>(in.bound));
    } else {
      with_real(type, [&]<class T>(T) {
        for (T& x : a.span<T>()) {
          const std::uint32_t r = next();
          const double size_one = (r % 20011 + 1) / 20011.0;  // in (0, 1]
          double value = 0.1 + 1.9 * size_one;
          if (r & 0x100000) value = -value;
          if (!smooth && r % 13 == 0) value = 0;
          if (!smooth && r % 17 == 0) value = -0.0;
          if (!smooth && in.values == Values::positive && value < 0) value = 0;
          x = static_cast<T>(value);
        }
      });
    }
    out.push_back(std::move(a));
  }
  return out;
}

std::vector<View> views(const std::vector<Array>& arrays) {
  std::vector<View> out;
  for (const Array& a : arrays) out.push_back(a.view());
  return out;
}

ValueType output_type(const Row& row, int size, Dtype dtype, std::span<const View> in) {
  if (!row.primitive) return row.output(size, dtype);
  std::vector<ValueType> types;
  for (const View& v : in) types.push_back({v.shape, v.dtype});
  return row.primitive->shape(types, row.attributes(size))[0];
}

}  // namespace brink::cases
