// SPDX-License-Identifier: MIT
#include "spectral/orthonormal_basis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "spectral/float_range.h"

namespace brink {

namespace {
constexpr double accepted_ratio = 0.70710678118654752;  // 1/√2
constexpr int most_sweeps = 3;
constexpr int random_attempts = 5;

const TraceName sweep_name{"sweep", "lanczos", {}, 0, "sweep"};

/// The number of entries of a symmetric matrix's first `size` columns, each from its first row to the diagonal.
constexpr int triangle(int size) { return size * (size + 1) / 2; }
}  // namespace

TallArray::TallArray(std::int64_t n, int count, Dtype dtype, const Device& device) {
  const std::int64_t stride = align_up(n, alignment_bytes / size_of(dtype));
  storage = Array(Shape{count, stride}, dtype, device);
  columns = {storage.view().data, n, stride, count, dtype};
}

OrthonormalBasis::OrthonormalBasis(Device& d, std::int64_t n, Dtype type, int columns, int ahead, FillNormal fill)
    : device(d),
      dim(n),
      dtype(type),
      normals(std::move(fill)),
      q(n, columns, type, d),
      aq(n, columns - ahead, type, d),
      found(d, 4),
      coefficients(d, columns),
      gram(d, triangle(columns - ahead)) {
  const std::int64_t square = static_cast<std::int64_t>(columns) * columns;
  scratch = Buffer(std::max(square, brink::project_scratch(n, columns)) * static_cast<std::int64_t>(sizeof(double)),
                   device.host());
}

void OrthonormalBasis::begin(std::uint64_t at_step, std::uint32_t at_restart) {
  step = at_step;
  restart = at_restart;
  sweeps = 0;
}

double OrthonormalBasis::floor_of(double size) const {
  return 10 * epsilon_of(dtype) * std::sqrt(static_cast<double>(dim)) * size;
}

Remainder OrthonormalBasis::orthogonalise(View w, int count, double before, double floor, const double* swept) {
  if (before <= floor) return {0, floor};
  if (count == 0) return {before, before};
  const ColumnSet against = q.columns.range(0, count);
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    double after = 0;
    if (swept && sweep == 0) {
      after = *swept;
    } else {
      const Traced span(device, sweep_name, sweep);
      brink::project(device, against, w, coefficients[0], scratch.span<double>().data());
      brink::subtract(device, against, coefficients[0], w, w, found[0]);
      after = found.read(0, 1)[0];
    }
    ++sweeps;
    if (after >= accepted_ratio * before) return {after, after};
    if (after <= floor) return {0, floor};
    before = after;
  }
  return {0, before};
}

bool OrthonormalBasis::put_random(int place) {
  const View w = q.columns.column(place);
  for (int attempt = 0; attempt < random_attempts; ++attempt) {
    normals(w, RandomUse::start, step, restart++);
    const double before = brink::norm(device, w);
    const double norm = orthogonalise(w, place, before, floor_of(before)).norm;
    if (norm > 0 && std::isfinite(norm)) {
      brink::scale(device, w, 1 / norm, w);
      return true;
    }
  }
  return false;
}

void OrthonormalBasis::rotate(int first, int end, const double* rotation, int count) {
  for (TallArray* b : {&q, &aq})
    brink::combine(device, b->columns.range(first, end), rotation, b->columns.range(first, first + count));
}

double OrthonormalBasis::orthogonality(int m) {
  for (int j = 0; j < m; ++j)
    brink::project(device, q.columns.range(0, j + 1), q.columns.column(j), gram[triangle(j)],
                   scratch.span<double>().data());
  const std::span<const double> products = gram.read(0, triangle(m));
  double square = 0;
  for (int j = 0; j < m; ++j)
    for (int i = 0; i <= j; ++i) {
      const double x = products[static_cast<std::size_t>(triangle(j) + i)] - (i == j ? 1 : 0);
      square += (i == j ? 1 : 2) * (x * x);
    }
  return std::sqrt(square);
}

}  // namespace brink
