# SPDX-License-Identifier: MIT
"""From an experiment to its result folder: tables, figures, claims and page. A finished one is not made again."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Sequence

import pandas as pd

from brink import judging, pages, style
from brink.command import write_text
from brink.errors import BrinkError
from brink.experiment import Experiment, Tables, declares_experiment
from brink.lab import Lab
from brink.tables import read_tables, write_table, write_tables


# Of the code that runs, so it is read when the program starts and not when a long experiment ends.
PACKAGE = b"".join(path.read_bytes() for path in sorted(pathlib.Path(__file__).parent.glob("*.py")))


def fingerprint(experiment: Experiment, size: str) -> str:
    """A hash of all that decides what a result folder holds: this package, the experiment's file and those beside it that it may share."""
    hashed = hashlib.sha256(f"{experiment.id} {size} {experiment.sizes[size]}\n".encode() + PACKAGE)
    assert experiment.file is not None
    for path in sorted(experiment.file.parent.glob("*.py")):
        if path == experiment.file or not declares_experiment(path):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def digests(folder: pathlib.Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


class Results:
    """The folder DIR of `tools/reproduce --out DIR`: DIR/ID/ for each experiment, and DIR/runs, which later calls use again."""

    def __init__(self, out: str | pathlib.Path):
        self.out = pathlib.Path(out)
        self.runs = self.out / "runs"

    def folder(self, experiment: Experiment) -> pathlib.Path:
        return self.out / experiment.id

    def _mark(self, experiment: Experiment) -> pathlib.Path:
        return self.runs / "finished" / f"{experiment.id}.json"

    def is_finished(self, experiment: Experiment, size: str) -> bool:
        """Whether the folder holds what this code made of this experiment at this size, byte for byte."""
        mark, folder = self._mark(experiment), self.folder(experiment)
        if not mark.is_file() or not folder.is_dir():
            return False
        told = json.loads(mark.read_text("utf-8"))
        return bool(told == {"fingerprint": fingerprint(experiment, size), "size": size, "files": digests(folder)})

    def size_of(self, experiment: Experiment) -> str | None:
        """The size of the result that is there."""
        return size_in(self.folder(experiment))

    def make(self, experiment: Experiment, size: str, lab: Lab) -> list[judging.Judgement]:
        """Runs an experiment and writes its folder, which appears only when it is complete."""
        made_by = fingerprint(experiment, size)
        experiment.work(lab)
        tables = experiment.collect(lab)
        return self.write(experiment, size, tables, runs_table(lab), made_by)

    def write(self, experiment: Experiment, size: str, tables: Tables, runs: pd.DataFrame, made_by: str) -> list[judging.Judgement]:
        """Judges and draws tables, and puts the folder in its place."""
        new = self.out / f".{experiment.id}.{os.getpid()}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        try:
            write_tables(new, tables)
            if not runs.empty:
                write_table(new / "runs.csv", runs)
            # What is judged and drawn is what a reader of the files has.
            written = read_tables(new)
            seeds = experiment.sizes[size].get("seeds")
            judged = judging.judgements(experiment, written, len(seeds) if isinstance(seeds, Sequence) else seeds)
            judging.write_judgements(new, judged)
            draw(experiment, written, new)
            write_text(new / "result.json", json.dumps({"id": experiment.id, "size": size, "settings": experiment.sizes[size]}, indent=1) + "\n")
            write_text(new / "page.html", pages.experiment_page(experiment, size, new, judging.read_judgements(new)))
            self._put(new, self.folder(experiment))
        finally:
            shutil.rmtree(new, ignore_errors=True)
        told = {"fingerprint": made_by, "size": size, "files": digests(self.folder(experiment))}
        write_text(self._mark(experiment), json.dumps(told, indent=1) + "\n")
        return judged

    def _put(self, new: pathlib.Path, place: pathlib.Path) -> None:
        """Replaces a folder. A kill between the two renames leaves no result, and the next call makes it again from the runs."""
        old = self.out / f".{place.name}.{os.getpid()}.old"
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)

    def clean(self) -> None:
        """Removes what killed calls have left. A call that is still at work has its process number in the name."""
        for path in self.out.glob(".*.*"):
            owner = path.name.removesuffix(".old").rsplit(".", 1)[-1]
            if path.is_dir() and owner.isdigit() and not pathlib.Path("/proc", owner).exists():
                shutil.rmtree(path, ignore_errors=True)

    def index(self, experiments: Sequence[Experiment]) -> pathlib.Path | None:
        """Writes the index of all results that are there."""
        there = [(one, size, self.folder(one)) for one in experiments if (size := self.size_of(one)) is not None]
        if not there:
            return None
        write_text(self.out / "index.html", pages.index_page(there))
        return self.out / "index.html"


def size_in(folder: pathlib.Path) -> str | None:
    """The size of the result in a folder, if there is one."""
    told = folder / "result.json"
    return str(json.loads(told.read_text("utf-8"))["size"]) if told.is_file() else None


def has_settings(folder: pathlib.Path, experiment: Experiment, size: str) -> bool:
    """Whether a result was made with the settings that its size has now. The page says what they reduce, so others need another run."""
    told = json.loads((folder / "result.json").read_text("utf-8"))
    return bool(told["settings"] == json.loads(json.dumps(experiment.sizes.get(size))))


def draw(experiment: Experiment, tables: Tables, folder: pathlib.Path) -> None:
    """The figures of an experiment: figure.svg and .png; further ones are figure-NAME."""
    with style.context():
        figures = experiment.draw(tables)
        if not isinstance(figures, dict):
            figures = {"": figures}
        for figure in figures.values():
            if not hasattr(figure, "savefig"):
                raise BrinkError(f"draw(): expected that it returns a figure, or a dictionary of figures by name, found {type(figure).__name__}")
        for number, (name, figure) in enumerate(figures.items()):
            style.save(figure, folder / ("figure" if number == 0 else f"figure-{name}"))
    style.thumbnail(folder / "figure.png", folder / "thumbnail.png")


def runs_table(lab: Lab) -> pd.DataFrame:
    """The runs that an experiment used: enough to make each one again and to compare its bits."""
    rows = [{"name": name, "folder": run.path.name, "config_hash": run.info["config_hash"], "status": run.status,
             "steps": run.info["steps_done"], "digest": run.info["final_digest"]} for name, run in lab.made.items()]
    return pd.DataFrame(rows)
