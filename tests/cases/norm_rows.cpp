// SPDX-License-Identifier: MIT
// The rows of ghost-group statistics and normalisation.
#include "autodiff/primitives/norm.h"
#include "tests/cases/rows.h"
#include "tests/reference/norm_reference.h"

namespace brink::cases {

namespace {

// By hand; pixels and no pixels; primes; a short last group; panels of several samples, of one, of parts of one (256 rows); vectors
// of channels whole and not; more panels than a block of threads has warps.
struct Normed {
  Shape x;
  std::int64_t group;
};
const Normed normed[] = {{{2, 1}, 2},          {{4, 1, 2, 1}, 2},    {{7, 3, 2, 3}, 3},    {{10, 5}, 4},
                         {{5, 4, 4, 16}, 2},   {{3, 7, 5, 13}, 2},   {{9, 10, 11, 7}, 5},  {{4, 16, 16, 8}, 3},
                         {{3, 17, 19, 40}, 2}, {{65, 2, 3, 24}, 32}, {{70, 5, 5, 33}, 64}, {{7, 32, 32, 68}, 5},
                         {{300, 3}, 128}};
const Normed& of(int size) { return normed[static_cast<std::size_t>(size)]; }
Shape statistics(int size) {
  const Normed& n = of(size);
  return {(n.x[0] + n.group - 1) / n.group, n.x[n.x.rank - 1]};
}
Attributes group_of(int size) { return Group{of(size).group}; }

/// each(group, channel, element of the statistics)
template <class Each>
void over_statistics(const Shape& x, std::int64_t group, const Each& each) {
  const auto groups = reference::groups_of(x, group);
  const std::int64_t channels = x[x.rank - 1];
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::int64_t c = 0; c < channels; ++c) each(groups[g], c, static_cast<std::int64_t>(g) * channels + c);
}
/// each(element of x, element of the statistics)
template <class Each>
void over_elements(const Shape& x, std::int64_t group, const Each& each) {
  const std::int64_t channels = x[x.rank - 1];
  over_statistics(x, group, [&](const reference::GroupRows& g, std::int64_t c, std::int64_t r) {
    for (std::int64_t row = g.first_sample * g.pixels; row < (g.first_sample + g.samples) * g.pixels; ++row)
      each(row * channels + c, r);
  });
}

template <class T>
void ghost_norm(Views in, Views out, const NormAttributes& a) {
  const Shape& shape = in[0].shape;
  const std::int64_t channels = shape[shape.rank - 1];
  const T *x = in[0].as<T>(), *gamma = in[1].as<T>(), *beta = in[2].as<T>();
  T *y = out[0].as<T>(), *hat = out[1].as<T>(), *inverse = out[2].as<T>(), *mean = out[3].as<T>(),
    *deviation = out[4].as<T>();
  over_statistics(shape, a.group, [&](const reference::GroupRows& g, std::int64_t c, std::int64_t r) {
    const auto n = static_cast<double>(g.samples * g.pixels);
    const double sum =
        group_total(g, 1, [&](int, std::int64_t row, double chain) { return chain + x[row * channels + c]; });
    mean[r] = static_cast<T>(sum / n);
    const double squares = group_total(g, 1, [&](int, std::int64_t row, double chain) {
      const double d = static_cast<double>(x[row * channels + c]) - static_cast<double>(mean[r]);
      return std::fma(d, d, chain);
    });
    const double root = std::sqrt(squares / n + a.epsilon);
    deviation[r] = static_cast<T>(root);
    inverse[r] = static_cast<T>(1 / root);
  });
  over_elements(shape, a.group, [&](std::int64_t i, std::int64_t r) {
    const T centred = x[i] - mean[r];
    hat[i] = centred * inverse[r];
    y[i] = std::fma(hat[i], gamma[i % channels], beta[i % channels]);
  });
}

Row ghost_norm_row(std::string name, double epsilon) {
  return {.name = std::move(name),
          .primitive = &ghost_norm_p,
          .kernels = {"ghost_norm"},
          .sizes = std::size(normed),
          .inputs =
              [](int size) {
                const Shape row{statistics(size)[1]};
                return std::vector<In>{{of(size).x, Values::distinct}, {row}, {row}};
              },
          .attributes =
              [epsilon](int size) {
                return NormAttributes{of(size).group, epsilon};
              },
          .reference = {},
          .references =
              [](Views in, Views out, const Attributes& a) {
                with_real(in[0].dtype, [&]<class T>(T) { ghost_norm<T>(in, out, a.as<NormAttributes>()); });
              }};
}

Row dot_row(std::string name, int pairs) {
  return {.name = std::move(name),
          .primitive = &group_dot_p,
          .kernels = {"group_dot"},
          .sizes = std::size(normed),
          .inputs = [pairs](int size) { return std::vector<In>(static_cast<std::size_t>(2 * pairs), {of(size).x}); },
          .attributes = group_of,
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                with_real(out.dtype, [&]<class T>(T) {
                  const std::int64_t channels = out.shape[1];
                  over_statistics(
                      in[0].shape, a.as<Group>().samples,
                      [&](const reference::GroupRows& g, std::int64_t c, std::int64_t r) {
                        out.as<T>()[r] = static_cast<T>(reference::group_total(
                            g, static_cast<int>(in.size() / 2), [&](int pair, std::int64_t row, double chain) {
                              const auto i = static_cast<std::size_t>(2 * pair);
                              return std::fma(static_cast<double>(in[i].as<T>()[row * channels + c]),
                                              static_cast<double>(in[i + 1].as<T>()[row * channels + c]), chain);
                            }));
                      });
                });
              }};
}

Row affine_row(std::string name, int pairs, bool bias) {
  return {.name = std::move(name),
          .primitive = &group_affine_p,
          .kernels = {"group_affine"},
          .sizes = std::size(normed),
          .inputs =
              [pairs, bias](int size) {
                std::vector<In> in;
                for (int i = 0; i < pairs; ++i) {
                  in.push_back({of(size).x});
                  in.push_back({statistics(size)});
                }
                if (bias) in.push_back({statistics(size)});
                return in;
              },
          .attributes = group_of,
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                with_real(out.dtype, [&]<class T>(T) {
                  const bool biased = in.size() % 2 == 1;
                  over_elements(out.shape, a.as<Group>().samples, [&](std::int64_t i, std::int64_t r) {
                    T acc = biased ? in.back().as<T>()[r] : in[0].as<T>()[i] * in[1].as<T>()[r];
                    for (std::size_t k = biased ? 0 : 2; k + 1 < in.size(); k += 2)
                      acc = std::fma(in[k].as<T>()[i], in[k + 1].as<T>()[r], acc);
                    out.as<T>()[i] = acc;
                  });
                });
              }};
}

Row weigh_row(std::string name, bool divide) {
  return {.name = std::move(name),
          .primitive = &weigh_groups_p,
          .kernels = {"weigh_groups"},
          .sizes = std::size(normed),
          .inputs = [](int size) { return std::vector<In>{{statistics(size)}}; },
          .attributes =
              [divide](int size) {
                const Shape& x = of(size).x;
                return GroupWeights{x[0], of(size).group, x.elements() / x[0] / x[x.rank - 1], divide};
              },
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                with_real(out.dtype, [&]<class T>(T) {
                  const auto& w = a.as<GroupWeights>();
                  const auto groups = reference::groups_of({w.samples, w.pixels, 1}, w.group);
                  for_elements(out.shape, [&](auto g, auto c) {
                    const std::int64_t samples = groups[static_cast<std::size_t>(g)].samples, i = g * out.shape[1] + c;
                    const T r = in[0].as<T>()[i];
                    out.as<T>()[i] = w.divide ? r / static_cast<T>(samples * w.pixels) : r * static_cast<T>(samples);
                  });
                });
              }};
}

}  // namespace

std::vector<Row> norm_rows() {
  return {
      ghost_norm_row("ghost_norm", 1e-5),
      ghost_norm_row("ghost_norm, large epsilon", 0.3),
      {.name = "group_sum",
       .primitive = &group_sum_p,
       .kernels = {"group_sum"},
       .sizes = std::size(normed),
       .inputs = [](int size) { return std::vector<In>{{of(size).x}}; },
       .attributes = group_of,
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t channels = out.shape[1];
               over_statistics(in[0].shape, a.as<Group>().samples,
                               [&](const reference::GroupRows& g, std::int64_t c, std::int64_t r) {
                                 out.as<T>()[r] = static_cast<T>(
                                     reference::group_total(g, 1, [&](int, std::int64_t row, double chain) {
                                       return chain + static_cast<double>(in[0].as<T>()[row * channels + c]);
                                     }));
                               });
             });
           }},
      dot_row("group_dot", 1),
      dot_row("group_dot, three pairs", 3),
      affine_row("group_affine", 1, false),
      affine_row("group_affine, two pairs and b", 2, true),
      affine_row("group_affine, six pairs and b", 6, true),
      affine_row("group_affine, five pairs", 5, false),
      {.name = "group_broadcast",
       .primitive = &group_broadcast_p,
       .kernels = {"group_broadcast"},
       .sizes = std::size(normed),
       .inputs = [](int size) { return std::vector<In>{{statistics(size)}}; },
       .attributes =
           [](int size) {
             return GroupedShape{of(size).group, of(size).x.extent, of(size).x.rank};
           },
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               over_elements(out.shape, a.as<GroupedShape>().group,
                             [&](std::int64_t i, std::int64_t r) { out.as<T>()[i] = in[0].as<T>()[r]; });
             });
           }},
      weigh_row("weigh_groups, over values", true),
      weigh_row("weigh_groups, times samples", false),
  };
}

}  // namespace brink::cases
