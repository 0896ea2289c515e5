# SPDX-License-Identifier: MIT
"""The judgements of the experiments on the MLP, on tables of which the answer is known, and on tables in which it is the contrary."""

import pathlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="needs the extra brink[paper]")

from brink.experiment import Experiment, load  # noqa: E402

PAPER = pathlib.Path(__file__).resolve().parents[2] / "bench" / "paper"
Tables = dict[str, pd.DataFrame]


def verdicts(name: str, tables: Tables) -> list[str]:
    experiment: Experiment = load(PAPER / f"{name}.py")
    measured = experiment.judge(tables)
    return [str(claim.rule(measured[claim])) for claim in experiment.claims]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def fig5(sign: float) -> Tables:
    """Forks whose loss and rotation grow with the factor, or fall."""
    forks = [{"seed": seed, "factor": factor, "at": 50, "step": 50 + step, "loss": 1 + sign * 0.4 * factor * (step > 0), "lambda_1": 20.0,
              "index_overlap_1_ref": 0.5 - sign * 0.2 * factor, "similarity_ref": 0.5 - sign * 0.1 * factor}
             for seed in range(10) for factor in (0.25, 0.5, 1, 1.5, 2) for step in range(8)]
    return {"forks": pd.DataFrame(forks)}


def fig17(sign: float) -> Tables:
    """Steps of log κ that grow with λ₁, or fall; the gradient norm has nothing to do with either."""
    n, seed = 900, np.repeat(np.arange(15), 60)
    lambda_1 = 20 + 10 * np.abs(noise(n, seed=1))
    change = np.abs(3 + sign * (lambda_1 - 20) / 10 + 0.3 * noise(n, seed=2))
    return {"steps": pd.DataFrame({"seed": seed, "instability": np.arange(n) // 10, "step": np.arange(n), "lambda_1": lambda_1,
                                   "gradient_norm": np.abs(noise(n, seed=3)), "log_kappa": sign * lambda_1 + noise(n, seed=4), "change": change})}


def fig18(independent: bool) -> Tables:
    """Independent signs, or signs that mostly alternate and mostly go up over two steps."""
    n = 6000
    random = np.random.default_rng(5)
    change = np.where(random.random(n) < 0.5, 1.0, -1.0) if independent else np.where(np.arange(n) % 4 < 3, 1.0, -1.0)
    two = np.where(random.random(n) < 0.5, 1.0, -1.0) if independent else np.where(np.arange(n) % 20 < 15, 1.0, -1.0)
    return {"changes": pd.DataFrame({"seed": np.arange(n) // 400, "instability": np.arange(n) // 20, "step": np.arange(n), "log_kappa": 0.0,
                                     "change": change, "change2": two})}


def fig15(paper: bool) -> Tables:
    """A quadratic loss with small errors: two updates lead back at 2/λ₁. Or a rotation that never turns back."""
    rows = []
    factors = np.arange(0, 2.01, 0.25)
    for seed in range(8):
        for before in (0, 2):
            shift = 0.02 * noise(1, seed=seed)[0]
            for factor in factors:
                up = 1 - (factor - 1) ** 2 + shift if paper else (factor - 1) ** 2 + shift
                moved = 1 - (1 - 2 * factor / (1 + shift)) ** 2 if paper else -1.0 - factor
                down = 1 - factor / 2 if paper else factor ** 8 / 256
                for scale, value in (("threshold", up), ("current", down + shift)):
                    rows.append({"seed": seed, "instability": 1, "before": before, "scale": scale, "factor": factor, "normalised": value,
                                 "displacement": moved})
    return {"similarity": pd.DataFrame(rows)}


def fig2(flattens: bool) -> Tables:
    """Curvature that stays and then halves, or that doubles and stays so."""
    rows = [{"seed": seed, "step": step, "entry": 60, "resolution": 75, "loss": 1.0, "lambda_1": 20.0,
             "mean_curvature": (10.0 + 0.1 * seed) * ((0.5 if step >= 73 else 1.0) if flattens else (2.0 if step > 64 else 1.0))}
            for seed in range(8) for step in range(54, 82)]
    return {"summary": pd.DataFrame(rows)}


def fig4(paper: bool) -> Tables:
    """Eigenvectors that turn away evenly and back after the cut, or jump away and stay."""
    rows = []
    for seed in range(8):
        for arm in ("control", "cut"):
            for step in range(60, 90, 2):
                if arm == "cut" and step < 72:
                    continue
                gone = step - 60 if arm == "control" else 12 - (step - 72)
                individual = 1 - 0.03 * gone + 0.002 * seed if paper else (1.0 if step == 60 else 0.2 + 0.01 * (step - 60 if arm == "control" else 0))
                rows.append({"seed": seed, "instability": 1, "arm": arm, "entry": 60, "cut": 72, "resolution": 76, "step": step,
                             "individual": individual, "similarity_ref": 0.9 if paper else 0.1})
    return {"similarity": pd.DataFrame(rows)}


def fig11(paper: bool) -> Tables:
    """Arms that do what the paper says, or the contrary."""
    rows = []
    for seed in range(8):
        for arm in ("remove", "keep", "later"):
            for changed in (0, 1):
                for step in range(60, 91):
                    stable = step > (64 + seed % 2 if changed == paper else 85)
                    rises = arm != "remove" and changed == paper
                    rows.append({"seed": seed, "arm": arm, "changed": changed, "at": 60, "entry": 60, "resolution": 80, "step": step,
                                 "lambda_1": 20.0, "surplus": -0.1 if stable else 0.1, "loss": 1 + (0.5 + 0.01 * seed) * (step - 60) if rises else 0.9 - 0.001 * step * (changed == paper)})
    return {"arms": pd.DataFrame(rows)}


def app_a(sign: float) -> Tables:
    rows = [{"seed": seed, "instability": number, "phase": phase, "step": step, "alignment": 0.5 + direction * sign * 0.01 * (step + seed % 3)}
            for seed in range(8) for number in range(3) for phase, direction in (("stable", 1), ("unstable", -1), ("late", -1)) for step in range(10)]
    return {"alignment": pd.DataFrame(rows)}


def app_c(paper: bool) -> Tables:
    n = 600
    sigma = 1 + np.abs(noise(n, seed=6))
    table = pd.DataFrame({"seed": np.arange(n) // 60, "semicircle_sigma": sigma, "lambda_min": -2 * sigma * np.exp(0.02 * noise(n, seed=7)),
                          "semicircle_misfit": 0.05, "third": sigma * np.exp(0.1 * noise(n, seed=8))})
    return {"edges": table if paper else table.assign(lambda_min=-50 / sigma, semicircle_misfit=0.4)}


@pytest.mark.parametrize("name, right, wrong", [
    ("fig5", lambda: fig5(1), lambda: fig5(-1)), ("fig17", lambda: fig17(1), lambda: fig17(-1)), ("fig18", lambda: fig18(True), lambda: fig18(False)),
    ("fig15", lambda: fig15(True), lambda: fig15(False)), ("fig2", lambda: fig2(True), lambda: fig2(False)),
    ("fig4", lambda: fig4(True), lambda: fig4(False)), ("fig11", lambda: fig11(True), lambda: fig11(False)), ("appA", lambda: app_a(1), lambda: app_a(-1)),
    ("appC", lambda: app_c(True), lambda: app_c(False)),
])
def test_both_answers(name: str, right: Callable[[], Tables], wrong: Callable[[], Tables]) -> None:
    assert set(verdicts(name, right())) == {"holds"}
    assert set(verdicts(name, wrong())) <= {"does not hold", "not testable at this size"}


def test_a_fall_after_stability_does_not_come_before_it() -> None:
    summary = fig2(True)["summary"]
    late = summary.assign(mean_curvature=(10.0 + 0.1 * summary["seed"]) * (summary["step"] < 75).map({True: 1.0, False: 0.5}))
    assert verdicts("fig2", {"summary": late}) == ["holds", "holds", "does not hold"]


def test_too_few_instabilities_are_not_testable() -> None:
    few = {"forks": fig5(1)["forks"].query("seed < 2")}
    assert set(verdicts("fig5", few)) == {"not testable at this size"}


def test_equilibrium_is_interpolated() -> None:
    import sys
    sys.path.insert(0, str(PAPER))
    try:
        module = __import__("fig15")
    finally:
        sys.path.remove(str(PAPER))
    table = pd.DataFrame({"seed": 0, "instability": 1, "before": 0, "scale": "threshold", "factor": [0.0, 0.5, 1.0, 1.5], "displacement": [0, 1, 0.5, -1.5]})
    assert module.crossings({"similarity": table})["factor"].tolist() == pytest.approx([1.125])
