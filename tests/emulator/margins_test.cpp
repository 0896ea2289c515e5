// SPDX-License-Identifier: MIT
// C4 of docs/promises.md on the emulated device: the accuracy of the cross-entropy at margins from 1 to 700.
#include <doctest/doctest.h>

#include "kernels/cuda/context.h"
#include "tests/emulator/short_run.h"
#include "tests/support/margins.h"

using namespace brink;

TEST_CASE("C4: loss, gradient, curvature and third derivative on the device at margins from 1 to 700") {
  const emulator::Unprotected fast;
  cuda::Context gpu;
  for (const std::string& complaint : support::inaccurate_at_margins({Where::cuda, nullptr, &gpu}))
    FAIL_CHECK(complaint);
}
