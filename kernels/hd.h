// SPDX-License-Identifier: MIT
// What it is: the project's one macro. A function marked BRINK_HD is compiled for the host and for the device.
#pragma once

#ifdef __CUDACC__
#define BRINK_HD __host__ __device__
#else
#define BRINK_HD
#endif
