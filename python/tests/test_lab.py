# SPDX-License-Identifier: MIT
"""brink.lab: runs that are found again by their settings, work in parallel, data sets, and shards."""

import pathlib
import threading
import time
from typing import Any

import pytest

from brink import Brink, BrinkError, MissingData
from brink.lab import DATA_SETS, Lab

DLN: dict[str, Any] = {"model": {"name": "dln"}, "training": {"loss": "mse", "learning_rate": 0.05, "steps": 20}}


@pytest.fixture
def lab(brink: Brink, tmp_path: pathlib.Path) -> Lab:
    return Lab(brink, tmp_path / "runs", size={"steps": 20}, jobs=2, quiet=True)


def test_runs_are_found_by_their_settings(lab: Lab) -> None:
    runs = lab.train_all({"a": DLN, "b": DLN, "c": {**DLN, "training": {**DLN["training"], "seed": 1}}})
    assert runs["a"].path == runs["b"].path != runs["c"].path
    assert lab.train("again", {**DLN, "run": {"threads": 1}}).path == runs["a"].path
    assert lab.run("c") is runs["c"] and list(lab.made) == ["a", "b", "c", "again"]
    with pytest.raises(BrinkError, match="no run is called 'd'; work.* has made a, b, c"):
        lab.run("d")


def test_forks_measurements_and_sweeps(lab: Lab) -> None:
    parent = lab.train("parent", DLN)
    fork = lab.fork("fork", parent, 5, {"training.learning_rate": 0.1}, measure={"update_cosine": {}})
    assert fork.metrics["step"].iloc[0] == 5 and fork.learning_rate(6) == 0.1 and "update_cosine" in fork.metrics
    same, other = lab.fork_all([{"name": "same", "parent": parent, "at": 5, "set": fork_settings()}, {"name": "other", "parent": parent, "at": 6, "set": {}}])
    assert same.path == fork.path != other.path
    measured = lab.measure(parent, (2, 10, 2), {"measure.parameters.every": 2})
    assert measured.steps_with("parameters") == [2, 4, 6, 8, 10] and lab.run("parent").path == parent.path
    runs = lab.sweep("rates", {**DLN, "sweep": {"training.learning_rate": [0.01, 0.02]}})
    assert [run.learning_rate(0) for run in runs] == [0.01, 0.02] and lab.run("rates[1]") is runs[1]


def fork_settings() -> dict[str, Any]:
    return {"training": {"learning_rate": 0.1}, "measure": {"update_cosine": {}}}


def test_other_commands(lab: Lab) -> None:
    lab.brink = Brink(lab.brink.executable)
    lab.brink.call = lambda *words, **options: pathlib.Path(words[-1]).mkdir(parents=True)  # type: ignore[method-assign,assignment]
    folder = lab.call("walk", "paths", 3)
    (folder / "done").unlink()  # as if it had been killed
    assert lab.call("walk", "paths", 3) == folder
    assert (folder / "done").read_text() == "paths 3\n"
    lab.brink.call = lambda *words, **options: pytest.fail("called again")  # type: ignore[method-assign]
    assert lab.call("walk", "paths", 3) == folder


def test_work_at_once(lab: Lab) -> None:
    meeting = threading.Barrier(2, timeout=30)
    assert lab.each(lambda item: (meeting.wait(), item * item)[1], [1, 2]) == [1, 4]
    with pytest.raises(ValueError, match="wrong"):
        lab.each(lambda item: (_ for _ in ()).throw(ValueError("wrong")), [1, 2, 3])
    lab.jobs = 1
    begun: list[int] = []
    lab.shard = (2, 3)
    assert lab.each(lambda item: (begun.append(item), time.sleep(0))[0] or item, list(range(7))) == list(range(7))
    assert begun == [1, 4, 2, 5, 0, 3, 6]


def test_data(lab: Lab, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.data("fmnist4", train=400) == {"name": "synthetic", "train": 400}
    assert lab.data("cifar10-5k") == {"name": "synthetic-cifar"}
    monkeypatch.setenv("BRINK_DATA", str(tmp_path / "data"))
    lab.name = "small"
    folder, files, _ = DATA_SETS["fmnist4"]
    place = tmp_path / "data" / folder
    with pytest.raises(MissingData, match=f"(?s){files[0]}, {files[1]}.*looked for in {place} and .* data fetch fmnist4 --directory {place}\n"):
        lab.data("fmnist4")
    place.mkdir(parents=True)
    for file in files[:-1]:
        (place / f"{file}.gz").touch()
    with pytest.raises(MissingData, match=f"missing: {files[-1]}\n"):
        lab.data("fmnist4")
    (place / files[-1]).touch()
    assert lab.data("fmnist4", seed=3) == {"name": "fmnist4", "directory": str(place.resolve()), "seed": 3}
    lab.data_directory = place
    assert lab.data("fmnist4")["directory"] == str(place.resolve())
    assert lab.data("synthetic") == {"name": "synthetic"}
