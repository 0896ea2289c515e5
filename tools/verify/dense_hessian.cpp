// SPDX-License-Identifier: MIT
#include "tools/verify/dense_hessian.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "kernels/random/random.h"
#include "tools/verify/table.h"
#include "training/errors.h"

namespace brink::verify {

namespace {

DenseSpectrum spectrum_of(const ParameterLayout& layout, HostHvp& hvp) {
  Device host;
  const LinearOperator hessian{layout.extent(), Dtype::f64, [&](View x, View y) { hvp.apply(x, y); }};
  try {
    return DenseSpectrum(host, hessian, layout.places(), true);
  } catch (const std::domain_error&) { throw DataError("the Hessian at the reference's parameters is not finite"); }
}

}  // namespace

DenseHessian::DenseHessian(const ParameterLayout& layout, HostHvp& hvp)
    : layout_(layout), spectrum_(spectrum_of(layout, hvp)) {}

Array DenseHessian::eigenvector(std::int64_t i) const {
  Array out = layout_.make_vector(Dtype::f64);
  const std::vector<std::int64_t> places = layout_.places();
  const std::span<const double> entries = spectrum_.eigenvector(static_cast<std::size_t>(i));
  for (std::size_t k = 0; k < places.size(); ++k) out.span<double>()[static_cast<std::size_t>(places[k])] = entries[k];
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
