// SPDX-License-Identifier: MIT
// One convolution of oneDNN as a yardstick, by its direct algorithms (which include implicit matrix products), in the memory
// layouts that it prefers or in brink's. Without the library the benchmark runs without a yardstick.
// Whatever oneDNN must convert to another layout is converted before the clock starts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"

namespace brink::bench {

enum class ConvRole { forward, input_gradient, weight_gradient };

/// One convolution, ready to run again and again.
class ForeignConv {
 public:
  virtual ~ForeignConv() = default;
  virtual std::string name() const = 0;  ///< "oneDNN 2.6.3 jit:avx512_core, blocked"
  virtual void run() = 0;
  /// The result in brink's layout.
  virtual void fetch(float* out) = 0;
};

/// The library's ways to compute it; none where there is no library. x [n,h,w,c], w [r,s,c,k], d [n,p,q,k]: the two that the role
/// reads. Sets the library's number of threads.
std::vector<std::unique_ptr<ForeignConv>> onednn_convs(ConvRole, const ConvShape&, float* x, float* w, float* d,
                                                       int threads);

}  // namespace brink::bench
