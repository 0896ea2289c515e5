// SPDX-License-Identifier: MIT
// Sweeps over a tall set of columns: the vector work of Lanczos.
// Coefficients and every chain are float64 whatever the columns are, and each element is rounded once.
#pragma once

#include <cstdint>

#include "kernels/device.h"
#include "kernels/hd.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scalars.h"
#include "kernels/view.h"

namespace brink {

/// Non-owning: `count` columns of n elements, column i at data + i·stride elements.
struct ColumnSet {
  void* data = nullptr;
  std::int64_t n = 0, stride = 0;
  int count = 0;
  Dtype dtype = Dtype::f32;

  template <class T>
  T* as() const {
    assert(dtype == dtype_of<T>());
    return static_cast<T*>(data);
  }
  View column(int i) const { return {static_cast<char*>(data) + i * stride * size_of(dtype), Shape{n}, dtype}; }
  ColumnSet range(int first, int end) const { return {column(first).data, n, stride, end - first, dtype}; }
};

/// Float64 numbers that a sweep multiplies by, either in the host's memory (copied by the call) or in the device's.
struct Coefficients {
  const double *host = nullptr, *device = nullptr;
  Coefficients(const double* numbers) : host(numbers) {}
  Coefficients(Scalar first) : device(first.at) {}
  const double* on_cpu() const { return host ? host : device; }
};

/// a/s where s > 0, else `otherwise`.
struct Quotient {
  double a = 1, otherwise = 1;
  BRINK_HD double operator()(double s) const { return s > 0 ? a / s : otherwise; }
};
/// −1 for what is negative, else 1.
struct Sign {
  BRINK_HD double operator()(double s) const { return s < 0 ? -1 : 1; }
};

/// The largest number of columns that `combine` makes in one call.
inline constexpr int max_combined = 128;

namespace cpu {

/// The number of doubles of scratch that `project` needs.
std::int64_t project_scratch(std::int64_t n, int columns);

/// cᵢ = ⟨qᵢ, w⟩
/// Shapes: q count columns of n, w [n], c count doubles.  Layout: columns contiguous.
/// Arithmetic: each cᵢ as `dot` (tiles, 32 float64 lanes, tree).
/// Aliasing: w may be a column of q.  Errors: none.
/// Cost: reads q once and w once per few columns; scratch of project_scratch(n, count) doubles.
/// Source: docs/method.md, "Lanczos".
void project(Device&, const ColumnSet& q, View w, double* c, double* scratch);

/// w = x − Q c; returns ‖w‖
/// Shapes: as `project`, x [n].  Layout: columns contiguous.
/// Arithmetic: per element acc = (double)xₑ; acc = fma(−cᵢ, (double)qᵢₑ, acc) for i ascending; rounded once to T. The norm is
///   exactly `norm` of the rounded w.
/// Aliasing: w may be x; it is no column of q.  Errors: none.  Cost: reads q and x once, writes w once; no allocation.
/// Source: docs/method.md, "Lanczos".
double subtract(Device&, const ColumnSet& q, const double* c, View x, View w);

/// Y = Q S
/// Shapes: q m columns, s [m × k] row-major with k = y.count ≤ max_combined, y k columns.  Layout: columns contiguous.
/// Arithmetic: per element and output acc = +0; acc = fma(sᵢⱼ, (double)qᵢₑ, acc) for i ascending; rounded once to T.
/// Aliasing: y may be the first columns of q (in place), else disjoint.  Errors: std::length_error on CUDA for m·k > 2¹⁷.
/// Cost: reads q once, writes y once; no allocation.  Source: thick restart (Wu & Simon 2000).
void combine(Device&, const ColumnSet& q, const double* s, const ColumnSet& y);

/// y = factor · x
/// Shapes: x, y [n].  Arithmetic: float64 product, rounded once to T.  Aliasing: y may be x.  Errors: none.  Cost: one pass.
void scale(Device&, View x, double factor, View y);

/// toᵢ = f(fromᵢ), from numbers in the device's memory to numbers there.
/// Shapes: from, to: count doubles of the device's memory.  Arithmetic: that of f, shared code.  Aliasing: to may be
/// from.  Errors: none.
/// Cost: one launch for up to 1024 numbers.
template <class F>
void map_scalars(Device&, Scalar from, int count, const F& f, Scalar to) {
  for (int i = 0; i < count; ++i) to.at[i] = f(from.at[i]);
}

/// The entry of largest magnitude with its sign (the first of several); 0 for an empty or all-zero x. NaNs are passed
/// over.
double largest_entry(Device&, View x);

}  // namespace cpu

namespace cuda {
void project(Device&, const ColumnSet& q, View w, Scalar c);
void subtract(Device&, const ColumnSet& q, const Coefficients& c, View x, View w, Scalar norm);
void combine(Device&, const ColumnSet& q, const double* s, const ColumnSet& y);
void scale(Device&, View x, double factor, View y);
void scale(Device&, View x, Scalar factor, View y);
void largest_entry(Device&, View x, Scalar to);
void put(Device&, const double* from, std::int64_t count, Scalar to);
void map_scalars(Device&, Scalar from, int count, const Quotient&, Scalar to);
void map_scalars(Device&, Scalar from, int count, const Sign&, Scalar to);
/// Results are brought to the host: these wait.
void project(Device&, const ColumnSet& q, View w, double* c);
double subtract(Device&, const ColumnSet& q, const double* c, View x, View w);
double largest_entry(Device&, View x);
}  // namespace cuda

inline std::int64_t project_scratch(std::int64_t n, int columns) { return cpu::project_scratch(n, columns); }
/// Results stay in the device's memory: these only enqueue.
inline void project(Device& d, const ColumnSet& q, View w, Scalar c, double* scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::project(d, q, w, c);
  cpu::project(d, q, w, c.at, scratch);
}
inline void subtract(Device& d, const ColumnSet& q, const Coefficients& c, View x, View w, Scalar norm) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::subtract(d, q, c, x, w, norm);
  *norm.at = cpu::subtract(d, q, c.on_cpu(), x, w);
}
inline void largest_entry(Device& d, View x, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::largest_entry(d, x, to);
  *to.at = cpu::largest_entry(d, x);
}
/// Results are returned: these wait for a CUDA device.
inline void project(Device& d, const ColumnSet& q, View w, double* c, double* scratch) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::project(d, q, w, c);
  cpu::project(d, q, w, c, scratch);
}
inline double subtract(Device& d, const ColumnSet& q, const double* c, View x, View w) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::subtract(d, q, c, x, w);
  return cpu::subtract(d, q, c, x, w);
}
inline double largest_entry(Device& d, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::largest_entry(d, x);
  return cpu::largest_entry(d, x);
}
inline void combine(Device& d, const ColumnSet& q, const double* s, const ColumnSet& y) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::combine(d, q, s, y);
  cpu::combine(d, q, s, y);
}
inline void scale(Device& d, View x, double factor, View y) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::scale(d, x, factor, y);
  cpu::scale(d, x, factor, y);
}
/// y = factor · x, with a factor in the device's memory.
inline void scale(Device& d, View x, Scalar factor, View y) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::scale(d, x, factor, y);
  cpu::scale(d, x, *factor.at, y);
}
/// toᵢ = fromᵢ. `from` is host memory, which may change as soon as the call returns.
inline void put(Device& d, const double* from, std::int64_t count, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::put(d, from, count, to);
  for (std::int64_t i = 0; i < count; ++i) to.at[i] = from[i];
}
template <class F>
void map_scalars(Device& d, Scalar from, int count, const F& f, Scalar to) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::map_scalars(d, from, count, f, to);
  cpu::map_scalars(d, from, count, f, to);
}

/// One step of Lanczos's recurrence and a first sweep after it: α = ⟨v, p⟩, w = p − αv − βu, then w = w − Q(Qᵀw).
/// Shapes: q count columns of n, of which v is the last and u the one before it; p, w [n]; found 4 numbers: β, α, ‖w‖ before and
///   after the sweep; c count numbers, the sweep's coefficients; scratch as `project`.  Layout: columns contiguous.
/// Arithmetic: exactly `dot`, `subtract` from columns u, v (v alone where `first`: β is not read), `project`, `subtract`.
/// Aliasing: w is neither p nor a column of q.  Errors: none.
/// Cost: as these four. Enqueued only: each reads in the device's memory what the one before has left there, so the
///   sweep is done whether or not ‖w‖ calls for it.  Source: docs/method.md, "Lanczos".
inline void recur(Device& d, const ColumnSet& q, bool first, double beta, View p, View w, Scalar found, Scalar c,
                  double* scratch) {
  const int last = q.count - 1;
  const Scalar alpha = found + 1;
  dot(d, q.column(last), p, alpha);
  if (!first) put(d, &beta, 1, found);
  subtract(d, q.range(first ? last : last - 1, q.count), first ? alpha : found, p, w, found + 2);
  project(d, q, w, c, scratch);
  subtract(d, q, c, w, w, found + 3);
}
}  // namespace brink
