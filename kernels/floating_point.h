// SPDX-License-Identifier: MIT
// The floating-point environment of a thread: rounding to nearest, gradual underflow.
#pragma once

namespace brink {

/// What was found in the floating-point environment at the start of the program, and corrected.
struct FloatingPointState {
  bool flush_to_zero = false;   // subnormal numbers were flushed (FTZ or DAZ)
  bool other_rounding = false;  // rounding was not to nearest
};
/// Sets rounding to nearest and gradual underflow on the calling thread; returns what it found (docs/promises.md, B10).
FloatingPointState reset_floating_point();

}  // namespace brink
