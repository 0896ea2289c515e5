// SPDX-License-Identifier: MIT
// A vendor's matrix products in place of brink's own, opened at run time and set in a Device. All other kernels stay brink's
// own.
// The order of a vendor's additions is unknown, so results may change with the library, the GPU and the cut of the batch.
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

  /// Name and version, such as "cuBLAS 13.1.0".
  virtual std::string name() const = 0;
  /// As brink::matmul (kernels/matmul/matmul.h), with additions in the vendor's order. Enqueued; the caller needs no scratch.
  virtual void matmul(const View& c, std::span<const View> factors, bool transpose_b) = 0;
  /// As brink::weight_gradient, without groups: one product over all samples for each pair of factors.
  virtual void weight_gradient(const View& w, std::span<const View> factors) = 0;
};

/// No such library can be used; the message says why in one line.
struct NoVendor : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// cuBLAS's numbers of its modes. Neither uses TF32 in float32 products by default; pedantic forbids it whatever the
/// environment says.
enum class CublasMath : int { standard = 0, pedantic = 2 };

/// Opens cuBLAS. `library` is a file. If empty: the file that BRINK_CUBLAS names, otherwise libcublas.so.13 or libcublas.so.12
/// as the loader finds it, otherwise the same in the folders of cuda/cublas_folders.h. The Gpu must outlive the result. Throws
/// NoVendor, OutOfMemory.
std::unique_ptr<Vendor> open_cublas(Gpu&, CublasMath = CublasMath::pedantic, const std::string& library = {});

}  // namespace brink
