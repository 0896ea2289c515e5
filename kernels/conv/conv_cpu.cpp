// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/isa.h"

namespace brink::cpu {

namespace {
template <class T>
ConvCall<T> call_of(View out, std::span<const View> factors, const ConvShape& shape, std::int64_t group, View scratch) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  ConvCall<T> call{
      shape, out.as<T>(), {}, {}, static_cast<int>(factors.size() / 2), group, static_cast<T*>(scratch.data)};
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
    call.a[i / 2] = factors[i].as<T>();
    call.b[i / 2] = factors[i + 1].as<T>();
  }
  return call;
}
}  // namespace

void conv2d(Device&, View y, std::span<const View> factors, const ConvShape& shape, View scratch) {
  with_real(y.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(y, factors, shape, 0, scratch);
    with_isa([&]<class I>(I) { conv2d_isa<I, T>(call); });
  });
}

std::int64_t conv2d_scratch_bytes(const ConvShape&, int, Dtype) { return 0; }

void conv2d_input_gradient(Device&, View x, std::span<const View> factors, const ConvShape& shape, View scratch) {
  with_real(x.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(x, factors, shape, 0, scratch);
    with_isa([&]<class I>(I) { conv2d_input_gradient_isa<I, T>(call); });
  });
}

std::int64_t conv2d_input_gradient_scratch_bytes(const ConvShape& shape, int pairs, Dtype dtype) {
  return pairs * shape.weights() * size_of(dtype);
}

void conv2d_weight_gradient(Device&, View w, std::span<const View> factors, const ConvShape& shape, std::int64_t group,
                            View scratch) {
  with_real(w.dtype, [&]<class T>(T) {
    const ConvCall<T> call = call_of<T>(w, factors, shape, group, scratch);
    with_isa([&]<class I>(I) { conv2d_weight_gradient_isa<I, T>(call); });
  });
}

std::int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape&, int, std::int64_t, Dtype) { return 0; }

}  // namespace brink::cpu
