// SPDX-License-Identifier: MIT
// The rows of losses and of kernels that index by label.
#include <algorithm>
#include <cmath>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "kernels/functions/elementary.h"
#include "kernels/index/index.h"
#include "tests/cases/rows.h"
#include "tests/reference/reference.h"

namespace brink::cases {

namespace {

/// The first of the largest of n values; a NaN counts as larger than all before it.
template <class T>
std::int64_t leading_class(const T* f, std::int64_t n) {
  std::int64_t leading = 0;
  for (std::int64_t c = 1; c < n; ++c)
    if (f[c] > f[leading] || std::isnan(f[c])) leading = c;
  return leading;
}

/// exp(f[c] − max f) in float64
template <class T>
std::vector<double> exponentials(const T* f, std::int64_t n) {
  std::vector<double> e;
  const auto max = static_cast<double>(f[leading_class(f, n)]);
  for (std::int64_t c = 0; c < n; ++c) e.push_back(elementary::exp(static_cast<double>(f[c]) - max));
  return e;
}

/// Σ x[c] over c ascending, without x[left_out] where that exists
template <class T>
double chain_without(const T* x, std::int64_t n, std::int64_t left_out) {
  double chain = 0;
  for (std::int64_t c = 0; c < n; ++c)
    if (c != left_out) chain += static_cast<double>(x[c]);
  return chain;
}

template <class T>
void cross_entropy_gradient(Views in, Views out) {
  const std::int64_t n = in[0].shape[1];
  for (std::int64_t s = 0; s < in[0].shape[0]; ++s) {
    const std::vector<double> e = exponentials(in[0].as<T>() + s * n, n);
    const std::int64_t label = in[1].as<std::int32_t>()[s];
    T *delta = out[0].as<T>() + s * n, *p = out[1].as<T>() + s * n;
    const double sum = chain_without(e.data(), n, -1);
    for (std::int64_t c = 0; c < n; ++c)
      delta[c] = p[c] = static_cast<T>(static_cast<double>(static_cast<T>(e[static_cast<std::size_t>(c)])) / sum);
    delta[label] = static_cast<T>(-(chain_without(e.data(), n, label) / sum));
  }
}

/// y(x row, out row, n, leading class) for each row of x and p
template <class T, class Y>
void with_leading(Views in, const View& out, const Y& y) {
  const std::int64_t n = out.shape[1];
  for (std::int64_t s = 0; s < out.shape[0]; ++s)
    y(in[0].as<T>() + s * n, out.as<T>() + s * n, n, leading_class(in[1].as<T>() + s * n, n));
}

}  // namespace

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
                               [&]<class T>(T) { reference::sample_dot<T>(in, out, a.as<Group>().samples); });
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
                       in[0].shape[0], a.as<Group>().samples, [&](std::int64_t first, std::int64_t last) {
                         double chain = 0;
                         for (std::int64_t s = first; s < last; ++s) {
                           const T* f = in[0].as<T>() + s * n;
                           const std::int64_t leading = leading_class(f, n);
                           const std::vector<double> e = exponentials(f, n);
                           chain +=
                               elementary::log1p(chain_without(e.data(), n, leading)) +
                               (static_cast<double>(f[leading]) - static_cast<double>(f[in[1].as<std::int32_t>()[s]]));
                         }
                         return chain;
                       });
                 });
               }};
  };
  const auto leading_row = [](const std::string& name, const Primitive& primitive, Values p, auto reference) {
    return Row{.name = name,
               .primitive = &primitive,
               .kernels = {std::string(primitive.name)},
               .sizes = number_of_extents,
               .inputs =
                   [p](int size) {
                     return std::vector<In>{{{at(size).s, at(size).n}}, {{at(size).s, at(size).n}, p}};
                   },
               .attributes = none,
               .reference = reference};
  };
  const auto minus = [](Views in, const View& out, const Attributes&) {
    with_real(out.dtype, [&]<class T>(T) {
      with_leading<T>(in, out, [](const T* x, T* y, std::int64_t n, std::int64_t leading) {
        for (std::int64_t c = 0; c < n; ++c) y[c] = x[c] - x[leading];
      });
    });
  };
  const auto balance = [](Views in, const View& out, const Attributes&) {
    with_real(out.dtype, [&]<class T>(T) {
      with_leading<T>(in, out, [](const T* x, T* y, std::int64_t n, std::int64_t leading) {
        std::copy_n(x, n, y);
        y[leading] = static_cast<T>(-chain_without(x, n, leading));
      });
    });
  };
  return {
      cross_entropy_row("cross_entropy", groups_of_128),
      cross_entropy_row("cross_entropy, small groups", small_groups),
      cross_entropy_row("cross_entropy, large groups", large_groups),
      {.name = "cross_entropy_gradient",
       .primitive = &cross_entropy_gradient_p,
       .kernels = {"cross_entropy_gradient"},
       .sizes = number_of_extents,
       .inputs = logits_and_labels,
       .attributes = none,
       .reference = {},
       .references =
           [](Views in, Views out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) { cross_entropy_gradient<T>(in, out); });
           }},
      leading_row("minus_leading", minus_leading_p, Values::distinct, minus),
      leading_row("minus_leading, NaN", minus_leading_p, Values::some_nan, minus),
      leading_row("balance_leading", balance_leading_p, Values::distinct, balance),
      leading_row("balance_leading, NaN", balance_leading_p, Values::some_nan, balance),
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
       .attributes = all_groups,
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(in[0].dtype, [&]<class T>(T) {
               const View twice[] = {in[0], in[0]};
               reference::sample_dot<T>(twice, out, a.as<Group>().samples);
               *out.as<double>() *= 0.5;
             });
           }},
      dot_row("sample_dot", 1, groups_of_128),
      dot_row("sample_dot, three pairs, small groups", 3, small_groups),
      dot_row("sample_dot, two pairs, large groups", 2, large_groups),
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

}  // namespace brink::cases
