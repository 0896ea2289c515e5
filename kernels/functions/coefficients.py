#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the polynomial coefficients and the digits of 2/pi of elementary_parts.h and elementary.h. Needs mpmath.

Not part of the build: the printed numbers are copied. Each polynomial is a weighted least-squares fit at Chebyshev nodes,
which is within a factor of two of the minimax one. Coefficients are rounded to float64 one at a time from the lowest, the
others fitted again each time, so that a later coefficient makes up for an earlier one's rounding.
"""
from mpmath import cos, diff, erfc, exp, factorial, log, lu_solve, matrix, mp, mpf, nint, pi, sqrt

mp.prec = 400


def chebyshev(count, low, high):
    return [(low + high) / 2 - (high - low) / 2 * cos(pi * (k + mpf(1) / 2) / count) for k in range(count)]


def fit_free(f, weight, degree, low, high, fixed):
    """Real coefficients of powers len(fixed) ... degree, the lower ones given."""
    unknown = degree + 1 - len(fixed)
    nodes = chebyshev(3 * unknown + 8, low, high)
    a, b = matrix(len(nodes), unknown), matrix(len(nodes), 1)
    for k, x in enumerate(nodes):
        for i in range(unknown):
            a[k, i] = weight(x) * x ** (len(fixed) + i)
        b[k] = weight(x) * (f(x) - sum(c * x**i for i, c in enumerate(fixed)))
    scale = mpf(2) ** 300  # lu_solve calls small pivots singular
    return lu_solve(a.T * a * scale, a.T * b * scale)


def fit(title, f, weight, degree, low, high, fixed=()):
    coefficients = [mpf(c) for c in fixed]
    while len(coefficients) <= degree:
        coefficients.append(mpf(float(fit_free(f, weight, degree, low, high, coefficients)[0])))
    worst = max(abs(sum(c * x**i for i, c in enumerate(coefficients)) - f(x)) * weight(x) for x in chebyshev(501, low, high))
    print(f"{title}: weighted error 2^{float(log(worst, 2)):.2f}")
    for c in reversed(coefficients):
        print("   ", float(c).hex())


def series(coefficient, terms=60):
    return lambda x: sum(coefficient(i) * x**i for i in range(terms))


def main():
    slack = mpf(1.0001)
    half_ln2 = log(mpf(2)) / 2 * slack
    fit("(e^r - 1 - r)/r^2", series(lambda i: 1 / factorial(i + 2)), abs, 10, -half_ln2, half_ln2, [0.5])
    s2 = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * slack
    fit("(2 atanh(s)/s - 2)/s^2 in s^2", series(lambda i: mpf(2) / (2 * i + 3)), lambda z: z, 7, mpf(0), s2)
    r2 = (pi / 4) ** 2 * slack
    fit("(sin r/r - 1)/r^2 in r^2", series(lambda i: (-1) ** (i + 1) / factorial(2 * i + 3)), lambda z: z, 6, mpf(0), r2)
    fit("(cos r - 1 + r^2/2)/r^4 in r^2", series(lambda i: (-1) ** i / factorial(2 * i + 4)), lambda z: z * z, 5, mpf(0), r2)
    pole, last = mpf(5.5), mpf(38.7)

    def mills(t):
        a = pole * (1 + t) / (1 - t)
        return (a + pole) * exp(a * a / 2) * erfc(a / sqrt(mpf(2))) / 2

    fit("(a + 5.5)(1 - Phi(a)) exp(a^2/2) in t = (a - 5.5)/(a + 5.5)", mills, lambda t: 1 / mills(t), 23, mpf(-1),
        (last - pole) / (last + pole))
    fit("its derivative", lambda t: diff(mills, t), lambda t: 1 / mills(t), 5, mpf(-1), (last - pole) / (last + pole))
    mp.prec = 1600
    rest = 2 / pi
    digits = []
    for _ in range(46):
        rest *= 2**26
        digits.append(int(nint(rest)))
        rest -= digits[-1]
    print("2/pi in balanced digits of base 2^26:", digits)


main()
