#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints taylor_series.h: derivatives of orders 1 to 4 of GhostBatchNorm and of the cross-entropy along lines. Needs mpmath.

It is not part of the build: `taylor_series.py > taylor_series.h && clang-format-14 -i taylor_series.h`. Every input is exact in float32,
so one table serves both precisions. Derivatives are those of the definitions, by mpmath's differences in 400 digits.
"""
from mpmath import diff, exp, log, mp, mpf, sqrt

mp.dps = 400

# GhostBatchNorm: one channel, one group of three values.
X, X_SLOPE, X_OTHER = [1, -0.5, 2], [0.5, 1, -0.75], [-1, 0.25, 0.5]
GAMMA, GAMMA_SLOPE, GAMMA_OTHER = 1.25, 0.5, -0.25
BETA, BETA_SLOPE, BETA_OTHER = -0.5, 0.25, 0.75
EPSILON = 0.25
TARGET = [0.5, -1, 0.25]

# The cross-entropy: logits with a margin added to class 2.
MARGINS = [1, 5, 20, 50, 100, 300]
OFFSETS = [0.25, -1.5, 0.75, 0.75]
LEADING, WRONG = 2, 0
V = [0.5, -1, 0.75, 2]


def normalise(t, r):
    """y of the three values at t along the slopes and r along the others."""
    x = [mpf(a) + t * mpf(b) + r * mpf(c) for a, b, c in zip(X, X_SLOPE, X_OTHER)]
    gamma = mpf(GAMMA) + t * mpf(GAMMA_SLOPE) + r * mpf(GAMMA_OTHER)
    beta = mpf(BETA) + t * mpf(BETA_SLOPE) + r * mpf(BETA_OTHER)
    mean = sum(x) / 3
    deviation = sqrt(sum((a - mean) ** 2 for a in x) / 3 + mpf(EPSILON))
    return [gamma * (a - mean) / deviation + beta for a in x]


def half_square(t, r):
    return sum((a - mpf(b)) ** 2 for a, b in zip(normalise(t, r), TARGET)) / 2


def cross_entropy(margin, label, t):
    f = [mpf(a) + t * mpf(b) + (margin if c == LEADING else 0) for c, (a, b) in enumerate(zip(OFFSETS, V))]
    return log(sum(exp(a) for a in f)) - f[label]


def numbers(x):
    return "{" + ", ".join(repr(float(a)) for a in x) + "}"


def main():
    orders = range(1, 5)
    print("""// SPDX-License-Identifier: MIT
// Derivatives of orders 1 to 4 of GhostBatchNorm and of the cross-entropy along lines. Written by taylor_series.py with mpmath.
#pragma once

#include <array>

namespace reference {

/// One channel of one ghost group of three values; the slopes are those of the line along which everything is differentiated.
struct NormLine {
  std::array<double, 3> x, x_slope, x_other, target;
  double gamma, gamma_slope, gamma_other, beta, beta_slope, beta_other, epsilon;
  std::array<std::array<double, 3>, 4> y;  ///< orders 1 to 4 of each value
  std::array<double, 4> half_square;       ///< of ½ Σ (y − target)²
  double mixed;                            ///< its third derivative along slope, slope and other
};""")
    y = [[diff(lambda t: normalise(t, mpf(0))[i], 0, k) for i in range(3)] for k in orders]
    square = [diff(lambda t: half_square(t, mpf(0)), 0, k) for k in orders]
    mixed = diff(half_square, (0, 0), (2, 1))
    scalars = [GAMMA, GAMMA_SLOPE, GAMMA_OTHER, BETA, BETA_SLOPE, BETA_OTHER, EPSILON]
    print("inline constexpr NormLine norm_line{" +
          ", ".join([numbers(v) for v in (X, X_SLOPE, X_OTHER, TARGET)] + [repr(float(v)) for v in scalars]) +
          ", {{" + ", ".join(numbers(v) for v in y) + "}}, " + numbers(square) + ", " + repr(float(mixed)) + "};")
    print("""
/// The cross-entropy of four logits, offsets with the margin added to class `leading`, along the direction line_v.
struct EntropyLine {
  double margin;
  std::array<std::array<double, 4>, 2> derivatives;  ///< of the labels `leading` and `wrong`, orders 1 to 4
};""")
    print("inline constexpr int line_leading = %d, line_wrong = %d;" % (LEADING, WRONG))
    print("inline constexpr std::array<double, 4> line_offsets" + numbers(OFFSETS) + ", line_v" + numbers(V) + ";")
    print("inline constexpr std::array<EntropyLine, %d> entropy_lines{{" % len(MARGINS))
    for m in MARGINS:
        of = [[diff(lambda t: cross_entropy(m, label, t), 0, k) for k in orders] for label in (LEADING, WRONG)]
        print("{%s, {{%s}}}," % (float(m), ", ".join(numbers(d) for d in of)))
    print("""}};

}  // namespace reference""")


main()
