// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/isa.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/norm_isa.h"

namespace brink::cpu {

using std::int64_t;

void group_sum(Device&, View out, View x, int64_t group, View) {
  with_real(x.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) { group_sum_isa<I, T>(GroupedRows(x.shape, group), x.as<T>(), out.as<T>()); });
  });
}

void group_dot(Device&, View out, std::span<const View> factors, int64_t group, View) {
  with_real(out.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) { group_dot_isa<I, T>(GroupedRows(factors[0].shape, group), factors, out.as<T>()); });
  });
}

void ghost_norm(Device&, std::span<const View> out, View x, View gamma, View beta, int64_t group, double epsilon, View,
                const Epilogue* epilogue) {
  with_real(x.dtype, [&]<class T>(T) {
    const GhostNormCall<T> call{x.as<T>(),      gamma.as<T>(),  beta.as<T>(),   out[0].as<T>(), out[1].as<T>(),
                                out[2].as<T>(), out[3].as<T>(), out[4].as<T>(), epsilon,        Finish<T>(epilogue)};
    with_isa([&]<class I>(I) { ghost_norm_isa<I, T>(GroupedRows(x.shape, group), call); });
  });
}

void group_affine(Device&, View out, std::span<const View> terms, int64_t group, const Epilogue* epilogue) {
  with_real(out.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      group_affine_isa<I, T>(GroupedRows(out.shape, group), terms, out.as<T>(), Finish<T>(epilogue));
    });
  });
}

void group_broadcast(Device&, View out, View r, int64_t group) {
  with_real(out.dtype, [&]<class T>(T) {
    const GroupedRows rows(out.shape, group);
    T* to = out.as<T>();
    for (int64_t g = 0; g < rows.groups(); ++g)
      for (int64_t i = 0; i < rows.rows_of(g); ++i, to += rows.channels)
        std::copy_n(r.as<T>() + g * rows.channels, rows.channels, to);
  });
}

void weigh_groups(Device&, View out, View r, int64_t samples, int64_t group, int64_t pixels, bool divide) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t groups = r.shape[0], n = r.shape[1];
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t own = (g + 1) * group < samples ? group : samples - g * group;
      const T weight = static_cast<T>(divide ? own * pixels : own);
      for (int64_t c = 0; c < n; ++c)
        out.as<T>()[g * n + c] = divide ? r.as<T>()[g * n + c] / weight : r.as<T>()[g * n + c] * weight;
    }
  });
}

}  // namespace brink::cpu
