// SPDX-License-Identifier: MIT
// What the tests of tiled products share: a device of a chosen size that records its kernels, operands with special values, and
// finished elements. tests/device includes it too.
// Devices of many sizes are used, because the number of multiprocessors determines the tile of a small product.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda/context.h"
#include "kernels/epilogue/epilogue.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/guarded.h"
#include "tests/support/numbers.h"

namespace brink {

/// A device with a chosen number of multiprocessors that records which kernels were launched.
class NotingRuntime final : public cuda::FakeRuntime {
 public:
  explicit NotingRuntime(int multiprocessors) {
    DeviceProperties p;
    (void)FakeRuntime::properties(0, p);  // if there is none, Context says why
    p.multiprocessors = multiprocessors;
    device = p;
  }
  cuda::Status launch(const cuda::LaunchCall& call, Stream s) override {
    kernels.insert(call.kernel);
    return FakeRuntime::launch(call, s);
  }
  using FakeRuntime::launch;
  std::set<const void*> kernels;
};

enum class Contents { ordinary, special, tiny };

/// ordinary: of size 1, with zeros of both signs; special: also ∞, NaN, overflow and underflow; tiny: every product rounds to
/// ±0.
template <class T>
Array values(Shape shape, std::uint32_t seed, Contents contents) {
  Array a(shape, dtype_of<T>());
  for (T& x : a.span<T>()) {
    seed = seed * 1664525 + 1013904223;
    const std::uint32_t kind = seed >> 16 & 1023;
    x = static_cast<T>(static_cast<std::int32_t>(seed)) / T(1u << 31);
    if (kind < 40) x = kind < 20 ? T(0) : -T(0);
    if (contents == Contents::tiny) x *= std::numeric_limits<T>::min();
    if (contents == Contents::special) {
      if (kind == 50) x = std::numeric_limits<T>::infinity();
      if (kind == 51) x = std::numeric_limits<T>::quiet_NaN();
      if (kind == 52 || kind == 53) x = std::numeric_limits<T>::max() / 2;
      if (kind >= 54 && kind < 80) x *= std::numeric_limits<T>::min();
    }
  }
  return a;
}

/// Operands on the device, each `offset` elements behind a multiple of 64 bytes, and on the host.
template <class T>
struct Operands {
  std::vector<Array> host;
  std::vector<std::unique_ptr<Guarded>> device;
  std::vector<View> host_views, views;

  void add(Device& d, Shape shape, Contents contents, std::int64_t offset) {
    host.push_back(values<T>(shape, static_cast<std::uint32_t>(host.size() * 7919 + 1), contents));
    Array shifted({shape.elements() + offset}, dtype_of<T>());
    std::copy_n(host.back().span<T>().data(), shape.elements(), shifted.span<T>().data() + offset);
    device.push_back(std::make_unique<Guarded>(d, shifted.view().shape, dtype_of<T>()));
    device.back()->set(shifted.view().data);
    views.push_back({device.back()->view().as<T>() + offset, shape, dtype_of<T>()});
    host_views.push_back(host.back().view());
  }
};

struct Finishing {
  bool bias = false, relu = false, gate = false;
};

/// The epilogue's result for a finished product of rows of n elements.
template <class T>
void finish(const View& out, std::int64_t n, Finishing f, const View& bias, const View& gate) {
  for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
    T& x = out.as<T>()[i];
    if (f.bias) x = x + bias.as<T>()[i % n];
    if (f.relu && x <= 0) x = 0;
    if (f.gate && gate.as<T>()[i] <= 0) x = 0;
  }
}

inline constexpr int multiprocessors[] = {1, 2, 8, 132};

/// Less than a slab of Context's, so that every buffer is an allocation of its own, whose ends guards and sanitizers observe.
inline constexpr std::int64_t own_allocations_bytes = std::int64_t{60} << 20;

/// Calls check(device, product) for each product on devices of all sizes, each time after vary(n) with another n. Returns how
/// many different kernels were launched.
template <class Products, class Check, class Vary>
std::size_t kernels_met(const Products& products, Check check, Vary vary) {
  std::set<const void*> met;
  for (const int count : multiprocessors) {
    NotingRuntime runtime(count);
    runtime.largest_allocation_bytes = own_allocations_bytes;
    cuda::Context context;
    runtime.kernels.clear();  // without the context's own
    Device d{Where::cuda, nullptr, &context};
    auto n = static_cast<std::uint64_t>(count);
    for (const auto& p : products) {
      vary(n++);
      check(d, p);
    }
    met.insert(runtime.kernels.begin(), runtime.kernels.end());
  }
  return met.size();
}

}  // namespace brink
