# SPDX-License-Identifier: MIT
"""Claims, what was measured of them, and rules that turn the one into a verdict on the other."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable

from brink.errors import BrinkError


class Verdict(enum.StrEnum):
    """What a rule says of a claim."""

    HOLDS = "holds"
    WEAK = "weak"
    DOES_NOT_HOLD = "does not hold"
    NOT_TESTABLE = "not testable at this size"


FAILED = (Verdict.WEAK, Verdict.DOES_NOT_HOLD)  # verdicts that are discussed


@dataclasses.dataclass(frozen=True)
class Measured:
    """An effect with the ends of its 95 % interval. `n` is the number of observations and `seeds` that of independent runs behind it."""

    effect: float
    low: float = math.nan
    high: float = math.nan
    p: float | None = None
    n: int | None = None
    unit: str = ""
    seeds: int | None = None


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule, which is fixed before the run. `str(rule)` is the sentence that stands on the page."""

    test: Callable[[Measured], Verdict]
    sentence: str
    least_n: int = 0

    def __call__(self, measured: Measured) -> Verdict:
        if math.isnan(measured.effect) or (self.least_n and (measured.n or 0) < self.least_n):
            return Verdict.NOT_TESTABLE
        return self.test(measured)

    def __str__(self) -> str:
        return self.sentence + (f" Not testable with fewer than {self.least_n} observations." if self.least_n else "")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence that is judged, what the paper says about it, and the rule."""

    text: str
    paper: str
    rule: Rule

    def __post_init__(self) -> None:
        if not isinstance(self.rule, Rule):
            raise BrinkError(f"the claim {self.text!r}: expected a rule with its bound, such as below(0), found {type(self.rule).__name__}")


def _graded(interval: bool, effect: bool) -> Verdict:
    return Verdict.HOLDS if interval and effect else Verdict.WEAK if effect else Verdict.DOES_NOT_HOLD


def above(bound: float, least_n: int = 0) -> Rule:
    """The effect is larger than `bound`. Without an interval it is weak at best."""
    return Rule(lambda m: _graded(m.low > bound, m.effect > bound),
                f"Holds if the whole interval is above {bound:g}; weak if only the effect is.", least_n)


def below(bound: float, least_n: int = 0) -> Rule:
    """The effect is smaller than `bound`. Without an interval it is weak at best."""
    return Rule(lambda m: _graded(m.high < bound, m.effect < bound),
                f"Holds if the whole interval is below {bound:g}; weak if only the effect is.", least_n)


def within(low: float, high: float, least_n: int = 0) -> Rule:
    """The effect is between two numbers, both included. Without an interval it is weak at best."""
    if not low <= high:
        raise ValueError(f"within: expected two numbers in increasing order, found {low:g} and {high:g}")
    return Rule(lambda m: _graded(low <= m.low and m.high <= high, low <= m.effect <= high),
                f"Holds if the whole interval is within [{low:g}, {high:g}]; weak if only the effect is.", least_n)


def at_most(bound: float, least_n: int = 0) -> Rule:
    """A computed number, such as the error of an identity, that has no interval."""
    return Rule(lambda m: Verdict.HOLDS if m.effect <= bound else Verdict.DOES_NOT_HOLD, f"Holds if the number is at most {bound:g}.", least_n)


def at_least(bound: float, least_n: int = 0) -> Rule:
    """A computed number that has no interval."""
    return Rule(lambda m: Verdict.HOLDS if m.effect >= bound else Verdict.DOES_NOT_HOLD, f"Holds if the number is at least {bound:g}.", least_n)
