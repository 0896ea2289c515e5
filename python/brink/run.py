# SPDX-License-Identifier: MIT
"""A run folder as DataFrames and arrays: what `brink train`, `fork`, `measure` and `spectrum` have written."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import re
import tomllib
from typing import Any

import numpy as np
import pandas as pd
from safetensors import safe_open

from brink.errors import RunFolderError

TEXT_COLUMNS = {"digest": str, "certificate": str, "hessian_of": str, "crossings": str}
# Exact numbers are the default of newer pandas, which deprecates this argument.
EXACT: dict[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
STEP_FILE = re.compile(r"step-(\d+)(?:-(\w+))?\.safetensors")


def read_table(path: pathlib.Path) -> pd.DataFrame:
    """A CSV file of a run. Numbers have the bits that were recorded; an empty cell is NaN."""
    return pd.read_csv(path, dtype=TEXT_COLUMNS, **EXACT)


@dataclasses.dataclass(frozen=True)
class Instability:
    """A row of events.csv. `number` counts from 1 over all rows, as `brink fork --instability` does."""

    number: int
    entry: int
    resolution: int
    peak: int
    length: int
    open: bool
    long: bool = True
    peak_surplus: float = float("nan")


class Tensors(dict[str, np.ndarray]):
    """The tensors of a safetensors file by name, and the file's texts in `metadata`."""

    metadata: dict[str, str]

    def number(self, name: str) -> float:
        """A number of the metadata."""
        return float(self.metadata[name])


def read_tensors(path: pathlib.Path) -> Tensors:
    """A safetensors file. The names are in the order of the file, which for parameters is that of the network."""
    out = Tensors()
    with safe_open(str(path), framework="numpy") as file:
        out.metadata = dict(file.metadata() or {})
        names = list(file.offset_keys()) if hasattr(file, "offset_keys") else list(file.keys())
        for name in names:
            out[name] = file.get_tensor(name)
    return out


class Run:
    """A run folder. Nothing is read before it is asked for, and what was read is kept.

    >>> run = Run("runs/mine")
    >>> run.metrics.plot(x="step", y="lambda_1")
    """

    def __init__(self, path: str | pathlib.Path):
        self.path = pathlib.Path(path)
        if not self.path.is_dir():
            raise RunFolderError(f"{self.path}: expected the folder of a run, found {'a file' if self.path.exists() else 'nothing'}; "
                                 "`brink train --out DIR` makes one")
        if not (self.path / "config.toml").is_file():
            raise RunFolderError(f"{self.path}: expected the folder of a run, found no config.toml in it; give the folder that was --out")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _file(self, name: str, hint: str) -> pathlib.Path:
        path = self.path / name
        if not path.is_file():
            raise RunFolderError(f"{self.path}: expected a file {name}, found none; {hint}")
        return path

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """All settings, resolved, as nested dictionaries."""
        return tomllib.loads(self._file("config.toml", "the folder is damaged").read_text("utf-8"))

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        """run.json: version, machine, outcome, and what the columns mean."""
        info: dict[str, Any] = json.loads(self._file("run.json", "the run was stopped before its first step: "
                                                     "`brink train --resume --out` goes on").read_text("utf-8"))
        return info

    @property
    def status(self) -> str:
        """"finished", "diverged", or what run.json says of a run that has not ended."""
        return str(self.info["status"])

    @property
    def finished(self) -> bool:
        return self.status == "finished"

    @property
    def diverged(self) -> bool:
        return self.status == "diverged"

    @functools.cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: a row for each step, taken at θ_t before update t."""
        return read_table(self._file("metrics.csv", "the run has not begun"))

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """events.csv: a row for each instability."""
        return read_table(self._file("events.csv", "the run has not begun"))

    @functools.cached_property
    def spectra(self) -> pd.DataFrame:
        """spectra.csv: every tracked eigenvalue of every step."""
        return read_table(self._file("spectra.csv", "it needs the setting measure.track_above, also by `brink measure`"))

    def measured(self) -> pd.DataFrame:
        """`metrics` with the columns that `brink measure` has added; of a column that both have, only empty cells are filled."""
        table = self.metrics.set_index("step")
        for path in sorted((self.path / "measured").glob("*.csv")):
            added = read_table(path).set_index("step")
            table = table.combine_first(added)[[*table.columns, *[name for name in added.columns if name not in table.columns]]]
        return table.reset_index()

    def _folders(self, kind: str) -> list[pathlib.Path]:
        if kind == "spectrum":
            return [self.path / "measured" / "spectrum"]
        added = sorted(path for path in (self.path / "measured").glob(f"*/{kind}") if path.is_dir())
        return [self.path / kind, *added]

    def steps_with(self, kind: str) -> list[int]:
        """The steps that have a file of `kind`: "parameters", "eigenvectors", "spectra", "rotations", "slices"; or "spectrum"."""
        found = {int(match[1]) for folder in self._folders(kind) if folder.is_dir() for path in folder.iterdir()
                 if (match := STEP_FILE.fullmatch(path.name))}
        return sorted(found)

    def tensors(self, kind: str, step: int, operator: str = "hessian") -> Tensors:
        """The tensors of a step, from the run or from what `brink measure` has added. `operator` is that of kind "spectrum"."""
        name = f"step-{step:06d}-{operator}.safetensors" if kind == "spectrum" else f"step-{step:06d}.safetensors"
        for folder in self._folders(kind):
            if folder.is_dir():
                for path in folder.iterdir():
                    match = STEP_FILE.fullmatch(path.name)
                    if match and int(match[1]) == step and (kind != "spectrum" or match[2] == operator):
                        return read_tensors(path)
        steps = self.steps_with(kind)
        there = f"there are steps {', '.join(map(str, steps[:10]))}{' …' if len(steps) > 10 else ''}" if steps else "there are none"
        how = f"`brink spectrum {self.path} --step {step}`" if kind == "spectrum" else \
            f"`brink measure {self.path} --steps {step}:{step} --set measure.{MEASUREMENT_OF.get(kind, kind)}.every=1`"
        raise RunFolderError(f"{self.path}: expected {kind} of step {step} ({name}), {there}; {how} adds them")

    def parameters(self, step: int) -> np.ndarray:
        """θ of a step as one vector [n], in the order of the network."""
        return flat(self.tensors("parameters", step))

    def eigenvectors(self, step: int, bottom: bool = False) -> np.ndarray:
        """u₁, u₂, … of a step as the columns of [n, k]; with `bottom` the eigenvector of the smallest eigenvalue."""
        tensors = self.tensors("eigenvectors", step)
        groups: dict[str, dict[str, np.ndarray]] = {}
        for name, value in tensors.items():
            vector, _, parameter = name.partition("/")
            groups.setdefault(vector, {})[parameter] = value
        names = ["u_min"] if bottom else sorted((name for name in groups if name != "u_min"), key=lambda name: int(name.split("_")[1]))
        return np.stack([flat(groups[name]) for name in names], axis=1)

    def instabilities(self) -> list[Instability]:
        """All instabilities, in the order of their entry."""
        return [Instability(number=number, entry=int(row["entry"]), resolution=int(row["resolution"]), peak=int(row["peak_step"]),
                            length=int(row["length"]), open=bool(row["open"]), long=bool(row["long"]),
                            peak_surplus=float(row["peak_surplus"]))
                for number, row in enumerate(self.events.to_dict("records"), 1)]

    def long_instabilities(self) -> list[Instability]:
        """Those that figures use: at least events.minimum_length steps long."""
        return [one for one in self.instabilities() if one.long]

    def at(self, step: int) -> pd.Series:
        """The row of metrics.csv of a step."""
        rows = self.metrics[self.metrics["step"] == step]
        if rows.empty:
            raise RunFolderError(f"{self.path}: expected a row of step {step} in metrics.csv, "
                                 f"which ends at step {int(self.metrics['step'].iloc[-1])}")
        return rows.iloc[0]

    def learning_rate(self, step: int) -> float:
        """η of the update that follows the row of `step`."""
        return float(self.at(step)["learning_rate"])

    def threshold(self, step: int) -> float:
        """The sharpness above which the update rule is unstable at `step`: 2/η for gradient descent."""
        return float(self.thresholds()[self.at(step).name])

    def thresholds(self) -> pd.Series:
        """The threshold of every row of `metrics`."""
        columns = {column["name"]: column for column in self.info["columns"]}
        reference = columns.get("lambda_eff", columns.get("lambda_1", {})).get("reference")
        if isinstance(reference, str):
            return self.metrics[reference].rename("threshold")
        if reference is None:
            reference = np.nan if self.metrics["learning_rate"].empty else 2 / self.metrics["learning_rate"]
        return pd.Series(reference, index=self.metrics.index, name="threshold", dtype=float)


# The measurement that writes files of a kind, where the two have different names.
MEASUREMENT_OF = {"spectra": "density", "rotations": "rotation"}


def flat(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Named tensors as one float64 vector, in their order."""
    return np.concatenate([np.asarray(value, dtype=np.float64).ravel() for value in tensors.values()])
