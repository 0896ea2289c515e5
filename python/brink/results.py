# SPDX-License-Identifier: MIT
"""From an experiment to its result folder: tables, figures, claims and page. A finished one is not made again."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd

from brink import judging, pages, style
from brink.command import write_text
from brink.errors import BrinkError, DamagedResult
from brink.experiment import SIZES, Experiment, Tables, declares_experiment
from brink.judging import read_judgements
from brink.lab import Lab
from brink.tables import read_tables, write_table, write_tables


# Of the code that runs, so it is read when the program starts and not when a long experiment ends.
PACKAGE = b"".join(path.read_bytes() for path in sorted(pathlib.Path(__file__).parent.glob("*.py")))


def fingerprint(experiment: Experiment, size: str) -> str:
    """A hash of all that decides what a result folder holds: this package, the experiment's file and those beside it that it may share."""
    hashed = hashlib.sha256(f"{experiment.id} {size} {experiment.sizes[size]}\n".encode() + PACKAGE)
    assert experiment.file is not None
    for path in sorted(experiment.file.parent.glob("*.py")):
        if path.is_file() and (path == experiment.file or not declares_experiment(path)):
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
        told = told_by(mark)
        return bool(told == {"fingerprint": fingerprint(experiment, size), "size": size, "files": digests(folder)})

    def altered(self, experiment: Experiment) -> list[str]:
        """The tables of a result that are not as they were made. A folder from elsewhere, such as a published one, has no mark to compare with."""
        made = told_by(self._mark(experiment)).get("files")
        if not isinstance(made, dict):
            return []
        there = digests(self.folder(experiment))
        return [name for name, digest in made.items() if name.endswith(".csv") and name != "claims.csv" and there.get(name) != digest]

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
            told: dict[str, object] = {"id": experiment.id, "size": size, "settings": experiment.sizes[size]}
            try:
                if former := former_rules(self.folder(experiment), size, judged):
                    told["former_rules"] = former
            except DamagedResult as error:
                print(f"{experiment.id}: what was there is replaced, and its rules cannot be compared: {error}", file=sys.stderr, flush=True)
            write_text(new / "result.json", json.dumps(told, indent=1) + "\n")
            write_text(new / "page.html", pages.experiment_page(experiment, size, new, judging.read_judgements(new)))
            self._put(new, self.folder(experiment))
        finally:
            shutil.rmtree(new, ignore_errors=True)
        mark = {"fingerprint": made_by, "size": size, "files": digests(self.folder(experiment))}
        write_text(self._mark(experiment), json.dumps(mark, indent=1) + "\n")
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
        there = []
        for one in experiments:
            try:
                size = self.size_of(one)
                if size is not None:
                    read_judgements(self.folder(one))
                    there.append((one, size, self.folder(one)))
            except DamagedResult as error:
                print(f"{one.id} is left out of the index: {error}", file=sys.stderr, flush=True)
        if not there:
            return None
        write_text(self.out / "index.html", pages.index_page(there))
        return self.out / "index.html"


def size_in(folder: pathlib.Path) -> str | None:
    """The size of the result in a folder, if there is one."""
    return str(told_in(folder)["size"]) if (folder / "result.json").is_file() else None


def told_by(file: pathlib.Path) -> dict[str, object]:
    """A JSON file of this program; {} if it is not there, or is none: what it says has to be found out again."""
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def told_in(folder: pathlib.Path) -> dict[str, Any]:
    """result.json of a folder."""
    told = told_by(folder / "result.json")
    if told.get("size") not in SIZES or not isinstance(told.get("settings"), dict):
        raise DamagedResult(f"{folder / 'result.json'}: expected the id, size and settings of a result; remove the folder, and tools/reproduce makes it again")
    return told


def former_rules(folder: pathlib.Path, size: str, judged: Sequence[judging.Judgement]) -> dict[str, str]:
    """The rules of before, by claim, that differ from those of now; "" for a claim that is new.

    They are those of the first result of this size that the folder held, so judging again does not hide a change.
    """
    if size_in(folder) != size or not (folder / "claims.csv").is_file():
        return {}
    before = {one.claim: one.rule for one in judging.read_judgements(folder)} | changed_rules(folder)
    return {one.claim: rule for one in judged if (rule := before.get(one.claim, "")) != one.rule}


def changed_rules(folder: pathlib.Path) -> dict[str, str]:
    """What the result in a folder says of rules that were changed after a result: the former rule of each claim."""
    return dict(told_in(folder).get("former_rules", {})) if (folder / "result.json").is_file() else {}


def has_settings(folder: pathlib.Path, experiment: Experiment, size: str) -> bool:
    """Whether a result was made with the settings that its size has now. The page says what they reduce, so others need another run."""
    return bool(told_in(folder)["settings"] == json.loads(json.dumps(experiment.sizes.get(size))))


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
