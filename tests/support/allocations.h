// SPDX-License-Identifier: MIT
// How often this program has allocated memory. allocations.cpp replaces operator new, so a test that counts is an executable of its own.
#pragma once

namespace support {

long allocations();

}  // namespace support
