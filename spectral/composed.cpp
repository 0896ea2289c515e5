// SPDX-License-Identifier: MIT
#include "spectral/composed.h"

#include <utility>

#include "kernels/map/map.h"
#include "kernels/memory.h"

namespace brink {

LinearOperator difference_of(const Device& on, LinearOperator a, LinearOperator b, View scratch) {
  LinearOperator out{a.dim, a.dtype, {}, a.parameters};
  out.apply = [device = on, a = std::move(a), b = std::move(b), scratch](View x, View y) mutable {
    a.apply(x, y);
    b.apply(x, scratch);
    map<Subtract>(device, y, {y, scratch});
  };
  return out;
}

LinearOperator block_of(const Device& on, LinearOperator a, std::int64_t first, std::int64_t end,
                        std::int64_t parameters) {
  LinearOperator out{a.dim, a.dtype, {}, parameters};
  out.apply = [device = on, a = std::move(a), first, end](View x, View y) mutable {
    a.apply(x, y);
    set_zero(device, y.part(0, Shape{first}));
    set_zero(device, y.part(end, Shape{y.shape.elements() - end}));
  };
  return out;
}

}  // namespace brink
