// SPDX-License-Identifier: MIT
// Products on emulated devices of many sizes, each under one schedule, or one product for each kernel under many schedules.
// The number of a schedule also determines when work runs and what was in memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>

#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/products.h"

namespace brink {

/// As kernels_met, each product under a schedule of its own.
template <class Products, class Check>
std::size_t kernels_met_emulated(const Products& products, Check check) {
  const std::size_t met = kernels_met(products, check, [](std::uint64_t schedule) {
    emulator::set_schedule(schedule);
    set_poison(static_cast<Poison>(schedule % 3));
  });
  set_poison(Poison::zero);
  emulator::set_schedule(0);
  return met;
}

/// Calls check(device, product) under the schedules begin … end − 1 for the first product that reaches a kernel, ragged ones
/// first. Returns how many different kernels were launched.
template <class Products, class Check>
std::size_t kernels_met_under(std::uint64_t begin, std::uint64_t end, const Products& products, Check check) {
  std::set<const void*> met;
  for (const bool ragged : {true, false})
    for (const int count : multiprocessors) {
      NotingRuntime runtime(count);
      runtime.largest_allocation_bytes = own_allocations_bytes;
      cuda::Context context;
      Device d{Where::cuda, nullptr, &context};
      cuda::emulated_runtime().set_protected(false);  // a schedule does not change which host functions run
      for (const auto& p : products) {
        if (p.ragged() != ragged) continue;
        runtime.kernels.clear();
        for (std::uint64_t schedule = begin; schedule < end; ++schedule) {
          emulator::set_schedule(schedule);
          set_poison(static_cast<Poison>(schedule % 3));
          cuda::emulated_runtime().set_deferred(schedule / 2 % 2 == 1);
          check(d, p);
          if (schedule == begin && std::ranges::includes(met, runtime.kernels)) break;
        }
        met.insert(runtime.kernels.begin(), runtime.kernels.end());
        cuda::emulated_runtime().set_deferred(false);
      }
      cuda::emulated_runtime().set_protected(true);
    }
  set_poison(Poison::zero);
  emulator::set_schedule(0);
  return met.size();
}

}  // namespace brink
