# SPDX-License-Identifier: MIT
"""Figures 6 to 10 and table 1: what their judges say of tables that are made so that the answer is known, and the runs that they ask for."""

import math
import pathlib
from collections.abc import Callable

import pandas as pd
import pytest

from brink.claims import Claim, Measured, Verdict
from brink.experiment import Experiment, load
from brink.lab import Lab

PAPER = pathlib.Path(__file__).resolve().parents[2] / "bench" / "paper"
IDS = ["fig6", "fig7", "table1", "fig8", "fig9", "fig10"]
SEEDS = range(3)


def verdicts(experiment: Experiment, rows: list[dict[str, object]], **more: pd.DataFrame) -> dict[str, Verdict]:
    measured: dict[Claim, Measured | None] = dict(experiment.judge({"ends": pd.DataFrame(rows), **more}))
    assert set(measured) <= set(experiment.claims)
    return {claim.text: claim.rule(value) for claim, value in measured.items() if value is not None}


def of(found: dict[str, Verdict], words: str) -> Verdict:
    (text,) = [text for text in found if words in text]
    return found[text]


def wobble(seed: int) -> float:
    return 0.002 * (seed - 1)


def sweep(gain: float, drift: float, panel: str = "vgg") -> list[dict[str, object]]:
    """η = 2⁰ … 2⁷; unstable from 2⁴ on, with an accuracy that is higher by `gain` there, and `drift` for each doubling below; 2⁷ diverges."""
    rows: list[dict[str, object]] = []
    for seed in SEEDS:
        for power in range(8):
            unstable, lost = power >= 4, power == 7
            accuracy = 0.5 + wobble(seed) + (gain * (1.2 - 0.2 * (power == 6) * 3) if unstable else drift * power)
            rows.append({"panel": panel, "seed": seed, "learning_rate": 2.0**power, "status": "diverged" if lost else "finished",
                         "test_accuracy": math.nan if lost else accuracy, "lambda_1": math.nan if lost else 10.0 if unstable else 100.0 + seed,
                         "ever_unstable": int(unstable), "completed": int(not lost)})
    return rows


def test_fig6() -> None:
    fig6 = load(PAPER / "fig6.py")
    good = verdicts(fig6, sweep(0.2, 0.0) + sweep(0.2, 0.0, "mlp"))
    assert set(good.values()) == {Verdict.HOLDS}
    bad = verdicts(fig6, sweep(-0.2, 0.05) + sweep(-0.2, 0.05, "mlp"))
    for words in ("changes by at most", "higher test accuracy", "at the largest η"):
        assert all(bad[text] is Verdict.DOES_NOT_HOLD for text in bad if words in text)
    # Networks that no longer learn are flat, and do not count.
    dead = [{**row, "completed": int(row["ever_unstable"] == 0)} for row in sweep(0.2, 0.0)]
    assert of(verdicts(fig6, dead), "VGG10, cifar10-5k: of the complete runs") is Verdict.NOT_TESTABLE
    only = verdicts(fig6, sweep(0.2, 0.0))
    assert {verdict for text, verdict in only.items() if text.startswith("MLP")} == {Verdict.NOT_TESTABLE}


def switched(sign: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for seed in SEEDS:
        rows.append({"large": 0.0, "accuracy": 0.0, "seed": seed, "switched_at": 0, "status": "finished", "lambda_1": 100.0, "test_accuracy": 0.4,
                     "ever_unstable": 0})
        for large in (0.1, 0.2):
            for accuracy in (0.3, 0.5, 0.9):
                rows.append({"large": large, "accuracy": accuracy, "seed": seed, "switched_at": 5, "status": "finished",
                             "lambda_1": 100 * math.exp(-sign * (1 + 0.1 * seed) * accuracy), "test_accuracy": 0.4 + 0.1 * sign * accuracy,
                             "ever_unstable": 1})
    return rows


def test_fig7() -> None:
    fig7 = load(PAPER / "fig7.py")
    assert [verdict for text, verdict in verdicts(fig7, switched(1)).items() if "small η is stable" not in text] == [Verdict.HOLDS] * 3
    bad = verdicts(fig7, switched(-1))
    assert [verdict for text, verdict in bad.items() if "small η is stable" not in text] == [Verdict.DOES_NOT_HOLD] * 3
    never = [{**row, "switched_at": math.nan if row["large"] else 0} for row in switched(1)]
    assert of(verdicts(fig7, never), "higher the test accuracy") is Verdict.NOT_TESTABLE


def test_table1() -> None:
    table1 = load(PAPER / "table1.py")
    rows: list[dict[str, object]] = []
    for row in ("VGG19 on CIFAR10-50k", "VGG19 on CIFAR10-500k", "ResNet20 on CIFAR10-500k"):
        for seed in range(8):
            for rate in (0.1, 0.4, 1.6, 3.2, 6.4):
                falls = row == "VGG19 on CIFAR10-500k"
                accuracy = math.nan if rate == 6.4 else (0.9 - 0.1 * rate if falls else 0.5 + 0.1 * rate)
                rows.append({"row": row, "learning_rate": rate, "seed": seed, "test_accuracy": accuracy})
    found = verdicts(table1, rows)
    assert of(found, "VGG19 on CIFAR10-50k") is Verdict.HOLDS
    assert of(found, "VGG19 on CIFAR10-500k") is Verdict.DOES_NOT_HOLD
    assert of(found, "ResNet20 does not learn") is Verdict.HOLDS
    learns = [{**row, "test_accuracy": 0.9} if row["learning_rate"] == 6.4 else row for row in rows]
    assert of(verdicts(table1, learns), "ResNet20 does not learn") is Verdict.DOES_NOT_HOLD


def noisy(accuracy: Callable[[float, float], float]) -> list[dict[str, object]]:
    return [{"learning_rate": rate, "scale": scale, "seed": seed, "test_accuracy": accuracy(rate, scale) * (1 + wobble(seed))}
            for rate in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6) for scale in (0, 0.25, 0.5, 1, 2) for seed in SEEDS]


def test_fig8_tells_the_learning_rate_from_the_temperature() -> None:
    fig8 = load(PAPER / "fig8.py")
    by_rate = verdicts(fig8, noisy(lambda rate, scale: 0.5 + 0.05 * math.log2(rate)))
    assert set(by_rate.values()) == {Verdict.HOLDS}
    # The accuracy is a function of the temperature alone: nothing rises where ε²η is the same.
    by_temperature = verdicts(fig8, noisy(lambda rate, scale: 0.5 + 0.01 * math.log2(max(scale, 0.01) ** 2 * rate)))
    assert of(by_temperature, "Where ε²η is the same") is not Verdict.HOLDS
    falls = verdicts(fig8, noisy(lambda rate, scale: 0.5 - 0.05 * math.log2(rate)))
    assert set(falls.values()) == {Verdict.DOES_NOT_HOLD}


def phases(sign: float, ratio: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for seed in SEEDS:
        for rule in ("SGD", "GD"):
            for epochs in (5, 20, 80) + (-1,) * (rule == "SGD"):
                length = 160 if epochs < 0 else epochs
                accuracy = 0.5 + sign * (0.01 * math.log2(length) + 0.05 * (rule == "SGD") * (1 + 0.1 * seed))
                rows.append({"rule": rule, "epochs": epochs, "seed": seed, "status": "finished", "as_planned": 1,
                             "lambda_1": (ratio if rule == "SGD" else 1) * 100 * length**-sign * (1 + 0.01 * seed), "test_accuracy": accuracy})
    return rows


def test_fig9() -> None:
    fig9 = load(PAPER / "fig9.py")
    assert set(verdicts(fig9, phases(1, 1.1)).values()) == {Verdict.HOLDS}
    assert set(verdicts(fig9, phases(-1, 5)).values()) == {Verdict.DOES_NOT_HOLD}
    # Runs that were complete before the switch have no say.
    more = [{**row, "as_planned": 0} for row in phases(-1, 5)]
    assert set(verdicts(fig9, phases(1, 1.1) + more).values()) == {Verdict.HOLDS}


def clipped(sign: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for optimizer, narrow in (("RMSProp", 1.0), ("Adam", 0.3 if sign > 0 else 3.0)):
        for mode in ("full", "mini"):
            for percentile in (50, 90, 100):
                for power in range(3):
                    for seed in SEEDS:
                        accuracy = 0.5 + sign * (0.05 * narrow * power + 0.03 * (percentile < 100) * (1 + 0.1 * seed)) + wobble(seed)
                        rows.append({"optimizer": optimizer, "mode": mode, "percentile": percentile, "clip": 1.0, "learning_rate": 1e-3 * 2**power,
                                     "seed": seed, "test_accuracy": accuracy})
    return rows


def test_fig10() -> None:
    fig10 = load(PAPER / "fig10.py")
    assert set(verdicts(fig10, clipped(1)).values()) == {Verdict.HOLDS}
    assert set(verdicts(fig10, clipped(-1)).values()) == {Verdict.DOES_NOT_HOLD}


@pytest.mark.parametrize("name", IDS)
def test_every_size_names_its_reductions(name: str) -> None:
    experiment = load(PAPER / f"{name}.py")
    assert set(experiment.sizes) == {"smoke", "small", "paper"}
    assert experiment.sizes["small"]["reduced"] and "reduced" not in experiment.sizes["paper"]


def test_small_learning_rates_take_more_steps(tmp_path: pathlib.Path) -> None:
    fig6 = load(PAPER / "fig6.py")
    lab = Lab.__new__(Lab)
    lab.name, lab.size = "smoke", dict(fig6.sizes["small"])
    configs = fig6.work.__globals__["configs"](lab)
    steps = {rate: one["training"]["steps"] for (panel, seed, rate), one in configs.items() if panel == "vgg" and seed == 0}
    assert steps[0.0125] == 1600 and min(steps.values()) == 400 and steps[max(steps)] == 400
