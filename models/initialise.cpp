// SPDX-License-Identifier: MIT
#include "models/initialise.h"

#include <cmath>
#include <cstring>

#include "kernels/map/map.h"
#include "kernels/random/random.h"

namespace brink {

void initialise(Device& device, const ParameterLayout& layout, Init init, std::uint64_t seed, View theta) {
  std::memset(theta.data, 0, static_cast<std::size_t>(theta.bytes()));
  for (int i = 0; i < layout.size(); ++i) {
    const Parameter& p = layout[i];
    if (p.fan_in == 0) {
      if (p.start != 0) fill(device, layout.view(theta, i), p.start);
      continue;
    }
    const double variance = (init == Init::he ? 2.0 : 1.0) / static_cast<double>(p.fan_in);
    brink::fill_normal(device, layout.view(theta, i), {seed, Stream::initialisation, static_cast<std::uint32_t>(i)},
                       std::sqrt(variance));
  }
}

}  // namespace brink
