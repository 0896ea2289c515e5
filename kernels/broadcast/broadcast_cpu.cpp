// SPDX-License-Identifier: MIT
// The operations of broadcast.h on the CPU. Only add_row is compiled per instruction set; the others gain nothing from
// wider vectors.
#include <algorithm>

#include "kernels/broadcast/broadcast.h"
#include "kernels/broadcast/broadcast_isa.h"
#include "kernels/isa.h"

namespace brink::cpu {

using std::int64_t;

void add_row(Device&, View out, View x, View b) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t n = b.shape[0], rows = x.shape.elements() / n;
    with_isa([&]<class I>(I) { add_row_isa<I, T>(rows, n, x.as<T>(), b.as<T>(), out.as<T>()); });
  });
}

void broadcast_row(Device&, View out, View b) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t n = b.shape[0], rows = out.shape.elements() / n;
    for (int64_t s = 0; s < rows; ++s) std::copy_n(b.as<T>(), n, out.as<T>() + s * n);
  });
}

void broadcast_column(Device&, View out, View r) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = out.shape[0], n = out.shape.row_elements();
    for (int64_t s = 0; s < rows; ++s) std::fill_n(out.as<T>() + s * n, n, r.as<T>()[s]);
  });
}

void sum_columns(Device&, View out, View x) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = x.shape[0], n = x.shape.row_elements();
    const T* from = x.as<T>();
    for (int64_t s = 0; s < rows; ++s) {
      double sum = 0;
      for (int64_t c = 0; c < n; ++c) sum += static_cast<double>(from[s * n + c]);
      out.as<T>()[s] = static_cast<T>(sum);
    }
  });
}

void pad_columns(Device&, View out, View x, int64_t before) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = x.shape[0], n = x.shape[1], width = out.shape[1];
    for (int64_t s = 0; s < rows; ++s) {
      T* to = out.as<T>() + s * width;
      std::fill_n(to, before, T(0));
      std::copy_n(x.as<T>() + s * n, n, to + before);
      std::fill_n(to + before + n, width - before - n, T(0));
    }
  });
}

void slice_columns(Device&, View out, View x, int64_t first) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = x.shape[0], width = x.shape[1], n = out.shape[1];
    for (int64_t s = 0; s < rows; ++s) std::copy_n(x.as<T>() + s * width + first, n, out.as<T>() + s * n);
  });
}

void scale_by(Device&, View out, View c, View x) {
  with_real(out.dtype, [&]<class T>(T) {
    const T factor = static_cast<T>(*c.as<double>());
    const int64_t n = x.shape.elements();
    const T* from = x.as<T>();
    T* to = out.as<T>();
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = factor * from[i];
  });
}

}  // namespace brink::cpu
