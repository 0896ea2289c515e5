// SPDX-License-Identifier: MIT
#include <cassert>

#include "kernels/conv/conv.cuh"
#include "kernels/conv/conv.h"
#include "kernels/cuda/launch.h"

namespace brink::cuda {

namespace {
template <class T>
ConvPairs<T> pairs_of(std::span<const View> factors) {
  assert(factors.size() % 2 == 0 && factors.size() <= 2 * max_factor_pairs);
  ConvPairs<T> out{};
  out.count = static_cast<std::int32_t>(factors.size() / 2);
  for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
    out.a[i / 2] = factors[i].as<T>();
    out.b[i / 2] = factors[i + 1].as<T>();
  }
  return out;
}
}  // namespace

void conv2d(Device& d, View y, std::span<const View> factors, const ConvShape& shape, View,
            const Epilogue* epilogue) {
  with_real(y.dtype, [&]<class T>(T) {
    launch(d, conv2d_kernel<T>, {blocks_for(y.shape.elements(), 256)}, {256}, y.as<T>(), shape, pairs_of<T>(factors),
           Finish<T>(epilogue));
  });
}

std::int64_t conv2d_scratch_bytes(const ConvShape&, int, Dtype) { return 0; }

void conv2d_input_gradient(Device& d, View x, std::span<const View> factors, const ConvShape& shape, View,
                           const Epilogue* epilogue) {
  with_real(x.dtype, [&]<class T>(T) {
    launch(d, conv2d_input_gradient_kernel<T>, {blocks_for(x.shape.elements(), 256)}, {256}, x.as<T>(), shape,
           pairs_of<T>(factors), Finish<T>(epilogue));
  });
}

std::int64_t conv2d_input_gradient_scratch_bytes(const ConvShape&, int, Dtype) { return 0; }

void conv2d_weight_gradient(Device& d, View w, std::span<const View> factors, const ConvShape& shape,
                            std::int64_t group, View) {
  with_real(w.dtype, [&]<class T>(T) {
    launch(d, conv2d_weight_gradient_kernel<T>, {blocks_for(w.shape.elements(), 256)}, {256}, w.as<T>(), shape,
           shape.panels(group), pairs_of<T>(factors));
  });
}

std::int64_t conv2d_weight_gradient_scratch_bytes(const ConvShape&, int, std::int64_t, Dtype) { return 0; }

}  // namespace brink::cuda
