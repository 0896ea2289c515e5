// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include "kernels/index/index.h"

namespace brink::cpu {

using std::int64_t;

void one_hot(Device&, View out, View labels) {
  with_real(out.dtype, [&]<class T>(T) {
    const int64_t rows = out.shape[0], n = out.shape.row_elements();
    std::fill_n(out.as<T>(), rows * n, T(0));
    for (int64_t s = 0; s < rows; ++s) out.as<T>()[s * n + labels.as<std::int32_t>()[s]] = T(1);
  });
}

void gather_rows(Device&, View out, View x, View rows) {
  const auto bytes = static_cast<std::size_t>(x.shape.row_elements() * size_of(x.dtype));
  const auto* from = static_cast<const char*>(x.data);
  auto* to = static_cast<char*>(out.data);
  for (const std::int32_t row : rows.span<std::int32_t>()) {
    std::memcpy(to, from + static_cast<std::size_t>(row) * bytes, bytes);
    to += bytes;
  }
}

void count_correct(Device&, View out, View logits, View labels) {
  with_real(logits.dtype, [&]<class T>(T) {
    const int64_t rows = logits.shape[0], n = logits.shape.row_elements();
    int64_t correct = 0;
    for (int64_t s = 0; s < rows; ++s) {
      const T* f = logits.as<T>() + s * n;
      T m = f[0];
      int64_t best = 0;
      for (int64_t c = 1; c < n; ++c)
        if (f[c] > m || f[c] != f[c]) {
          m = f[c];
          best = c;
        }
      correct += best == labels.as<std::int32_t>()[s];
    }
    *out.as<double>() = static_cast<double>(correct);
  });
}

}  // namespace brink::cpu
