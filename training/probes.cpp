// SPDX-License-Identifier: MIT
#include "training/probes.h"

#include "kernels/memory.h"
#include "kernels/random/random.h"

namespace brink {

FillNormal probes_of(const Device& on, const ParameterLayout& layout, std::uint64_t seed, int first, int end) {
  return [device = on, layout, seed, first, end](View x, RandomUse, std::uint64_t step, std::uint32_t number) mutable {
    const RandomKey key(seed, Stream::probe, static_cast<std::uint32_t>(step), number);
    set_zero(device, x);
    for (int i = first; i < end; ++i) brink::fill_normal(device, layout.view(x, i), key, 1, layout[i].offset);
  };
}

}  // namespace brink
