// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>

#include "kernels/norm/norm.cuh"

namespace brink::cuda {

using std::int64_t;

namespace {

/// keep(i, total, n) for every group and channel of `terms`.
template <class Terms, class Keep>
void over_groups(Device& d, const GroupedRows& rows, const Terms& terms, View scratch, const Keep& keep) {
  const int64_t last = rows.groups() - 1, a_group = rows.panels_of(0).count(),
                panels = last * a_group + rows.panels_of(last).count();
  auto* const partial = static_cast<double*>(scratch.data);
  launch(d, panel_kernel<Terms>, {blocks_for(panels * rows.channels, panel_threads)}, {panel_threads}, rows, a_group,
         panels, terms, partial);
  launch(d, finish_kernel<Keep>, {static_cast<unsigned>(rows.groups()), blocks_for(rows.channels, tree_channels)},
         {tree_channels * tree_warps}, rows, a_group, partial, keep);
}

void expect_at_most(const char* name, std::size_t found, std::size_t most) {
  if (found > most)
    throw std::length_error("[" + std::string(name) + "] " + std::to_string(found) + " operands; expected at most " +
                            std::to_string(most) + " on a CUDA device");
}

}  // namespace

void group_sum(Device& d, View out, View x, int64_t group, View scratch) {
  with_real(x.dtype, [&]<class T>(T) {
    over_groups(d, GroupedRows(x.shape, group), SumTerms<T>{x.as<T>()}, scratch, KeepTotal<T>{out.as<T>()});
  });
}

void group_dot(Device& d, View out, std::span<const View> factors, int64_t group, View scratch) {
  expect_at_most("group_dot", factors.size(), most_factors);
  with_real(out.dtype, [&]<class T>(T) {
    DotTerms<T> terms{};
    for (std::size_t i = 0; i < factors.size(); ++i) terms.factor[i] = factors[i].as<T>();
    terms.pairs = static_cast<int>(factors.size() / 2);
    over_groups(d, GroupedRows(factors[0].shape, group), terms, scratch, KeepTotal<T>{out.as<T>()});
  });
}

void ghost_norm(Device& d, std::span<const View> out, View x, View gamma, View beta, int64_t group, double epsilon,
                View scratch, const Epilogue* epilogue) {
  with_real(x.dtype, [&]<class T>(T) {
    const GroupedRows rows(x.shape, group);
    T *const from = x.as<T>(), *const a = gamma.as<T>(), *const b = beta.as<T>(), *const y = out[0].as<T>(),
             *const normalised = out[1].as<T>(), *const inverse = out[2].as<T>(), *const mean = out[3].as<T>();
    over_groups(d, rows, SumTerms<T>{from}, scratch, KeepMean<T>{mean});
    over_groups(d, rows, SquareTerms<T>{from, mean}, scratch, KeepRoots<T>{inverse, out[4].as<T>(), epsilon});
    const auto pass = [&]<int width>(std::integral_constant<int, width>) {
      const Cells cells = cells_of(rows.rows(), rows.channels / width);
      launch(d, normalise_kernel<width, T>, cells_grid(cells), {elementwise_threads}, cells, rows.group * rows.pixels,
             from, a, b, mean, inverse, y, normalised, Finish<T>(epilogue));
    };
    if (rows.channels % pack_width<T> == 0 && packable(from, a, b, y, normalised, inverse, mean))
      pass(std::integral_constant<int, pack_width<T>>{});
    else
      pass(std::integral_constant<int, 1>{});
  });
}

void group_affine(Device& d, View out, std::span<const View> terms, int64_t group, const Epilogue* epilogue) {
  expect_at_most("group_affine", terms.size(), most_terms);
  with_real(out.dtype, [&]<class T>(T) {
    const GroupedRows rows(out.shape, group);
    AffineTerms<T> call{};
    bool packs = rows.channels % pack_width<T> == 0 && packable(out.as<T>());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      call.term[i] = terms[i].as<T>();
      packs = packs && packable(call.term[i]);
    }
    call.pairs = static_cast<int>(terms.size() / 2);
    call.bias = terms.size() % 2 == 1;
    const auto pass = [&]<int width>(std::integral_constant<int, width>) {
      const Cells cells = cells_of(rows.rows(), rows.channels / width);
      launch(d, affine_kernel<width, T>, cells_grid(cells), {elementwise_threads}, cells, rows.group * rows.pixels,
             call, out.as<T>(), Finish<T>(epilogue));
    };
    if (packs)
      pass(std::integral_constant<int, pack_width<T>>{});
    else
      pass(std::integral_constant<int, 1>{});
  });
}

void group_broadcast(Device& d, View out, View r, int64_t group) {
  with_real(out.dtype, [&]<class T>(T) {
    const GroupedRows rows(out.shape, group);
    const Cells cells = cells_of(rows.rows(), rows.channels);
    launch(d, group_broadcast_kernel<T>, cells_grid(cells), {elementwise_threads}, cells, rows.group * rows.pixels,
           out.as<T>(), r.as<T>());
  });
}

void weigh_groups(Device& d, View out, View r, int64_t samples, int64_t group, int64_t pixels, bool divide) {
  with_real(out.dtype, [&]<class T>(T) {
    const Cells cells = cells_of(r.shape[0], r.shape[1]);
    launch(d, weigh_groups_kernel<T>, cells_grid(cells), {elementwise_threads}, cells, samples, group, pixels, divide,
           out.as<T>(), r.as<T>());
  });
}

}  // namespace brink::cuda
