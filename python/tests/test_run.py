# SPDX-License-Identifier: MIT
"""brink.run on a run that the command has just made."""

import pathlib

import numpy as np
import pytest
from conftest import STEPS

from brink import Brink, Run, RunFolderError
from brink.run import read_tensors


def test_settings_and_outcome(run: Run) -> None:
    assert run.config["training"]["steps"] == STEPS
    assert run.finished and not run.diverged and run.status == "finished"
    assert run.info["parameters"] == 28420


def test_metrics(run: Run) -> None:
    assert list(run.metrics["step"]) == list(range(STEPS + 1))
    assert run.metrics["lambda_1"].notna().all() and run.metrics["digest"].str.len().eq(32).all()
    # The bits that were recorded.
    text = (run.path / "metrics.csv").read_text().splitlines()
    column = text[0].split(",").index("lambda_1")
    assert [float(line.split(",")[column]) for line in text[1:]] == list(run.metrics["lambda_1"])


def test_threshold_and_learning_rate(run: Run) -> None:
    assert run.learning_rate(7) == 0.1
    assert run.threshold(7) == 20.0
    assert np.allclose(run.metrics["surplus"] + 2, 2 * run.metrics["lambda_1"] / run.thresholds())


def test_threshold_that_changes(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"steps": 6, "change": [{"at_step": 3, "set": {"learning_rate": 0.05}}]}}, folder / "changes")
    assert list(run.thresholds()) == [20, 20, 20, 40, 40, 40, 40]


def test_threshold_of_momentum(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"steps": 2, "rule": "momentum", "momentum": 0.5, "learning_rate": 0.1}}, folder / "momentum")
    assert run.threshold(1) == pytest.approx(30)


def test_threshold_of_an_adaptive_rule(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"steps": 2, "rule": "rmsprop", "learning_rate": 0.001}, "measure": {"effective": {}}}, folder / "rmsprop")
    assert run.threshold(1) == pytest.approx(2000)


def test_instabilities(run: Run) -> None:
    unstable = run.metrics.loc[run.metrics["surplus"] > 0, "step"]
    first = run.instabilities()[0]
    assert first.entry == unstable.iloc[0] and first.number == 1
    assert first.resolution - first.entry == first.length
    assert all(one.length >= 8 for one in run.long_instabilities())


def test_tensors(run: Run) -> None:
    assert run.steps_with("parameters") == [0, 10, 20, 30, 40]
    tensors = run.tensors("parameters", 10)
    assert tensors["dense0.weight"].shape == (784, 32)
    assert run.parameters(10).shape == (28420,)
    u = run.eigenvectors(10)
    assert u.shape == (28420, 2)
    assert np.allclose(u.T @ u, np.eye(2), atol=1e-5)
    assert abs(u[:, 0] @ run.eigenvectors(10, bottom=True)[:, 0]) < 1e-3
    assert run.tensors("eigenvectors", 10).number("lambda_1") == pytest.approx(run.at(10)["lambda_1"])
    # θ changes by −η times a gradient of the recorded length.
    assert read_tensors(run.path / "parameters" / "step-000010.safetensors").keys() == tensors.keys()


def test_measured(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"steps": 8}}, folder / "measured")
    before = len(run.metrics.columns)
    run = brink.measure(run, (2, 6, 2), {"measure.delta.every": 1, "measure.eigenvectors.every": 2})
    table = run.measured()
    assert list(table["step"]) == list(range(9)) and len(table.columns) > before
    assert list(table.loc[table["delta"].notna(), "step"]) == [2, 4, 6]
    assert table["lambda_1"].equals(run.metrics["lambda_1"])
    assert run.steps_with("eigenvectors") == [2, 4, 6] and run.eigenvectors(4).shape == (28420, 1)


def test_spectrum(brink: Brink, run: Run) -> None:
    found = brink.spectrum(run, 10, top=3)
    assert found.tensors("spectrum", 10)["hessian/top"][0] == pytest.approx(run.at(10)["lambda_1"], rel=1e-3)


def test_errors_say_what_to_do(run: Run, tmp_path: pathlib.Path) -> None:
    with pytest.raises(RunFolderError, match="found nothing; `brink train"):
        Run(tmp_path / "absent")
    with pytest.raises(RunFolderError, match="no config.toml"):
        Run(tmp_path)
    with pytest.raises(RunFolderError, match=r"slices of step 3 .*there are none; `brink measure .*--set measure.slices.every=1`"):
        run.tensors("slices", 3)
    with pytest.raises(RunFolderError, match="there are steps 0, 10, 20"):
        run.parameters(5)
    with pytest.raises(RunFolderError, match="measure.track_above"):
        run.spectra
    with pytest.raises(RunFolderError, match="which ends at step 40"):
        run.learning_rate(500)
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(RunFolderError, match="--resume"):
        Run(tmp_path).status
