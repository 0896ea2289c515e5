// SPDX-License-Identifier: MIT
// The rows of losses and of what indexes by label.
#include <algorithm>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/losses.h"
#include "kernels/functions/elementary.h"
#include "kernels/index/index.h"
#include "tests/cases/rows.h"
#include "tests/reference/reference.h"

namespace brink::cases {

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
      cross_entropy_row("cross_entropy, large groups", large_groups),
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
