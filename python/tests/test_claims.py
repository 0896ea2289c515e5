# SPDX-License-Identifier: MIT
"""The verdicts of every rule of brink.claims, at both sides of each of its bounds."""

import math

import pytest

from brink.claims import Measured, Rule, Verdict, above, at_least, at_most, below, within

HOLDS, WEAK, NOT, UNTESTED = Verdict.HOLDS, Verdict.WEAK, Verdict.DOES_NOT_HOLD, Verdict.NOT_TESTABLE


@pytest.mark.parametrize("rule, effect, low, high, verdict", [
    (above(1), 2, 1.1, 3, HOLDS), (above(1), 2, 1, 3, WEAK), (above(1), 1, 0.9, 3, NOT), (above(1), 2, math.nan, math.nan, WEAK),
    (below(1), 0, -1, 0.9, HOLDS), (below(1), 0, -1, 1, WEAK), (below(1), 1, -1, 2, NOT), (below(1), 0, math.nan, math.nan, WEAK),
    (within(-1, 1), 0, -1, 1, HOLDS), (within(-1, 1), 0, -1.1, 1, WEAK), (within(-1, 1), 0, -1, 1.1, WEAK), (within(-1, 1), 1.1, 0, 1, NOT),
    (at_most(1e-10), 1e-10, math.nan, math.nan, HOLDS), (at_most(1e-10), 2e-10, 0, 0, NOT),
    (at_least(3), 3, math.nan, math.nan, HOLDS), (at_least(3), 2.9, 9, 9, NOT),
    (above(1), math.nan, 2, 3, UNTESTED), (at_most(1), math.nan, 0, 0, UNTESTED),
])
def test_verdicts(rule: Rule, effect: float, low: float, high: float, verdict: Verdict) -> None:
    assert rule(Measured(effect, low, high)) is verdict


def test_too_few_observations() -> None:
    rule = above(0, least_n=200)
    assert rule(Measured(1, 0.5, 2, n=199)) is UNTESTED
    assert rule(Measured(1, 0.5, 2)) is UNTESTED
    assert rule(Measured(1, 0.5, 2, n=200)) is HOLDS
    assert "fewer than 200" in str(rule)


def test_rules_are_sentences() -> None:
    assert str(above(0)) == "Holds if the whole interval is above 0; weak if only the effect is."
    assert str(within(0.4, 0.6)) == "Holds if the whole interval is within [0.4, 0.6]; weak if only the effect is."
    assert [str(one) for one in Verdict] == ["holds", "weak", "does not hold", "not testable at this size"]
    with pytest.raises(ValueError, match="increasing order, found 2 and 1"):
        within(2, 1)
