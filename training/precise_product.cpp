// SPDX-License-Identifier: MIT
#include "training/precise_product.h"

#include <stdexcept>

#include "kernels/basis/basis.h"
#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "training/probes.h"

namespace brink {

namespace {

Objective widened(const Objective& o) {
  if (o.dtype != Dtype::f64 && !o.in_float64)
    throw std::invalid_argument("[precise product] expected an objective that is known in float64 too");
  return in_float64(o);
}

}  // namespace

PreciseProduct::PreciseProduct(Device& device, const Objective& objective, const Batch& batch,
                               const BatchOptions& options, std::uint64_t seed)
    : device_(device),
      hvp_(device, widened(objective), batch, options.recomputing()),
      probes_(probes_of(device, objective.layout, seed, 0, objective.layout.size())),
      random_(objective.layout.make_vector(objective.dtype, device)),
      rough_(objective.layout.make_vector(objective.dtype, device)),
      wide_(objective.layout.make_vector(Dtype::f64, device)),
      product_(objective.layout.make_vector(Dtype::f64, device)),
      gradient_(objective.results().make_vector(Dtype::f64, device)),
      length_(device, 1) {}

void PreciseProduct::linearize_at(View theta) {
  cast(device_, wide_.view(), theta);
  hvp_.linearize_at(wide_.view(), gradient_.view(), {});
}

void PreciseProduct::leave_error(const LinearOperator& a, View v, Scalar to) {
  a.apply(v, rough_.view());
  cast(device_, wide_.view(), v);
  hvp_.apply(wide_.view(), product_.view());
  cast(device_, wide_.view(), rough_.view());
  map<Subtract>(device_, product_.view(), {product_.view(), wide_.view()});
  norm(device_, product_.view(), to);
}

void PreciseProduct::leave_error_along_random(const LinearOperator& a, std::int64_t step, Scalar to) {
  const View v = random_.view();
  probes_(v, RandomUse::start, static_cast<std::uint64_t>(step), 0);
  norm(device_, v, length_[0]);
  map_scalars(device_, length_[0], 1, Quotient{1, 1}, length_[0]);
  scale(device_, v, length_[0], v);
  leave_error(a, v, to);
}

}  // namespace brink
