// SPDX-License-Identifier: MIT
// The floating-point environment of a thread: rounding to nearest, gradual underflow.
#pragma once

namespace brink {

/// What the start of the program found and put right in the floating-point environment.
struct FloatingPointState {
  bool flush_to_zero = false;   // denormals were flushed (FTZ or DAZ)
  bool other_rounding = false;  // rounding was not to nearest
};
/// Sets round-to-nearest and gradual underflow on the calling thread; returns what it found before (promise B10).
FloatingPointState reset_floating_point();

}  // namespace brink
