// SPDX-License-Identifier: MIT
#include "spectral/dense_spectrum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/dense/symmetric_eigen.h"
#include "kernels/memory.h"
#include "spectral/asymmetry.h"

namespace brink {

namespace {

/// Column j of the matrix: the product with unit vector j, at the places that count.
template <class T>
void products_with_units(Device& device, const LinearOperator& a, std::span<const std::int64_t> places,
                         double* matrix) {
  const std::size_t n = places.size();
  const Array unit = zeros(Shape{a.dim}, a.dtype, device), column = zeros(Shape{a.dim}, a.dtype, device);
  const Array one({1}, a.dtype), zero = zeros({1}, a.dtype);
  one.span<T>()[0] = 1;
  for (std::size_t j = 0; j < n; ++j) {
    const View entry = unit.view().part(places[j], {1});
    copy(device, entry, one.view());
    a.apply(unit.view(), column.view());
    copy(device, entry, zero.view());
    const Array there = to_host(device, column.view());
    const auto entries = there.span<T>();
    for (std::size_t i = 0; i < n; ++i)
      matrix[j * n + i] = static_cast<double>(entries[static_cast<std::size_t>(places[i])]);
    if (!std::all_of(matrix + j * n, matrix + (j + 1) * n, [](double x) { return std::isfinite(x); }))
      throw std::domain_error("product " + std::to_string(j + 1) + " of the operator is not finite");
  }
}

}  // namespace

DenseSpectrum::DenseSpectrum(Device& device, const LinearOperator& a, std::span<const std::int64_t> places,
                             bool with_vectors)
    : n_(places.size()), matrix_(n_ * n_), eigenvalues_(n_) {
  with_real(a.dtype, [&]<class T>(T) { products_with_units<T>(device, a, places, matrix_.data()); });
  double most = 0;
  Asymmetry asymmetry;
  for (std::size_t i = 0; i < n_; ++i) {
    trace_ += matrix_[i * n_ + i];
    for (std::size_t j = 0; j < n_; ++j) {
      trace_of_square_ += matrix_[i * n_ + j] * matrix_[j * n_ + i];
      most = std::max(most, std::fabs(matrix_[i * n_ + j]));
      asymmetry.see(matrix_[i * n_ + j], matrix_[j * n_ + i]);
    }
  }
  if (most > 0) asymmetry_ = asymmetry.largest() / most;
  const int n = static_cast<int>(n_);
  std::vector<double> work(n_);
  const bool solved = with_vectors ? symmetric_eigen(n, matrix_.data(), eigenvalues_.data(), work.data())
                                   : tridiagonalise(n, matrix_.data(), eigenvalues_.data(), work.data()) &&
                                         tridiagonal_eigen(n, eigenvalues_.data(), work.data(), nullptr, 0);
  if (!solved) throw std::domain_error("the eigenvalues of the matrix were not found");
  if (n > 0)
    symmetric_ = asymmetry.is_rounding(
        a.dtype, std::max(std::fabs(eigenvalues_.front()), std::fabs(eigenvalues_.back())), smallest_of(a.dtype));
}

double DenseSpectrum::rounding() const {
  if (n_ == 0) return 0;
  return static_cast<double>(n_) * std::numeric_limits<double>::epsilon() *
         std::max(std::fabs(eigenvalues_.front()), std::fabs(eigenvalues_.back()));
}

}  // namespace brink
