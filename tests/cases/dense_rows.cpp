// SPDX-License-Identifier: MIT
// The rows of matrix products, sums over samples and broadcasts.
#include "autodiff/primitives/dense.h"
#include "tests/cases/rows.h"
#include "tests/reference/reference.h"

namespace brink::cases {

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
                     return MatmulAttributes{128, transpose};
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
                               [&]<class T>(T) { reference::weight_gradient<T>(in, out, a.as<Group>().samples); });
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
                           [&]<class T>(T) { reference::sum_samples<T>(in[0], out, a.as<Group>().samples); });
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
      weight_gradient_row("weight_gradient, large groups", 1, large_groups),
      sum_samples_row("sum_samples", groups_of_128),
      sum_samples_row("sum_samples, small groups", small_groups),
      sum_samples_row("sum_samples, large groups", large_groups),
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
               const std::int64_t n = in[0].shape[1], before = a.as<Columns>().first;
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
               const std::int64_t first = a.as<Columns>().first;
               for_elements(out.shape, [&](auto s, auto c) {
                 out.as<T>()[s * out.shape[1] + c] = in[0].as<T>()[s * in[0].shape[1] + first + c];
               });
             });
           }},
  };
}

}  // namespace brink::cases
