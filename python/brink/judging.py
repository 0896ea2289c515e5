# SPDX-License-Identifier: MIT
"""From tables to verdicts, and the file claims.csv of a result folder."""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from brink.claims import Measured, Verdict
from brink.errors import BrinkError, DamagedResult
from brink.tables import read_table, write_table

if TYPE_CHECKING:
    from brink.experiment import Experiment, Tables

COLUMNS = ["id", "claim", "paper", "effect", "low", "high", "p", "n", "unit", "seeds", "rule", "verdict"]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A claim with what was measured, and the verdict by the claim's rule."""

    id: str
    claim: str
    paper: str
    rule: str
    verdict: str
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    n: float = math.nan
    unit: str = ""
    seeds: float = math.nan

    @property
    def in_words(self) -> str:
        """The effect with its interval, p and number of seeds, for a page."""
        if math.isnan(self.effect):
            return "not measured"
        unit = f" {self.unit}" if self.unit else ""
        out = f"{self.effect:.4g}{unit}"
        if not math.isnan(self.low) or not math.isnan(self.high):
            out += f" [{_limit(self.low)}, {_limit(self.high)}]"
        if not math.isnan(self.p):
            out += f", p = {self.p:.2g}"
        if not math.isnan(self.n) and self.n != self.seeds:
            out += f", n = {self.n:.0f}"
        if not math.isnan(self.seeds):
            out += f", {self.seeds:.0f} seed{'' if self.seeds == 1 else 's'}"
        return out.replace("-", "−")


def _limit(value: float) -> str:
    return "−∞" if value == -math.inf else "∞" if value == math.inf else "—" if math.isnan(value) else f"{value:.4g}"


def judgements(experiment: "Experiment", tables: "Tables", seeds: int | None = None) -> list[Judgement]:
    """Every claim of an experiment, judged. A claim for which judge() returns None is not testable at this size."""
    returned = experiment.judge(tables)
    if not isinstance(returned, Mapping):
        raise BrinkError(f"judge(): expected a dictionary {{claim: Measured}}, found {type(returned).__name__}")
    measured = {getattr(claim, "text", claim): value for claim, value in returned.items()}
    if unknown := set(measured) - {claim.text for claim in experiment.claims}:
        raise BrinkError(f"judge(): what it returned is about no claim of the experiment: {', '.join(sorted(map(repr, unknown)))}")
    if missing := [claim.text for claim in experiment.claims if claim.text not in measured]:
        raise BrinkError(f"judge(): it returned nothing for {', '.join(map(repr, missing))}; expected a Measured for each claim, or None for one that is "
                         "not testable at this size")
    for text, value in measured.items():
        if value is not None and not isinstance(value, Measured):
            raise BrinkError(f"judge(): expected a Measured for {text!r}, from brink.statistics or as Measured(effect, low, high), found {type(value).__name__}")
    out = []
    for claim in experiment.claims:
        value = measured[claim.text]
        told: dict[str, Any] = {"id": experiment.id, "claim": claim.text, "paper": claim.paper, "rule": str(claim.rule)}
        if value is None:
            out.append(Judgement(**told, verdict=Verdict.NOT_TESTABLE))
            continue
        verdict = str(claim.rule(value))
        if verdict not in list(Verdict):
            raise BrinkError(f"{experiment.id}: the rule of {claim.text!r} returned {verdict!r}; expected one of {', '.join(Verdict)}")
        numbers: dict[str, Any] = {name: _number(getattr(value, name)) for name in ("effect", "low", "high", "p", "n", "seeds")}
        if math.isnan(numbers["seeds"]) and seeds is not None:
            numbers["seeds"] = seeds
        out.append(Judgement(**told, verdict=verdict, unit=value.unit, **numbers))
    return out


def of_former_rule(former: str) -> str:
    """The sentence about a rule that was changed after there were results; "" is the rule of a claim that was not there."""
    return f"This rule differs from that of the results of before: “{former}”" if former else "This claim was not there when the results of before were made."


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def verdict_counts(judged: Iterable[Judgement]) -> dict[Verdict, int]:
    """How many claims have each verdict, in the order of the verdicts; 0 included."""
    found = collections.Counter(one.verdict for one in judged)
    return {verdict: found[verdict] for verdict in Verdict}


def write_judgements(folder: pathlib.Path, judged: list[Judgement]) -> None:
    write_table(folder / "claims.csv", pd.DataFrame([dataclasses.asdict(one) for one in judged], columns=COLUMNS))


def read_judgements(folder: pathlib.Path) -> list[Judgement]:
    """The judgements of a result folder, as claims.csv has them."""
    table = read_table(folder / "claims.csv", {"unit": str, "paper": str})
    if list(table.columns) != COLUMNS:
        raise DamagedResult(f"{folder / 'claims.csv'}: expected the columns {', '.join(COLUMNS)}, found {', '.join(map(str, table.columns)) or 'none'}")
    if strange := sorted({str(one) for one in table["verdict"]} - {*Verdict}):
        raise DamagedResult(f"{folder / 'claims.csv'}: expected the verdicts {', '.join(Verdict)}, found {', '.join(strange)}")
    if table.empty:
        return []
    table = table.fillna({"unit": "", "paper": ""})
    return [Judgement(**{str(name): value for name, value in row.items()}) for row in table.to_dict("records")]
