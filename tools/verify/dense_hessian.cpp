// SPDX-License-Identifier: MIT
#include "tools/verify/dense_hessian.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/dense/symmetric_eigen.h"
#include "kernels/random/random.h"
#include "tools/verify/table.h"
#include "training/errors.h"

namespace brink::verify {

DenseHessian::DenseHessian(const ParameterLayout& layout, HostHvp& hvp) : layout_(layout) {
  for (const Parameter& p : layout.parameters())
    for (std::int64_t i = 0; i < p.shape.elements(); ++i) place_.push_back(p.offset + i);
  const std::size_t n = place_.size();
  vectors_.resize(n * n);
  const Array unit = layout.make_vector(Dtype::f64), column = layout.make_vector(Dtype::f64);
  for (std::size_t j = 0; j < n; ++j) {
    unit.span<double>()[static_cast<std::size_t>(place_[j])] = 1;
    hvp.apply(unit.view(), column.view());
    unit.span<double>()[static_cast<std::size_t>(place_[j])] = 0;
    for (std::size_t i = 0; i < n; ++i)
      vectors_[j * n + i] = column.span<double>()[static_cast<std::size_t>(place_[i])];
  }
  double most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    trace_ += vectors_[i * n + i];
    for (std::size_t j = 0; j < n; ++j) {
      trace_of_square_ += vectors_[i * n + j] * vectors_[j * n + i];
      most = std::max(most, std::fabs(vectors_[i * n + j]));
      asymmetry_ = std::max(asymmetry_, std::fabs(vectors_[i * n + j] - vectors_[j * n + i]));
    }
  }
  if (most > 0) asymmetry_ /= most;
  eigenvalues_.resize(n);
  std::vector<double> work(n);
  if (!symmetric_eigen(static_cast<int>(n), vectors_.data(), eigenvalues_.data(), work.data()))
    throw DataError("the Hessian at the reference's parameters is not finite");
}

Array DenseHessian::eigenvector(std::int64_t i) const {
  Array out = layout_.make_vector(Dtype::f64);
  const std::size_t n = place_.size();
  for (std::size_t k = 0; k < n; ++k)
    out.span<double>()[static_cast<std::size_t>(place_[k])] = vectors_[static_cast<std::size_t>(i) * n + k];
  return out;
}

VectorError vector_error(const ParameterLayout& layout, const Array& found, const Array& reference, double tolerance) {
  constexpr double rounding = 16 * std::numeric_limits<double>::epsilon();
  const double whole = largest(reference.span<double>());
  VectorError worst{-1, {}, {}};
  for (int i = 0; i < layout.size(); ++i) {
    const auto a = layout.view(found.view(), i).span<double>(), b = layout.view(reference.view(), i).span<double>();
    double error = error_of(a, b);
    if (error > tolerance && error_of(a, b, whole) <= rounding) {
      error = error_of(a, b, whole);
      worst.rounding += " " + layout[i].name;
    }
    if (error <= worst.error || worst.error != worst.error) continue;
    worst.error = error;
    worst.tensor = layout[i].name;
  }
  return worst;
}

FillNormal normals_of(Device device, const ParameterLayout& layout) {
  return [device, layout](View x, RandomUse, std::uint64_t step, std::uint32_t restart) mutable {
    const Array host = zeros(x.shape, x.dtype);
    Device on_host = device.host();
    const RandomKey key(0, Stream::lanczos_start, static_cast<std::uint32_t>(step), restart);
    for (int i = 0; i < layout.size(); ++i)
      cpu::fill_normal(on_host, layout.view(host.view(), i), key, 1, layout[i].offset);
    copy(device, x, host.view());
    synchronize(device);
  };
}

}  // namespace brink::verify
