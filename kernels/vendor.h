// SPDX-License-Identifier: MIT
// What it is: a vendor's matrix products in place of brink's own, opened at run time and hung into a Device.
// What it is not: linked, a fallback, or of known bits: the order of its additions is the vendor's, so its results change with the
// library, the GPU and the cut of the batch. Decision: only products of matrices; every other kernel stays exact.
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "kernels/view.h"

namespace brink {

class Gpu;

class Vendor {
 public:
  Vendor() = default;
  virtual ~Vendor() = default;
  Vendor(const Vendor&) = delete;
  Vendor& operator=(const Vendor&) = delete;

  /// "cuBLAS 13.1.0"
  virtual std::string name() const = 0;
  /// As brink::matmul (kernels/matmul/matmul.h), in an order of the vendor's. Enqueued; needs no scratch of the caller's.
  virtual void matmul(const View& c, std::span<const View> factors, bool transpose_b) = 0;
  /// As brink::weight_gradient, without groups: one product over all samples for each pair of factors.
  virtual void weight_gradient(const View& w, std::span<const View> factors) = 0;
};

/// No such library can be used; in one line, why.
struct NoVendor : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// As cuBLAS numbers them. Neither uses TF32 in products of float32 by itself; pedantic forbids it whatever the environment says.
enum class CublasMath : int { standard = 0, pedantic = 2 };

/// cuBLAS. `library`: a file. Empty: the file that BRINK_CUBLAS names, else libcublas.so.13 or libcublas.so.12 as the loader finds it, else
/// the same in the folders of cuda/cublas_folders.h. The Gpu must outlive it. Throws NoVendor, OutOfMemory.
std::unique_ptr<Vendor> open_cublas(Gpu&, CublasMath = CublasMath::pedantic, const std::string& library = {});

}  // namespace brink
