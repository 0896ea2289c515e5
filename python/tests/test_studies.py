# SPDX-License-Identifier: MIT
"""The numerical studies of bench/paper: their own mathematics against other ways to compute it, and verdicts of tables that are wrong."""

import importlib.util
import math
import pathlib
import types

import numpy as np
import pandas as pd
import pytest

PAPER = pathlib.Path(__file__).resolve().parents[2] / "bench" / "paper"


def study(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"study_{name}", PAPER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def descended(y: float, rate: float, steps: int) -> list[float]:
    """R along gradient descent of ½(θ₁θ₂ − y)², with the eigenvectors of NumPy."""
    theta, out = np.array([2.5, 0.5]), []
    for _ in range(steps + 1):
        z = theta[0] * theta[1]
        u = np.linalg.eigh([[theta[1] ** 2, 2 * z - y], [2 * z - y, theta[0] ** 2]])[1][:, 1]
        out.append(abs(u[1] / u[0]))
        theta = theta - rate * (z - y) * theta[::-1]
    return out


def fig3_tables(fig3: types.ModuleType) -> dict[str, pd.DataFrame]:
    changes, offsets = [], []
    for y in fig3.TARGETS:
        for factor in fig3.GRID:
            r = descended(y, factor * 2 / fig3.sharpness(y), 2)
            changes.append({"target": y, "factor": factor, "one_step": r[1] - r[0], "two_steps": r[2] - r[0], "start": r[0], "predicted": 0.0})
    for offset in fig3.OFFSETS:
        r = descended(0, 2 / fig3.SQUARED_LENGTH * (1 + offset), 1)
        offsets.append({"offset": offset, "one_step": r[1] - r[0]})
    return {"paths": pd.DataFrame({"error": [1e-16]}), "changes": pd.DataFrame(changes), "offsets": pd.DataFrame(offsets)}


def test_fig3_finds_where_the_rotation_turns() -> None:
    fig3 = study("fig3")
    for y in fig3.TARGETS:
        z = 1.25
        assert fig3.sharpness(y) == pytest.approx(np.linalg.eigvalsh([[0.25, 2 * z - y], [2 * z - y, 6.25]])[1], rel=1e-14)
        rate = fig3.predicted_root(y) * 2 / fig3.sharpness(y)
        assert rate * 6.5 + rate**2 * (z - y) ** 2 == pytest.approx(2, rel=1e-14)
    tables = fig3_tables(fig3)
    found = fig3.judge(tables)
    assert {str(claim.rule(value)) for claim, value in found.items() if claim is not fig3.not_one} == {"holds"}
    assert str(fig3.not_one.rule(found[fig3.not_one])) == "does not hold"
    assert found[fig3.one_step].effect == 1e-12
    # Controls: one sign that is wrong, and a turn that comes too late.
    tables["offsets"].loc[tables["offsets"]["offset"] == 1e-9, "one_step"] = 1e-9
    tables["changes"]["two_steps"] += 0.6
    found = fig3.judge(tables)
    assert found[fig3.one_step].effect == 1e-8
    assert str(fig3.one_step.rule(found[fig3.one_step])) == str(fig3.two_steps.rule(found[fig3.two_steps])) == "does not hold"
    tables["offsets"]["one_step"] *= -1
    assert fig3.judge(tables)[fig3.one_step].effect > 1e-9


def test_fig13_has_the_right_derivatives_and_sees_a_wrong_eigenvector() -> None:
    fig13 = study("fig13")
    theta, h = np.array([0.7, 1.3, 0.9, 1.6]), 1e-6
    for terms in (((0, 1, 2, 3),), fig13.SUM, ((0, 1, 2), (0, 3), (1, 2))):
        z, first, second = fig13.derivatives(theta, terms)
        unit = np.eye(4)
        numeric = [(fig13.derivatives(theta + h * e, terms)[0] - fig13.derivatives(theta - h * e, terms)[0]) / (2 * h) for e in unit]
        assert first == pytest.approx(numeric, rel=1e-8)
        numeric = [(fig13.derivatives(theta + h * e, terms)[1] - fig13.derivatives(theta - h * e, terms)[1]) / (2 * h) for e in unit]
        assert second == pytest.approx(np.array(numeric), rel=1e-7, abs=1e-9)
        assert z == pytest.approx(sum(math.prod(theta[list(term)]) for term in terms))
    values, vectors = np.linalg.eigh(fig13.hessian(theta, ((0, 1, 2, 3),)))
    assert fig13.constancy(theta, vectors[:, -1], values[-1]) < 1e-13
    assert fig13.constancy(theta, vectors[:, -1] + [1e-8, 0, 0, 0], values[-1]) > 1e-10
    assert fig13.constancy(theta, vectors[:, -1], values[-1] + 1e-7) > 1e-10
    for _, _, _, start, terms in fig13.cases():
        if terms == fig13.SUM:
            u, lead, bound = fig13.off_block(np.array(start))
            assert 0 < math.sqrt(1 - (u @ lead) ** 2) < bound


def test_fig19_smooths_a_histogram_into_the_density() -> None:
    fig19 = study("fig19")
    sample = np.random.default_rng(1).normal(0.5, 2, 400_000)
    counts, edges = np.histogram(sample, 1024)
    rows = {"variance": sample.var(), "quantile_0.25": np.quantile(sample, 0.25), "quantile_0.75": np.quantile(sample, 0.75)}
    x, density = fig19.smoothed(counts.astype(float), edges[0], edges[-1], rows)
    assert density.sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-9)
    assert np.abs(density - np.exp(-((x - 0.5) ** 2) / 8) / math.sqrt(8 * math.pi)).max() < 0.004
    assert abs(x[density.argmax()] - 0.5) < 0.2


def test_fig19_judges_a_walk_without_drift_otherwise() -> None:
    fig19 = study("fig19")
    steps = np.arange(0, 202, 2)

    def walk(case: str, drift: float) -> pd.DataFrame:
        median = 1 - drift * steps
        return pd.DataFrame({"case": case, "step": steps, "mean": 1.0, "variance": 0.06 + 0.04 * steps, "skewness": 0.01 * drift * steps,
                             "lowest": 1 - 0.2 * steps, "highest": 1 + 0.2 * steps, "below_start": 0.5 + drift, "absorbed": 0.0,
                             "quantile_0.01": median - 0.1 * steps, "quantile_0.25": median - 1, "quantile_0.5": median, "quantile_0.75": median + 1,
                             "quantile_0.99": median + 0.1 * steps, "mode": median - drift, "peaks": 1})
    ends = {"sequences": 6, "below": 6, "above": 0, "undecided": 0, "highest": -0.1}
    branches = pd.DataFrame([{"start": 1, "length": 4, "below": 11, "undecided": 0, **{f"zero_sum_{k}": v for k, v in ends.items()},
                              **{f"negative_sum_{k}": v for k, v in ends.items()}, "drop": 0.01, "median": -0.1, "pathwise": -0.01}])

    def verdicts(drift: float, table: pd.DataFrame) -> dict[str, str]:
        tables = {"walks": pd.concat([walk(case, 0 if case == "constant" else drift) for case in fig19.CASES]), "branches": table}
        return {claim.text: str(claim.rule(value)) for claim, value in fig19.judge(tables).items()}
    claims = fig19.experiment.claims
    drifting, still = verdicts(0.01, branches), verdicts(0, branches)
    assert set(drifting) == {claim.text for claim in claims}
    for claim in (fig19.contraction, fig19.shares, fig19.zero_sum, fig19.negative_sum, fig19.envelope, fig19.pathwise, *fig19.falls.values(),
                  fig19.control, fig19.mode, fig19.skewed, fig19.mean, fig19.linear, fig19.coupled):
        assert drifting[claim.text] == "holds", claim.text
    for claim in (fig19.contraction, *fig19.falls.values(), fig19.skewed, fig19.coupled):
        assert still[claim.text] == "does not hold", claim.text
    wrong = branches.assign(zero_sum_undecided=1, negative_sum_above=1, below=10, median=0.0, pathwise=1e-9)
    for claim in (fig19.shares, fig19.zero_sum, fig19.negative_sum, fig19.envelope, fig19.pathwise):
        assert verdicts(0.01, wrong)[claim.text] == "does not hold", claim.text


def test_fig20_knows_the_preconditioner() -> None:
    fig20 = study("fig20")
    thetas = [np.array([1.0, 1.0]), np.array([0.5, 0.9])]
    first, second = fig20.preconditioners(thetas, {"rule": "rmsprop"})
    assert first == pytest.approx([21, 1], rel=1e-7)
    mean = [math.sqrt((0.999 * 21**2 + 10.125**2) / 1.999), math.sqrt((0.999 + 0.81) / 1.999)]
    assert second == pytest.approx(mean, rel=1e-7)
    assert next(fig20.preconditioners(thetas, {"rule": "clipped_ada", "clip": 2.0})) == pytest.approx([2, 1], rel=1e-7)
    assert next(fig20.preconditioners(thetas, {"rule": "adam"})) == pytest.approx([2.1, 0.1], rel=1e-7)
    assert next(fig20.preconditioners(thetas, {"rule": "gd"})) == 1
    assert fig20.predicted() == pytest.approx(1.265)


def test_rmt_sees_a_model_that_does_not_fit() -> None:
    rmt = study("rmt")
    rows = []
    for seed in range(3):
        for step in (0, 20):
            for b in (*rmt.BATCHES, 1000):
                s = 100 * (1 / b - 1 / 1000) * (1 + 0.1 * seed)
                rows.append({"seed": seed, "step": step, "batch": b, "samples": 1000, "lambda_1": 10.0, "overlap": 1 - s / 100,
                             "overlap_error": 0.0, "predicted": 1 - s / 100, "lambda_b": 10 + s / 10, "lambda_b_predicted": 10 + s / 10})
    table = pd.DataFrame(rows)
    assert {str(claim.rule(value)) for claim, value in rmt.judge({"overlaps": table}).items()} == {"holds"}
    wrong = table.assign(predicted=table["overlap"] - 0.3, lambda_b=table["lambda_1"] + 5 * (table["lambda_b"] - table["lambda_1"]))
    found = rmt.judge({"overlaps": wrong})
    assert str(rmt.fit.rule(found[rmt.fit])) == str(rmt.raised.rule(found[rmt.raised])) == "does not hold"
