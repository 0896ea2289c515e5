// SPDX-License-Identifier: MIT
// Applies an epilogue by separate kernels, for products that cannot finish their elements themselves (a vendor's).
#pragma once

#include "kernels/broadcast/broadcast.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/map/map.h"

namespace brink {

/// c = act(c + bias) in place.  c [M,N]. Enqueued.
inline void apply(Device& d, View c, const Epilogue& e) {
  if (e.bias.data) add_row(d, c, c, e.bias);
  if (e.relu) map<Relu>(d, c, {c});
  if (e.gate.data) map<Gate>(d, c, {e.gate, c});
}

}  // namespace brink
