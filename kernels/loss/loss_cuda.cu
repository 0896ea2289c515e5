// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <string>

#include "kernels/loss/loss.cuh"
#include "kernels/loss/loss.h"

namespace brink::cuda {

using std::int64_t;

namespace {
int64_t groups_of(int64_t samples, int64_t group) { return (samples + group - 1) / group; }
}  // namespace

void cross_entropy(Device& d, View loss, View f, View labels, int64_t group) {
  with_real(f.dtype, [&]<class T>(T) {
    const int64_t samples = f.shape[0];
    tree_of_blocks(
        d, groups_of(samples, group), 1.0, loss.as<double>(), [&](int64_t first, int64_t count, double* partials) {
          launch(d, cross_entropy_kernel<T>, {static_cast<unsigned>(count)}, {cross_entropy_threads}, samples,
                 f.shape.row_elements(), f.as<T>(), labels.as<std::int32_t>(), group, first, partials);
        });
  });
}

void cross_entropy_gradient(Device& d, View delta, View p, View f, View labels) {
  with_real(f.dtype, [&]<class T>(T) {
    launch(d, cross_entropy_gradient_kernel<T>, {blocks_for(f.shape[0], gradient_rows)}, {gradient_threads}, f.shape[0],
           f.shape.row_elements(), f.as<T>(), labels.as<std::int32_t>(), delta.as<T>(), p.as<T>());
  });
}

void minus_leading(Device& d, View out, View x, View p) {
  with_real(x.dtype, [&]<class T>(T) {
    launch(d, minus_leading_kernel<T>, {blocks_for(x.shape[0], elementwise_threads)}, {elementwise_threads}, x.shape[0],
           x.shape.row_elements(), out.as<T>(), x.as<T>(), p.as<T>());
  });
}

void balance_leading(Device& d, View out, View x, View p) {
  with_real(x.dtype, [&]<class T>(T) {
    launch(d, balance_leading_kernel<T>, {blocks_for(x.shape[0], elementwise_threads)}, {elementwise_threads},
           x.shape[0], x.shape.row_elements(), out.as<T>(), x.as<T>(), p.as<T>());
  });
}

void half_sum_of_squares(Device& d, View loss, View x, int64_t group) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t samples = x.shape[0];
    tree_of_blocks(d, groups_of(samples, group), 0.5, loss.as<double>(),
                   [&](int64_t first, int64_t count, double* partials) {
                     launch(d, half_sum_of_squares_kernel<T>, {static_cast<unsigned>(count)}, {samples_at_once},
                            samples, x.shape.row_elements(), x.as<T>(), group, first, partials);
                   });
  });
}

void sample_dot(Device& d, View out, std::span<const View> factors, int64_t group) {
  if (factors.size() > 2 * most_pairs)
    throw std::length_error("[sample_dot] " + std::to_string(factors.size() / 2) +
                            " pairs of factors; expected at most " + std::to_string(most_pairs) + " on a CUDA device");
  with_real(factors[0].dtype, [&]<class T>(T) {
    const int64_t samples = factors[0].shape[0];
    Pairs<T> pairs{};
    for (const View& v : factors) pairs.factor[&v - factors.data()] = v.as<T>();
    pairs.count = static_cast<int>(factors.size() / 2);
    tree_of_blocks(d, groups_of(samples, group), 1.0, out.as<double>(),
                   [&](int64_t first, int64_t count, double* partials) {
                     launch(d, sample_dot_kernel<T>, {static_cast<unsigned>(count)}, {samples_at_once}, samples,
                            factors[0].shape.row_elements(), pairs, group, first, partials);
                   });
  });
}

}  // namespace brink::cuda
