// SPDX-License-Identifier: MIT
// The rows of convolutions and of biases over pixels.
#include <iterator>

#include "autodiff/primitives/conv.h"
#include "autodiff/primitives/dense.h"
#include "tests/cases/rows.h"
#include "tests/reference/conv_reference.h"

namespace brink::cases {

namespace {

struct Convolution {
  std::int64_t n, h, w, c, r, s, k, stride, padding, group;
  std::int64_t p() const { return (h + 2 * padding - r) / stride + 1; }
  std::int64_t q() const { return (w + 2 * padding - s) / stride + 1; }
};
// The first six also have their derivatives checked.
constexpr Convolution convolutions[] = {
    {2, 5, 4, 3, 3, 3, 2, 1, 1, 1},      // odd and even sides
    {3, 6, 7, 2, 3, 3, 3, 2, 1, 2},      // stride 2; a last column that no tap reaches is further below
    {2, 3, 2, 1, 5, 5, 2, 1, 2, 2},      // a kernel larger than the picture
    {3, 4, 5, 3, 1, 1, 4, 2, 0, 2},      // 1×1, stride 2: most input pixels are not seen
    {1, 7, 6, 2, 2, 4, 1, 3, 3, 1},      // not square, stride 3, padding beyond the kernel
    {2, 6, 6, 2, 5, 5, 3, 1, 2, 1},      // AlexNet's
    {1, 1, 1, 1, 1, 1, 1, 1, 0, 1},      // by hand
    {2, 9, 8, 17, 3, 3, 33, 1, 1, 2},    // channels beyond a vector
    {2, 8, 8, 16, 3, 3, 32, 2, 1, 1},    // ResNet's transition; the last row of the picture is seen once
    {2, 17, 16, 4, 3, 3, 20, 1, 1, 2},   // 272 pixels: two panels a sample
    {9, 8, 8, 3, 3, 3, 16, 1, 1, 7},     // panels of four samples, the last of a group shorter, as is the last group
    {5, 18, 19, 2, 3, 3, 6, 1, 0, 3},    // groups of six panels, no padding
    {2, 19, 3, 5, 3, 3, 10, 1, 1, 4},    // narrow pictures
    {1, 5, 140, 3, 5, 5, 40, 1, 2, 1},   // rows of more tiles than are planned at once; a first layer
    {3, 12, 11, 32, 3, 3, 48, 2, 0, 2},  // stride 2 that leaves rows out
    {2, 7, 7, 70, 3, 3, 70, 1, 1, 1},    // chains of 630 terms
};
const Convolution& convolution(int size) { return convolutions[static_cast<std::size_t>(size)]; }

Shape picture(const Convolution& c) { return {c.n, c.h, c.w, c.c}; }
Shape weights(const Convolution& c) { return {c.r, c.s, c.c, c.k}; }
Shape result(const Convolution& c) { return {c.n, c.p(), c.q(), c.k}; }

using ShapeOf = Shape (*)(const Convolution&);

Row conv_row(const std::string& name, const Primitive& primitive, int pairs, ShapeOf a, ShapeOf b,
             std::array<std::int64_t, 2> (*extent)(const Convolution&),
             const std::function<void(Views, const View&, const ConvAttributes&)>& reference) {
  return {.name = name + (pairs == 1 ? "" : ", " + std::to_string(pairs) + " pairs"),
          .primitive = &primitive,
          .kernels = {name},
          .sizes = static_cast<int>(std::size(convolutions)),
          .inputs =
              [=](int size) {
                std::vector<In> in;
                for (int i = 0; i < pairs; ++i) {
                  in.push_back({a(convolution(size))});
                  in.push_back({b(convolution(size))});
                }
                return in;
              },
          .attributes =
              [=](int size) {
                const Convolution& c = convolution(size);
                return ConvAttributes{c.stride, c.padding, extent(c), c.group};
              },
          .reference = [=](Views in, const View& out,
                           const Attributes& attributes) { reference(in, out, attributes.as<ConvAttributes>()); }};
}

using Extents2 = std::array<std::int64_t, 2>;

Row forward(int pairs) {
  return conv_row(
      "conv2d", conv2d_p, pairs, picture, weights, [](const Convolution&) { return Extents2{}; },
      [](Views in, const View& out, const ConvAttributes& a) {
        with_real(out.dtype, [&]<class T>(T) { reference::conv2d<T>(in, out, a.stride, a.padding); });
      });
}
Row input_gradient(int pairs) {
  return conv_row(
      "conv2d_input_gradient", conv2d_input_gradient_p, pairs, result, weights,
      [](const Convolution& c) {
        return Extents2{c.h, c.w};
      },
      [](Views in, const View& out, const ConvAttributes& a) {
        with_real(out.dtype, [&]<class T>(T) { reference::conv2d_input_gradient<T>(in, out, a.stride, a.padding); });
      });
}
Row weight_gradient(int pairs) {
  return conv_row(
      "conv2d_weight_gradient", conv2d_weight_gradient_p, pairs, picture, result,
      [](const Convolution& c) {
        return Extents2{c.r, c.s};
      },
      [](Views in, const View& out, const ConvAttributes& a) {
        with_real(out.dtype,
                  [&]<class T>(T) { reference::conv2d_weight_gradient<T>(in, out, a.stride, a.padding, a.group); });
      });
}

std::vector<Row> bias_rows() {
  const auto group = [](int size) { return Group{convolution(size).group}; };
  constexpr int sizes = std::size(convolutions);
  return {
      {.name = "sum_samples, pixels",
       .primitive = &sum_samples_p,
       .kernels = {"sum_samples"},
       .sizes = sizes,
       .inputs = [](int size) { return std::vector<In>{{result(convolution(size))}}; },
       .attributes = group,
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) { reference::sum_pixels<T>(in[0], out, a.as<Group>().samples); });
           }},
      {.name = "add_row, pixels",
       .primitive = &add_row_p,
       .kernels = {"add_row"},
       .sizes = sizes,
       .inputs =
           [](int size) {
             return std::vector<In>{{result(convolution(size))}, {{convolution(size).k}}};
           },
       .attributes = group,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t e = 0; e < out.shape.elements(); ++e)
                 out.as<T>()[e] = in[0].as<T>()[e] + in[1].as<T>()[e % out.shape[3]];
             });
           }},
      {.name = "broadcast_row, pixels",
       .primitive = &broadcast_row_p,
       .kernels = {"broadcast_row"},
       .sizes = sizes,
       .inputs = [](int size) { return std::vector<In>{{{convolution(size).k}}}; },
       .attributes =
           [](int size) {
             const Convolution& c = convolution(size);
             return BroadcastAttributes{c.n, c.group, c.p(), c.q()};
           },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t e = 0; e < out.shape.elements(); ++e) out.as<T>()[e] = in[0].as<T>()[e % out.shape[3]];
             });
           }},
  };
}

}  // namespace

std::vector<Row> conv_rows() {
  std::vector<Row> rows = bias_rows();
  for (const int pairs : {1, 3}) {
    rows.push_back(forward(pairs));
    rows.push_back(input_gradient(pairs));
    rows.push_back(weight_gradient(pairs));
  }
  return rows;
}

}  // namespace brink::cases
