# SPDX-License-Identifier: MIT
"""brink.statistics against published examples and against data of which the answer is known."""

import math

import numpy as np
import pytest
from scipy import stats

from brink import statistics
from brink.claims import Measured


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_wilson() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert statistics.wilson(81, 263).low == pytest.approx(0.2553, abs=5e-5)
    assert statistics.wilson(81, 263).high == pytest.approx(0.3662, abs=5e-5)
    assert math.isnan(statistics.wilson(0, 0).effect)


def test_difference_of_proportions() -> None:
    # Newcombe 1998, table II, method 10: 56/70 − 48/80, and 10/10 − 0/20.
    a = statistics.difference_of_proportions(56, 70, 48, 80)
    assert (a.effect, a.low, a.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    b = statistics.difference_of_proportions(10, 10, 0, 20)
    assert (b.effect, b.low, b.high) == pytest.approx((1, 0.6791, 1), abs=5e-5)
    assert a.p == pytest.approx(stats.fisher_exact([[56, 14], [48, 32]]).pvalue)


def test_mean() -> None:
    values = [1.0, 2.0, 4.0, 5.0]
    found = statistics.mean_interval(values, against=3)
    half = stats.t.ppf(0.975, 3) * np.std(values, ddof=1) / 2
    assert (found.effect, found.low, found.high, found.p, found.n) == pytest.approx((3, 3 - half, 3 + half, 1, 4))
    assert math.isnan(statistics.mean_interval([5.0]).low)
    assert statistics.mean_interval([5.0, math.nan]).n == 1
    assert statistics.mean_interval([2.0, 2.0, 2.0]) == Measured(2, 2, 2, n=3)
    correlations = [0.9, 0.5, 1.0]
    assert statistics.mean_interval(correlations).high > 1
    cut = statistics.mean_interval(correlations, among=(-1, 1))
    assert (cut.low, cut.high) == (statistics.mean_interval(correlations).low, 1)


def test_mean_of_groups() -> None:
    # The many observations of group a count as one.
    found = statistics.mean_interval([1.0] * 100 + [2.0, 4.0, 5.0], groups=["a"] * 100 + ["b", "b", "c"])
    alone = statistics.mean_interval([1.0, 3.0, 5.0])
    assert (found.effect, found.low, found.high) == pytest.approx((alone.effect, alone.low, alone.high))
    assert (found.n, found.seeds) == (103, 3)


def test_geometric_mean() -> None:
    found = statistics.geometric_mean_interval([1.0, 4.0, 16.0])
    assert found.effect == pytest.approx(4) and found.low < 4 < found.high and found.low * found.high == pytest.approx(16)


def test_paired() -> None:
    first, second = random(1).normal(size=12), random(2).normal(size=12)
    found = statistics.paired_difference(first, second)
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert statistics.paired_difference(first + 3, first).effect == pytest.approx(3)


def test_correlations() -> None:
    x = random(3).normal(size=40)
    y = x + random(4).normal(size=40)
    found = statistics.pearson(x, y)
    interval = stats.pearsonr(x, y).confidence_interval()
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, stats.pearsonr(x, y).pvalue))
    rank = statistics.spearman(x, np.exp(3 * y))
    assert rank.effect == pytest.approx(stats.spearmanr(x, y).statistic) and rank.low < rank.effect < rank.high
    assert math.isnan(statistics.pearson([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]).effect)
    within = statistics.correlations(np.r_[x, x], np.r_[x, -x], groups=[0] * 40 + [1] * 40)
    assert within == pytest.approx([1, -1])


def test_groups_widen_an_interval() -> None:
    # Forty copies of six observations are six observations.
    x, groups = np.repeat(random(5).normal(size=6), 40), np.repeat(np.arange(6), 40)
    y = np.repeat(random(6).normal(size=6), 40)
    alone, grouped = statistics.pearson(x, y), statistics.pearson(x, y, groups=groups)
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)
    assert grouped.seeds == 6 and grouped == statistics.pearson(x, y, groups=groups)


def test_bootstrap_covers() -> None:
    hits = 0
    for seed in range(100):
        found = statistics.bootstrap(np.mean, random(seed).normal(size=30), resamples=200)
        hits += found.low <= 0 <= found.high
    assert 85 <= hits <= 99


def test_few_groups_have_no_interval() -> None:
    x, y = random(15).normal(size=40), random(16).normal(size=40)
    assert math.isnan(statistics.bootstrap(np.mean, x, groups=np.arange(40) // 10).low)
    assert math.isnan(statistics.pearson(x, y, groups=np.arange(40) // 10).high)
    assert math.isfinite(statistics.bootstrap(np.mean, x, groups=np.arange(40) // 8).low)


def test_partial_correlation() -> None:
    cause = random(7).normal(size=3000)
    x, y = cause + random(8).normal(size=3000), cause + random(9).normal(size=3000)
    groups = np.arange(3000) // 100
    assert statistics.pearson(x, y).effect == pytest.approx(0.5, abs=0.05)
    for kind in ("pearson", "spearman"):
        found = statistics.partial_correlation(x, y, cause, kind, groups)
        assert abs(found.effect) < 0.05 and found.low < found.effect < found.high
        assert statistics.partial_correlation(x, y, random(10).normal(size=3000), kind, groups).effect > 0.4


def test_permutation() -> None:
    def r(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.corrcoef(x, y)[0, 1])
    x, groups = random(11).normal(size=200), np.repeat(np.arange(20), 10)
    assert statistics.permutation_p(r, x, x + random(12).normal(size=200), groups, 400) < 0.01
    # Trends within groups that are the same in x and in y by chance of their lengths alone are no relation.
    ps = [statistics.permutation_p(r, np.cumsum(random(s).normal(size=200)), np.cumsum(random(s + 50).normal(size=200)), groups, 100)
          for s in range(40)]
    assert 0.3 < np.mean(ps) < 0.7


def test_runs() -> None:
    signs = np.where(random(13).random(2000) < 0.5, 1, -1)
    independent = statistics.runs_test(signs, groups=np.arange(2000) // 20)
    assert independent.low < 1 < independent.high and independent.p is not None and independent.p > 0.01
    alternating = statistics.runs_test(np.tile([1, -1], 20))
    assert alternating.effect == pytest.approx(40 / 21) and alternating.low > 1
    assert statistics.runs_test(np.repeat([1, -1], 20)).high < 1
    assert math.isnan(statistics.runs_test([1, 1, 1]).effect)
    # 1 1 -1 1: three runs; expected 2·3·1/4 + 1.
    assert statistics.runs_test([1, 1, -1, 1]).effect == pytest.approx(3 / 2.5)


def test_lags() -> None:
    groups = np.arange(1000) // 10
    noise = random(14).normal(size=1000)
    assert abs(statistics.lag_correlation(noise, groups).effect) < 0.1
    assert statistics.lag_correlation(np.tile([1.0, -1.0], 500), groups).effect == pytest.approx(-1)
    assert statistics.lag_correlation(np.tile([1.0, -1.0], 500), groups, lag=2).effect == pytest.approx(1)
    # Pairs do not reach from one group into the next.
    assert statistics.lag_correlation(noise, groups).n == 900


def test_lists_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="found 2, 3"):
        statistics.pearson([1, 2, 3], [1, 2])
