// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/isa.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_isa.h"

namespace brink::cpu {

namespace {
template <class T>
std::array<Product<T>, max_factor_pairs> products_of(std::span<const View> factors) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  std::array<Product<T>, max_factor_pairs> out{};
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2)
    out[i / 2] = {factors[i].as<T>(), factors[i + 1].as<T>(), factors[i].shape[1]};
  return out;
}
}  // namespace

void matmul(Device&, View c, std::span<const View> factors, bool transpose_b, View scratch, const Epilogue* epilogue) {
  with_real(c.dtype, [&]<class T>(T) {
    const MatmulCall<T> call{c.shape[0],
                             c.shape[1],
                             c.as<T>(),
                             products_of<T>(factors),
                             static_cast<int>(factors.size() / 2),
                             transpose_b,
                             Finish<T>(epilogue),
                             static_cast<T*>(scratch.data)};
    with_isa([&]<class I>(I) { matmul_isa<I, T>(call); });
  });
}

std::int64_t matmul_scratch_bytes(std::int64_t largest_k, std::int64_t n, Dtype dtype) {
  const std::int64_t depth = largest_k < k_block ? largest_k : k_block;
  const std::int64_t packed_a = n >= packed_a_from_columns ? (row_block + 8) * depth : 0;
  return (depth * padded_columns(n, size_of(dtype)) + packed_a) * size_of(dtype);
}

void weight_gradient(Device&, View w, std::span<const View> factors, std::int64_t group, View scratch) {
  with_real(w.dtype, [&]<class T>(T) {
    const WeightGradientCall<T> call{factors[0].shape[0],
                                     w.shape[0],
                                     w.shape[1],
                                     group,
                                     w.as<T>(),
                                     products_of<T>(factors),
                                     static_cast<int>(factors.size() / 2),
                                     static_cast<T*>(scratch.data)};
    with_isa([&]<class I>(I) { weight_gradient_isa<I, T>(call); });
  });
}

std::int64_t weight_gradient_scratch_bytes(std::int64_t samples, std::int64_t k, std::int64_t n, int pairs,
                                           std::int64_t group, Dtype dtype) {
  const std::int64_t groups = (samples + group - 1) / group, longest = samples < group ? samples : group;
  return (tree_levels(groups) * k + pairs * longest) * padded_columns(n, size_of(dtype)) * size_of(dtype);
}

void sum_samples(Device&, View b, View d, std::int64_t group, View scratch) {
  with_real(b.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      sum_samples_isa<I, T>(grouped_panels(d.shape, group), b.shape.elements(), d.as<T>(), b.as<T>(),
                            static_cast<T*>(scratch.data));
    });
  });
}

std::int64_t sum_samples_scratch_bytes(const Shape& d, std::int64_t group, Dtype dtype) {
  const GroupedPanels p = grouped_panels(d, group);
  return (2 + tree_levels(p.groups()) + tree_levels(p.count(0))) * d[d.rank - 1] * size_of(dtype);
}

}  // namespace brink::cpu
