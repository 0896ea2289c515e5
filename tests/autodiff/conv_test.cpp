// SPDX-License-Identifier: MIT
// Convolutions in a graph: what their builders refuse, and how two finished sums over samples become one.
#include <doctest/doctest.h>

#include "autodiff/primitives/conv.h"
#include "autodiff/primitives/dense.h"
#include "autodiff/primitives/elementwise.h"

using namespace brink;

namespace {

struct Pictures {
  Graph g;
  Var of(Shape shape, Dtype dtype = Dtype::f32) {
    return g.input("x", {shape, dtype}, InputRole::data, static_cast<int>(g.inputs().size()));
  }
};

}  // namespace

TEST_CASE("a convolution's result has the shape of its window") {
  Pictures p;
  const Var x = p.of({5, 32, 31, 3}), w = p.of({3, 3, 3, 16});
  CHECK(p.g.shape(conv2d(p.g, {{x, w}}, {1, 1})) == Shape{5, 32, 31, 16});
  CHECK(p.g.shape(conv2d(p.g, {{x, w}}, {2, 1})) == Shape{5, 16, 16, 16});
  CHECK(p.g.shape(conv2d(p.g, {{x, w}}, {2, 0})) == Shape{5, 15, 15, 16});
  CHECK_FALSE(conv2d(p.g, {{x, Var{}}}, {1, 1}));
}

TEST_CASE("what does not fit is refused, and the message says what was expected") {
  Pictures p;
  const Var x = p.of({5, 4, 4, 8}), w = p.of({3, 3, 8, 16});
  const auto conv = [&](Var a, Var b, ConvWindow window) { (void)conv2d(p.g, {{a, b}}, window); };
  CHECK_THROWS_WITH_AS(conv(x, p.of({3, 3, 16, 64}), {1, 1}),
                       "[conv2d] weight [3,3,16,64]: expected 8 input channels, got 16", ShapeError);
  CHECK_THROWS_WITH_AS(conv(x, w, {0, 1}), "[conv2d] stride 0: expected at least 1", ShapeError);
  CHECK_THROWS_WITH_AS(conv(x, w, {1, -1}), "[conv2d] padding -1: expected at least 0", ShapeError);
  CHECK_THROWS_WITH_AS(conv(x, p.of({5, 7, 8, 16}), {1, 1}),
                       "[conv2d] kernel 5×7 with padding 1 does not fit into pictures of 4×4", ShapeError);
  CHECK_THROWS_WITH_AS(conv(p.of({5, 128}), w, {1, 1}),
                       "[conv2d] input [5,128]: expected [samples, height, width, channels]", ShapeError);
  CHECK_THROWS_WITH_AS(conv(x, p.of({3, 3, 8, 16}, Dtype::f64), {1, 1}),
                       "[conv2d] float64 [3,3,8,16]: expected float32 [3,3,8,16], as in the first pair", ShapeError);
  CHECK_THROWS_WITH_AS((void)conv2d(p.g, {{x, w}, {p.of({4, 4, 4, 8}), w}}, {1, 1}),
                       "[conv2d] float32 [4,4,4,8]: expected float32 [5,4,4,8], as in the first pair", ShapeError);
  const Var d = p.of({5, 4, 4, 16});
  CHECK_THROWS_WITH_AS((void)conv2d_input_gradient(p.g, {{d, w}}, {1, 1}, {5, 4}),
                       "[conv2d_input_gradient] cotangent [5,4,4,16]: expected [5,5,4,16]", ShapeError);
  CHECK_THROWS_WITH_AS((void)conv2d_weight_gradient(p.g, {{x, d}}, {2, 1}, {3, 3}),
                       "[conv2d_weight_gradient] cotangent [5,4,4,16]: expected [5,2,2,16]", ShapeError);
  CHECK_THROWS_WITH_AS((void)conv2d_weight_gradient(p.g, {{x, d}}, {1, 1, 0}, {3, 3}),
                       "[conv2d_weight_gradient] groups of 0 samples: expected at least 1", ShapeError);
  CHECK_THROWS_AS((void)conv2d(p.g, std::vector<Factors>(max_factor_pairs + 1, {x, w}), {1, 1}), ShapeError);
}

TEST_CASE("two weight gradients of one parameter become one sum of both, as do two bias gradients") {
  Pictures p;
  const Var x = p.of({5, 4, 4, 8}), y = p.of({5, 4, 4, 8}), d = p.of({5, 4, 4, 16}), e = p.of({5, 4, 4, 16});
  const ConvWindow window{1, 1, 2};
  const Var sum = add(p.g, conv2d_weight_gradient(p.g, {{x, d}}, window, {3, 3}),
                      conv2d_weight_gradient(p.g, {{y, e}}, window, {3, 3}));
  CHECK(p.g.producer(sum)->primitive == &conv2d_weight_gradient_p);
  CHECK(p.g.producer(sum)->in == Vars{x, d, y, e});
  const Var bias = add(p.g, sum_samples(p.g, d, 2), sum_samples(p.g, e, 2));
  CHECK(p.g.producer(bias)->primitive == &sum_samples_p);
  CHECK_THROWS_AS(add(p.g, conv2d_weight_gradient(p.g, {{x, d}}, window, {3, 3}),
                      conv2d_weight_gradient(p.g, {{y, e}}, {1, 1, 3}, {3, 3})),
                  std::logic_error);
}
