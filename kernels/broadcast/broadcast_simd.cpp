// SPDX-License-Identifier: MIT
// add_row, which every layer runs in every pass, compiled once per instruction set.
#include "kernels/broadcast/broadcast_isa.h"

#include "kernels/isa.h"

namespace brink::cpu {

template <class Isa, class T>
void add_row_isa(std::int64_t rows, std::int64_t n, const T* x, const T* b, T* out) {
  for (std::int64_t s = 0; s < rows; ++s)
#pragma GCC ivdep
    for (std::int64_t c = 0; c < n; ++c) out[s * n + c] = x[s * n + c] + b[c];
}

template void add_row_isa<ThisIsa, float>(std::int64_t, std::int64_t, const float*, const float*, float*);
template void add_row_isa<ThisIsa, double>(std::int64_t, std::int64_t, const double*, const double*, double*);

}  // namespace brink::cpu
