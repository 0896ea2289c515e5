// SPDX-License-Identifier: MIT
#include "kernels/isa.h"
#include "kernels/loss/loss.h"
#include "kernels/loss/loss_isa.h"

namespace brink::cpu {

void cross_entropy(Device&, View loss, View f, View labels, std::int64_t group) {
  with_real(f.dtype, [&]<class T>(T) {
    *loss.as<double>() = with_isa([&]<class I>(I) {
      return cross_entropy_isa<I, T>(f.shape[0], f.shape.row_elements(), f.as<T>(), labels.as<std::int32_t>(), group);
    });
  });
}

void cross_entropy_gradient(Device&, View delta, View p, View f, View labels) {
  with_real(f.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      cross_entropy_gradient_isa<I, T>(f.shape[0], f.shape.row_elements(), f.as<T>(), labels.as<std::int32_t>(),
                                       delta.as<T>(), p.as<T>());
    });
  });
}

void minus_leading(Device&, View out, View x, View p) {
  with_real(x.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      minus_leading_isa<I, T>(x.shape[0], x.shape.row_elements(), x.as<T>(), p.as<T>(), out.as<T>());
    });
  });
}

void balance_leading(Device&, View out, View x, View p) {
  with_real(x.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      balance_leading_isa<I, T>(x.shape[0], x.shape.row_elements(), x.as<T>(), p.as<T>(), out.as<T>());
    });
  });
}

void half_sum_of_squares(Device&, View loss, View d, std::int64_t group) {
  with_real(d.dtype, [&]<class T>(T) {
    *loss.as<double>() = with_isa([&]<class I>(I) {
      return half_sum_of_squares_isa<I, T>(d.shape[0], d.shape.row_elements(), d.as<T>(), group);
    });
  });
}

void sample_dot(Device&, View out, std::span<const View> factors, std::int64_t group) {
  with_real(factors[0].dtype, [&]<class T>(T) {
    *out.as<double>() = with_isa([&]<class I>(I) { return sample_dot_isa<I, T>(factors, group); });
  });
}

}  // namespace brink::cpu
