# SPDX-License-Identifier: MIT
"""Effects with intervals. SciPy does the mathematics; here are its names, groups of observations that belong together, and fixed seeds.

`groups` are labels, such as seeds or instabilities, one for each observation. Observations of one group are not independent of each other, so whole
groups are resampled or averaged. All intervals are at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from brink.claims import Measured

SEED = 20251112  # of every resampling, so that the same numbers give the same intervals
RESAMPLES = 2000
LEAST_GROUPS = 5  # with fewer there are too few ways to draw them again, and an interval would be too narrow
Groups = Sequence[Hashable] | np.ndarray | None


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(SEED))


def _columns(*values: ArrayLike, groups: Any = None) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Arrays of one length without the observations in which one of them is not finite."""
    arrays = [np.asarray(one, dtype=np.float64).ravel() for one in values]
    labels = None if groups is None else np.unique([str(one) for one in groups], return_inverse=True)[1]
    lengths = {len(one) for one in arrays} | (set() if labels is None else {len(labels)})
    if len(lengths) > 1:
        raise ValueError(f"expected as many observations in each list, found {', '.join(map(str, sorted(lengths)))}")
    good = np.all([np.isfinite(one) for one in arrays], axis=0)
    return [one[good] for one in arrays], None if labels is None else labels[good]


def wilson(successes: int, n: int) -> Measured:
    """A proportion with Wilson's interval."""
    if n == 0:
        return Measured(math.nan, n=0)
    interval = stats.binomtest(int(successes), int(n)).proportion_ci(method="wilson")
    return Measured(successes / n, float(interval.low), float(interval.high), n=int(n))


def difference_of_proportions(successes: int, n: int, other_successes: int, other_n: int) -> Measured:
    """The first proportion minus the second, with Newcombe's interval (of Wilson's limits) and Fisher's exact p."""
    if n == 0 or other_n == 0:
        return Measured(math.nan, n=int(n + other_n))
    a, b = wilson(successes, n), wilson(other_successes, other_n)
    effect = a.effect - b.effect
    low = effect - math.hypot(a.effect - a.low, b.high - b.effect)
    high = effect + math.hypot(a.high - a.effect, b.effect - b.low)
    table = [[int(successes), int(n - successes)], [int(other_successes), int(other_n - other_successes)]]
    return Measured(effect, low, high, p=float(stats.fisher_exact(table).pvalue), n=int(n + other_n))


def group_means(values: ArrayLike, groups: Groups) -> np.ndarray:
    """The mean of each group, in the order of the labels."""
    (kept,), labels = _columns(values, groups=groups)
    assert labels is not None
    return np.array([kept[labels == one].mean() for one in np.unique(labels)])


def mean_interval(values: ArrayLike, groups: Groups = None, against: float | None = None, among: tuple[float, float] = (-math.inf, math.inf)) -> Measured:
    """A mean with Student's interval; with `groups` that of the groups' means. `against` gives p of the t-test of this mean.

    The interval is cut to `among`, the values that are possible, such as −1 to 1 for correlations.
    """
    (kept,), _ = _columns(values)
    units = kept if groups is None else group_means(values, groups)
    seeds = None if groups is None else len(units)
    if len(units) == 0:
        return Measured(math.nan, n=0)
    effect = float(units.mean())
    if len(units) == 1:
        return Measured(effect, n=len(kept), seeds=seeds)
    if np.ptp(units) == 0:
        return Measured(effect, effect, effect, n=len(kept), seeds=seeds)
    test = stats.ttest_1samp(units, 0.0 if against is None else against)
    interval = test.confidence_interval()
    low, high = max(float(interval.low), among[0]), min(float(interval.high), among[1])
    return Measured(effect, low, high, p=None if against is None else float(test.pvalue), n=len(kept), seeds=seeds)


def geometric_mean_interval(values: ArrayLike, groups: Groups = None) -> Measured:
    """The geometric mean of positive numbers, such as ratios, with the interval of the mean logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = mean_interval(np.log(np.asarray(values, dtype=np.float64)), groups)
    return Measured(math.exp(logs.effect), math.exp(logs.low), math.exp(logs.high), n=logs.n, seeds=logs.seeds)


def paired_difference(first: ArrayLike, second: ArrayLike, groups: Groups = None) -> Measured:
    """The mean of first − second over pairs, such as two runs of one seed, with Student's interval and p against 0."""
    (a, b), _ = _columns(first, second)
    if groups is None:
        return mean_interval(a - b, against=0.0)
    return mean_interval(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), groups, against=0.0)


def bootstrap(statistic: Callable[..., float], *values: ArrayLike, groups: Groups = None, resamples: int = RESAMPLES) -> Measured:
    """statistic(*values) with the percentile interval over whole groups drawn again; without `groups` each observation is one.

    With fewer than five groups there is no interval, so that a rule says "weak" at best.
    """
    arrays, labels = _columns(*values, groups=groups)
    n = len(arrays[0])
    if n == 0:
        return Measured(math.nan, n=0)
    labels_or_own = np.arange(n) if labels is None else labels
    members = [np.flatnonzero(labels_or_own == one) for one in np.unique(labels_or_own)]
    seeds = None if labels is None else len(members)
    effect = float(statistic(*arrays))
    if len(members) < LEAST_GROUPS:
        return Measured(effect, n=n, seeds=seeds)

    generator, found = _generator(), np.empty(resamples)
    for i in range(resamples):
        rows = np.concatenate([members[one] for one in generator.integers(len(members), size=len(members))])
        found[i] = statistic(*[one[rows] for one in arrays])
    found = found[~np.isnan(found)]
    if len(found) == 0:
        return Measured(effect, n=n, seeds=seeds)
    low, high = np.percentile(found, [2.5, 97.5], method="inverted_cdf")
    return Measured(effect, float(low), float(high), n=n, seeds=seeds)


def _r(kind: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The correlation as a number; NaN where one of the two is constant."""
    if kind not in ("pearson", "spearman"):
        raise ValueError(f"expected pearson or spearman, found {kind!r}")

    def of(x: np.ndarray, y: np.ndarray) -> float:
        if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
            return math.nan
        if kind == "spearman":
            x, y = stats.rankdata(x), stats.rankdata(y)
        return float(np.corrcoef(x, y)[0, 1])
    return of


def correlation(x: ArrayLike, y: ArrayLike, kind: str = "pearson", groups: Groups = None) -> Measured:
    """A correlation with p of SciPy. The interval is Fisher's (Bonett and Wright's for ranks), or with `groups` that of `bootstrap`."""
    (a, b), labels = _columns(x, y, groups=groups)
    r = _r(kind)(a, b)
    if len(a) < 4 or math.isnan(r):
        return Measured(r, n=len(a))
    p = float((stats.pearsonr if kind == "pearson" else stats.spearmanr)(a, b).pvalue)
    if labels is not None:
        over = bootstrap(_r(kind), a, b, groups=labels)
        return Measured(r, over.low, over.high, p=p, n=len(a), seeds=over.seeds)
    if abs(r) >= 1:
        return Measured(r, r, r, p=p, n=len(a))
    width = stats.norm.ppf(0.975) * math.sqrt((1 if kind == "pearson" else 1 + r * r / 2) / (len(a) - 3))
    return Measured(r, math.tanh(math.atanh(r) - width), math.tanh(math.atanh(r) + width), p=p, n=len(a))


def pearson(x: ArrayLike, y: ArrayLike, groups: Groups = None) -> Measured:
    return correlation(x, y, "pearson", groups)


def spearman(x: ArrayLike, y: ArrayLike, groups: Groups = None) -> Measured:
    return correlation(x, y, "spearman", groups)


def correlations(x: ArrayLike, y: ArrayLike, groups: Groups, kind: str = "spearman") -> np.ndarray:
    """The correlation within each group, in the order of the labels; NaN where it is not defined."""
    (a, b), labels = _columns(x, y, groups=groups)
    assert labels is not None
    return np.array([_r(kind)(a[labels == one], b[labels == one]) for one in np.unique(labels)])


def partial_correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike, kind: str = "pearson", groups: Groups = None) -> Measured:
    """The correlation of what a linear function of `given` leaves of x and y; of ranks for "spearman"."""
    (a, b, c), labels = _columns(x, y, given, groups=groups)

    def of(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        if kind == "spearman":
            a, b, c = (stats.rankdata(one) for one in (a, b, c))
        ab, ac, bc = (_r("pearson")(*pair) for pair in ((a, b), (a, c), (b, c)))
        return (ab - ac * bc) / math.sqrt((1 - ac * ac) * (1 - bc * bc)) if abs(ac) < 1 and abs(bc) < 1 else math.nan
    return bootstrap(of, a, b, c, groups=labels)


def permutation_p(statistic: Callable[[np.ndarray, np.ndarray], float], x: ArrayLike, y: ArrayLike, groups: Groups,
                  resamples: int = RESAMPLES) -> float:
    """p of statistic(x, y) > what it is where x and y have nothing to do with each other.

    Whole groups of x change places, and the joined list is then turned round by a random number of places, while y stays. So the order within a group,
    in which observations depend on each other, is kept.
    """
    (a, b), labels = _columns(x, y, groups=groups)
    assert labels is not None
    observed, generator = statistic(a, b), _generator()
    members = [np.flatnonzero(labels == one) for one in np.unique(labels)]
    extreme = 0
    for _ in range(resamples):
        order = np.concatenate([members[one] for one in generator.permutation(len(members))])
        extreme += statistic(a[np.roll(order, int(generator.integers(len(order))))], b) >= observed
    return (extreme + 1) / (resamples + 1)


def runs_test(signs: ArrayLike, groups: Groups = None) -> Measured:
    """Wald and Wolfowitz's test: the number of runs of equal signs over the number expected of independent signs, which gives 1.

    Each group is a sequence of its own. Zeros must have been left out.
    """
    (kept,), labels = _columns(signs, groups=groups)
    labels = np.zeros(len(kept), dtype=int) if labels is None else labels
    runs = expected = variance = 0.0
    for one in np.unique(labels):
        up = kept[labels == one] > 0
        n, a, b = len(up), int(up.sum()), int((~up).sum())
        if a == 0 or b == 0:
            continue
        runs += 1 + int((up[1:] != up[:-1]).sum())
        expected += 2 * a * b / n + 1
        variance += 2 * a * b * (2 * a * b - n) / (n * n * (n - 1))
    if variance == 0:
        return Measured(math.nan, n=len(kept))
    deviation = math.sqrt(variance)
    width = float(stats.norm.ppf(0.975)) * deviation / expected
    return Measured(runs / expected, runs / expected - width, runs / expected + width,
                    p=float(2 * stats.norm.sf(abs(runs - expected) / deviation)), n=len(kept))


def lag_correlation(values: ArrayLike, groups: Sequence[Hashable] | np.ndarray, lag: int = 1, clusters: Groups = None) -> Measured:
    """The correlation of a value with the one `lag` places later in its group; the interval is over `clusters`, or else over groups."""
    array, labels = np.asarray(values, dtype=np.float64), np.asarray([str(one) for one in groups])
    outer = labels if clusters is None else np.asarray([str(one) for one in clusters])
    first, second, where = [], [], []
    for one in dict.fromkeys(labels):
        rows = np.flatnonzero(labels == one)
        first += list(array[rows[:-lag]])
        second += list(array[rows[lag:]])
        where += list(outer[rows[:-lag]])
    return correlation(first, second, "pearson", groups=where)
