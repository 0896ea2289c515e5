// SPDX-License-Identifier: MIT
// The project's one macro: a function marked BRINK_HD is compiled for the host and for the device.
#pragma once

#ifdef __CUDACC__
#define BRINK_HD __host__ __device__
#else
#define BRINK_HD
#endif
