#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints cross_entropy_margins.h: the cross-entropy and its derivatives for margins from 1 to 700. Needs mpmath.

It is not part of the build: `cross_entropy_margins.py > cross_entropy_margins.h && clang-format-14 -i cross_entropy_margins.h`.
Every logit and every entry of a direction is exact in float32, so one table serves both precisions. The derivatives are those
of log(sum exp f) - f_y in 1400 digits, of which the formulas below lose less than 1000 to cancellation.
"""
from mpmath import exp, log1p, mp, mpf

mp.dps = 1400

MARGINS = [1, 2, 5, 10, 16, 17, 18, 20, 30, 36, 37, 38, 50, 80, 100, 200, 400, 600, 700]
OFFSETS = [0.25, -1.5, 0.75, 0.75]  # the logits without the margin, which is added to class 2
LEADING, WRONG = 2, 0
V, W = [0.5, -1, 0.75, 2], [-0.25, 1.5, 1, 0.5]


def derivatives(f, y, v, w):
    """loss, gradient, Hessian times v, and the gradient's second derivative along v and w."""
    e = [exp(x) for x in f]
    total = sum(e)
    p = [x / total for x in e]

    def mean(t):
        return sum(a * b for a, b in zip(p, t))

    product = [a * (t - mean(v)) for a, t in zip(p, v)]
    third = [a * ((s - mean(v)) * (t - mean(w)) - mean([g * h for g, h in zip(v, w)]) + mean(v) * mean(w))
             for a, s, t in zip(p, v, w)]
    top = max(f)
    others = sum(exp(x - top) for c, x in enumerate(f) if c != f.index(top))
    loss = log1p(others) + (top - f[y])
    return loss, [a - (c == y) for c, a in enumerate(p)], product, third


def number(x):
    return "0" if abs(x) < mpf(2) ** -1075 else repr(float(x))


def numbers(x):
    return "{" + ", ".join(number(a) for a in x) + "}"


def main():
    print("""// SPDX-License-Identifier: MIT
// The cross-entropy and its derivatives for margins from 1 to 700. Written by cross_entropy_margins.py with mpmath.
#pragma once

#include <array>

namespace reference {

/// Of four classes: the logits are offsets, with the margin added to class `leading`.
struct Margin {
  double margin;
  std::array<double, 2> loss;                     ///< of the labels `leading` and `wrong`
  std::array<std::array<double, 4>, 2> gradient;  ///< of these labels
  std::array<double, 4> product, third;           ///< H v, and the derivative of H v along w; of any label
};
/// Of one logit z = ± the margin beside 0, label 1: the loss and its first three derivatives with respect to z.
struct BinaryMargin {
  double z;
  std::array<double, 4> derivatives;
};
""")
    print(f"inline constexpr std::array<double, 4> margin_offsets{numbers(OFFSETS)}, margin_v{numbers(V)},")
    print(f"    margin_w{numbers(W)};")
    print(f"inline constexpr int margin_leading = {LEADING}, margin_wrong = {WRONG};\n")
    print("inline constexpr Margin margins[] = {")
    for m in MARGINS:
        f = [mpf(x) + (m if c == LEADING else 0) for c, x in enumerate(OFFSETS)]
        right, wrong = derivatives(f, LEADING, V, W), derivatives(f, WRONG, V, W)
        print(f"{{{m}, {numbers([right[0], wrong[0]])}, {{{{{numbers(right[1])}, {numbers(wrong[1])}}}}},")
        print(f" {numbers(right[2])}, {numbers(right[3])}}},")
    print("};\n\ninline constexpr BinaryMargin binary_margins[] = {")
    for m in MARGINS:
        for z in (m, -m):
            loss, gradient, product, third = derivatives([mpf(0), mpf(z)], 1, [0, 1], [0, 1])
            print(f"{{{z}, {numbers([loss, gradient[1], product[1], third[1]])}}},")
    print("};\n\n}  // namespace reference")


main()
