// SPDX-License-Identifier: MIT
#include "kernels/device.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "kernels/control_groups.h"

namespace brink {

namespace {
int threads_of_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    if (const int n = CPU_COUNT(&set); n > 0) return n;
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}
}  // namespace

int available_threads(const char* root) {
  const int threads = threads_of_affinity();
  const double cores = std::ceil(least_quota_cores(root).value_or(threads));
  return static_cast<int>(std::clamp(cores, 1.0, static_cast<double>(threads)));
}

}  // namespace brink
