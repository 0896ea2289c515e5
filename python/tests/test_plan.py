# SPDX-License-Identifier: MIT
"""What a plan says that runs cost."""

import pathlib

import pandas as pd
import pytest

from brink import Brink, Run, plan
from brink.settings import flatten, merged


def test_time_of_forks_that_ask_for_late_steps(brink: Brink, run: Run, tmp_path: pathlib.Path) -> None:
    config = merged(run.config, {"training": {"steps": 90}, "measure": {
        "rotation": {"every": 1, "lags": [2], "reference_step": 54}, "parameters": {"every": 0, "steps": [69, 71]},
        "eigenvectors": {"every": 0, "steps": [2, 69]}, "row_every": "epoch"}})
    short = flatten(plan.probe(config))
    assert short["measure.parameters.steps"] == [0] and short["measure.eigenvectors.steps"] == [2]
    assert short["training.steps"] > short["measure.rotation.reference_step"]
    seconds, parameters = plan.cost(brink, config, tmp_path)
    assert seconds > 0 and parameters == run.info["parameters"]


def test_steps_that_cost_more_than_the_others() -> None:
    assert plan.steps_between({"measure.every": 10**9, "measure.row_every": 10}) == 10**9  # λ₁ at step 0 only
    assert plan.steps_between({"measure.every": 1, "measure.kappa.every": 20, "measure.density.every": 50}) == 20
    assert plan.steps_between({"measure.every": 1}) == plan.steps_between({"measure.row_every": "epoch"}) == 25


def test_samples_of_a_probe() -> None:
    convolutional = {"data": {"name": "cifar10-5k", "train": 5000}, "model": {"name": "vgg"}}
    assert flatten(plan.probe(convolutional))["data.train"] == 160
    assert flatten(plan.probe(merged(convolutional, {"training": {"batch": 32}})))["data.train"] == 320
    assert flatten(plan.probe(merged(convolutional, {"training": {"batch": 1000}})))["data.train"] == 5000


def timing(steps: list[int], elapsed: list[float], gradient: float = 0.0, spectrum: list[float] | None = None, evaluation: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame({"step": steps, "elapsed_ms": elapsed, "gradient_ms": gradient, "spectrum_ms": spectrum or [0.0] * len(steps),
                         "products_ms": 0.0, "evaluation_ms": evaluation})


def test_seconds_of_a_step() -> None:
    # Steps of 10 ms; the first has 100 ms more, of a measurement every ten steps.
    whole = {"measure.every": 10}
    each, every_fourth = timing([0, 1, 2], [110, 120, 130]), timing([0, 4], [110, 150])
    assert plan.seconds_of(each, whole, 1.0) == pytest.approx(0.02)
    assert plan.seconds_of(every_fourth, whole | {"measure.row_every": 4}, 1.0) == pytest.approx(0.02)
    assert plan.seconds_of(each, whole, 3.0) == pytest.approx(0.06)
    # 10 ms for a gradient and 4 ms for each row; rows are farther apart in the whole run than in the short one.
    rows = timing([0, 4, 8], [14, 58, 102], gradient=10, evaluation=4)
    assert plan.seconds_of(rows, {"measure.row_every": 8}, 1.0) == pytest.approx(0.0105)
    # Updates of 1 ms by minibatches, and rows of 10 + 4 ms. More samples make only the rows dearer.
    rows = timing([0, 16, 32], [14, 44, 74], gradient=10, evaluation=4)
    small = {"training.batch": 32, "data.train": 1024}
    assert plan.rows_apart(small) == 32
    assert plan.seconds_of(rows, small, 1.0) == pytest.approx(0.001 + 0.014 / 32)
    assert plan.seconds_of(rows, small, 2.0) == pytest.approx(0.001 + 0.028 / 32)
    assert plan.seconds_of(rows, small | {"training.rule": "noise_scaled"}, 2.0) == pytest.approx(0.002 + 0.028 / 32)


def test_phases_of_a_run() -> None:
    sgd = {"training": {"rule": "sgd", "batch": 32, "change": [{"at_step": 100, "set": {"rule": "gd", "batch": 0}},
                                                             {"at_step": 50, "set": {"learning_rate": 0.1}}]}, "data": {"train": 320}}
    first, second = plan.phases(sgd, 300)
    assert first == (sgd, 100) and second[1] == 200
    assert (second[0]["training"]["batch"], second[0]["measure"]["row_every"]) == (0, 10)  # the rows stay as far apart
    assert [count for _, count in plan.phases(merged(sgd, {"fork": {"at_step": 80}}), 300)] == [20, 280]
    assert [count for _, count in plan.phases(merged(sgd, {"fork": {"at_step": 120}}), 300)] == [300]
    assert [count for _, count in plan.phases(sgd, 60)] == [60]


def test_probe_has_its_share_of_tests() -> None:
    config = {"data": {"name": "cifar10-5k", "train": 1000, "test": 2000}, "model": {"name": "vgg"}, "measure": {"row_every": 5}}
    short = flatten(plan.probe(config))
    assert (short["data.train"], short["data.test"], short["measure.row_every"], short["training.steps"]) == (160, 320, 4, 4)
    short = flatten(plan.probe(merged(config, {"training": {"batch": 10}, "measure": {"row_every": "epoch"}})))
    assert (short["measure.row_every"], short["training.steps"]) == (16, 32)
