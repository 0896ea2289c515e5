// SPDX-License-Identifier: MIT
// Convolutions on the CPU beyond the table of cases: epilogues, blocks large enough for several threads, and operands that are
// not finite, which padding must not touch.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/conv/conv.h"
#include "kernels/isa.h"
#include "kernels/memory.h"
#include "tests/reference/conv_reference.h"
#include "tests/support/numbers.h"

using namespace brink;

namespace {

template <class T>
Array values(Shape shape, std::uint32_t seed) {
  Array out(shape, dtype_of<T>());
  for (T& x : out.span<T>()) {
    seed = seed * 1664525U + 1013904223U;
    x = static_cast<T>(static_cast<std::int32_t>(seed)) * static_cast<T>(0x1p-31);
  }
  return out;
}

ConvShape shape_of(std::int64_t n, std::int64_t side, std::int64_t c, std::int64_t taps, std::int64_t k,
                   std::int64_t stride, std::int64_t padding) {
  const std::int64_t out = ConvShape::pixels(side, taps, stride, padding);
  return {n, side, side, c, taps, taps, k, out, out, stride, padding};
}

// Whole and ragged tiles of pixels, one vector and two; the last ones are shared by threads.
const ConvShape shapes[] = {shape_of(3, 9, 3, 3, 8, 1, 1),    shape_of(5, 4, 20, 3, 33, 1, 1),
                            shape_of(2, 15, 5, 5, 40, 1, 2),  shape_of(3, 8, 16, 3, 10, 2, 1),
                            shape_of(9, 16, 24, 3, 32, 1, 1), shape_of(7, 17, 16, 3, 48, 2, 1)};

template <class Run>
void on_every_set_and_threads(Run run) {
  const Isa before = isa();
  for (const Isa set : available_isas())
    for (const int threads : {1, 3}) {
      CAPTURE(name_of(set));
      CAPTURE(threads);
      set_isa(set);
      ThreadPool pool(threads);
      run(Device{Where::cpu, &pool});
    }
  set_isa(before);
}

template <class T>
struct Work {
  ConvShape f;
  Array x, w, d;
  explicit Work(const ConvShape& shape)
      : f(shape),
        x(values<T>({f.n, f.h, f.w, f.c}, 1)),
        w(values<T>({f.r, f.s, f.c, f.k}, 2)),
        d(values<T>({f.n, f.p, f.q, f.k}, 3)) {}

  void check(const Epilogue& forward, const Epilogue& input) const {
    const Array y({f.n, f.p, f.q, f.k}, dtype_of<T>()), dx({f.n, f.h, f.w, f.c}, dtype_of<T>()),
        dw({f.r, f.s, f.c, f.k}, dtype_of<T>());
    const View xw[] = {x.view(), w.view()}, dw_[] = {d.view(), w.view()}, xd[] = {x.view(), d.view()};
    reference::conv2d<T>(xw, y.view(), f.stride, f.padding);
    reference::conv2d_input_gradient<T>(dw_, dx.view(), f.stride, f.padding);
    reference::conv2d_weight_gradient<T>(xd, dw.view(), f.stride, f.padding, 2);
    finish(forward, y.view());
    finish(input, dx.view());
    on_every_set_and_threads([&](Device device) {
      const Dtype t = dtype_of<T>();
      const Array a(y.view().shape, t), b(dx.view().shape, t), c(dw.view().shape, t),
          scratch({std::max({cpu::conv2d_scratch_bytes(f, 1, t), cpu::conv2d_input_gradient_scratch_bytes(f, 1, t),
                             cpu::conv2d_weight_gradient_scratch_bytes(f, 1, 2, t)})},
                  Dtype::u8);
      conv2d(device, a.view(), xw, f, scratch.view(), forward.any() ? &forward : nullptr);
      CHECK(support::same_numbers<T>(a.span<T>(), y.span<T>()));
      conv2d_input_gradient(device, b.view(), dw_, f, scratch.view(), input.any() ? &input : nullptr);
      CHECK(support::same_numbers<T>(b.span<T>(), dx.span<T>()));
      conv2d_weight_gradient(device, c.view(), xd, f, 2, scratch.view());
      CHECK(support::same_numbers<T>(c.span<T>(), dw.span<T>()));
    });
  }

 private:
  static void finish(const Epilogue& e, View y) {
    for (std::int64_t i = 0; i < y.shape.elements(); ++i) {
      T& v = y.as<T>()[i];
      if (e.bias.data) v = v + e.bias.as<T>()[i % y.shape[3]];
      if (e.relu && v <= 0) v = 0;
      if (e.gate.data && e.gate.as<T>()[i] <= 0) v = 0;
    }
  }
};

}  // namespace

TEST_CASE_TEMPLATE("convolutions that finish their elements write what separate kernels would", T, float, double) {
  for (const ConvShape& f : shapes) {
    const Work<T> work(f);
    const Array bias_k = values<T>({f.k}, 4), bias_c = values<T>({f.c}, 5);
    for (const bool bias : {false, true})
      for (const int activation : {0, 1, 2}) {
        Epilogue forward, input;
        forward.relu = input.relu = activation == 1;
        if (bias) forward.bias = bias_k.view(), input.bias = bias_c.view();
        if (activation == 2) forward.gate = work.d.view(), input.gate = work.x.view();
        work.check(forward, input);
      }
  }
}

TEST_CASE_TEMPLATE("an infinite weight or cotangent does not meet what lies outside the picture", T, float, double) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  for (const ConvShape& f : shapes) {
    Work<T> work(f);
    // A corner of the kernel: the pixels of one edge of the picture do not see it, all others do.
    for (std::int64_t i = 0; i < f.c * f.k; ++i) work.w.template span<T>()[static_cast<std::size_t>(i)] = infinity;
    for (std::int64_t i = 0; i < f.k; ++i) work.d.template span<T>()[static_cast<std::size_t>(i)] = infinity;
    const Array y({f.n, f.p, f.q, f.k}, dtype_of<T>());
    const View factors[] = {work.x.view(), work.w.view()};
    reference::conv2d<T>(factors, y.view(), f.stride, f.padding);
    CHECK(std::isfinite(y.span<T>()[0]));
    CHECK_FALSE(std::isfinite(y.span<T>().back()));
    work.check({}, {});
  }
}
