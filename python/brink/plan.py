# SPDX-License-Identifier: MIT
"""What an experiment would run, and what that costs: time from short runs on this machine, memory as the command computes it, disk."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pandas as pd

from brink.command import ENDED, Brink, ended, measured_mark, step_range, write_text
from brink.errors import NotYetRun, TooLarge
from brink.experiment import Experiment
from brink.lab import DATA_SETS, Lab
from brink.run import Run, read_table
from brink.settings import flatten, merged, nested, settings_hash, toml

# Samples of a data set that has no files, by which the time of a step is measured; the cost of a pass is proportional to the samples.
PROBE_SAMPLES = {"synthetic": 256, "synthetic-cifar": 160}
PROBE_STEPS, PROBE_UPDATES = 4, 16  # of a short run; with minibatches, which are quick, most of those between two of its rows
PROBE_PATHS, PROBE_BRANCHES = 50_000, 16  # of `brink walk`: a tenth of a second, so that its start does not count
SAMPLES = {"fmnist4": 1000, "synthetic": 1000, "synthetic-cifar": 1000, "cifar10-5k": 5000, "cifar10-50k": 50000, "cifar10-500k": 500000}
NOT_COSTLY = ("measure.row_every", "measure.cold_every")  # a row costs little, and of cold checks steps_between() takes the usual distance
VECTORS = 12  # of n numbers in a checkpoint: θ and those before it, a rule's, the tracker's; two checkpoints are kept
ROW_BYTES = 500  # of metrics.csv and timing.csv


class PlannedFolder(type(pathlib.Path())):  # type: ignore[misc]
    """The folder of a computation that has not been made: its name can be used, but what asks for its contents gets NotYetRun."""

    def __fspath__(self) -> str:
        raise NotYetRun(f"{self.name} has not been computed")


class PlannedRun(Run):
    """A run that has not been made. It knows its settings; whatever else is asked of it is NotYetRun."""

    def __init__(self, path: pathlib.Path, name: str, config: Mapping[str, Any]):
        self.path, self.label = path, name
        self.__dict__["config"] = nested(config)

    def _file(self, name: str, hint: str) -> NoReturn:
        raise NotYetRun(f"{self.label} has not been run, so there is no {name}")

    def _folders(self, kind: str) -> NoReturn:
        raise NotYetRun(f"{self.label} has not been run, so there are no {kind}")


@dataclasses.dataclass
class Piece:
    """A run, fork, measurement or sweep that would be made, or a computation: a call of the command with these arguments."""

    kind: str
    name: str
    config: dict[str, Any]
    steps: int
    count: int = 1
    arguments: tuple[str, ...] = ()
    seconds: float = 0.0
    memory: int = 0
    disk: int = 0


class PlanningLab(Lab):
    """Writes down what an experiment asks for instead of making it. Runs that are there already are handed out."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.pieces: list[Piece] = []
        self.planned: set[pathlib.Path] = set()
        self.present = 0

    def _note(self, folder: pathlib.Path, piece: Piece) -> None:
        if folder not in self.planned:
            self.planned.add(folder)
            self.pieces.append(piece)

    def _train(self, name: str, config: dict[str, Any], folder: pathlib.Path, threads: int) -> Run:
        if (run := ended(folder)) is not None:
            self.present += 1
            return run
        self._note(folder, Piece("run", name, config, steps_of(config)))
        return PlannedRun(folder, name, config)

    def _fork(self, name: str, parent: Run, at: int, set: dict[str, Any], folder: pathlib.Path, threads: int) -> Run:
        if (run := ended(folder)) is not None:
            self.present += 1
            return run
        config = merged(parent.config, set)
        self._note(folder, Piece("fork", name, config, max(0, steps_of(config) - at)))
        return PlannedRun(folder, name, config)

    def _measure(self, run: Run, steps: str | int | Sequence[int], set: dict[str, Any], threads: int) -> Run:
        mark = measured_mark(run.path, steps, set)
        if mark.is_file():
            return run
        last = int(step_range(steps).split(":")[1])
        self._note(mark, Piece("measurement", run.path.name, merged(run.config, set), last))
        return PlannedRun(run.path, run.path.name, run.config)

    def _sweep(self, name: str, config: Mapping[str, Any], folder: pathlib.Path) -> list[Run]:
        if (folder / "summary.csv").is_file() and set(read_table(folder / "summary.csv")["status"]) <= set(ENDED):
            self.present += 1
            return self.brink.sweep(config, folder, self.jobs)
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch, "sweep.toml")
            write_text(file, toml(config))
            told = self.brink.call("sweep", file, "--out", pathlib.Path(scratch, "out"), "--dry-run").stdout
        found = re.search(r": (\d+) runs?\b", told)
        base = {key: value for key, value in config.items() if key != "sweep"}
        self._note(folder, Piece("sweep", name, nested(base), steps_of(base), int(found[1]) if found else 1))
        raise NotYetRun(f"the runs of the sweep {name} have not been made")

    def call(self, name: str, *arguments: object) -> pathlib.Path:
        folder = super().call(name, *arguments)
        return PlannedFolder(folder) if folder in self.planned else folder

    def _call(self, name: str, folder: pathlib.Path, *arguments: object) -> None:
        self._note(folder, Piece("computation", name, {}, 0, arguments=tuple(map(str, arguments))))


def steps_of(config: Mapping[str, Any]) -> int:
    return int(flatten(config).get("training.steps", 400))


@dataclasses.dataclass
class Plan:
    """What an experiment would still run. `follow_up` are forks that depend on results of runs that have not been made."""

    experiment: Experiment
    size: str
    pieces: list[Piece]
    present: int
    follow_up: Mapping[str, int] | None
    jobs: int
    device: str
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def hours(self) -> float:
        """Hours of one job after the other, those of the follow-up included."""
        total = sum(piece.seconds * piece.count for piece in self.pieces)
        longest = max(self.pieces, key=lambda piece: piece.seconds, default=None)
        if self.follow_up and longest is not None and longest.steps:
            total += self.follow_up["forks"] * self.follow_up["steps"] * longest.seconds / longest.steps
        return total / 3600

    @property
    def memory(self) -> int:
        """Bytes of the largest runs that are at work at once."""
        needs = sorted((piece.memory for piece in self.pieces for _ in range(min(piece.count, self.jobs))), reverse=True)
        return sum(needs[:self.jobs])

    @property
    def disk(self) -> int:
        return sum(piece.disk * piece.count for piece in self.pieces)

    def text(self) -> str:
        """The plan for a terminal."""
        lines = [f"{self.experiment.id}, size {self.size}: {self.experiment.title}"]
        if self.present:
            lines.append(f"  {self.present} runs are there already")
        for kind in ("run", "sweep", "fork", "measurement", "computation"):
            pieces = [piece for piece in self.pieces if piece.kind == kind]
            if pieces:
                count, steps = sum(piece.count for piece in pieces), sum(piece.count * piece.steps for piece in pieces)
                what = {"sweep": "runs of sweeps"}.get(kind, f"{kind}{'' if count == 1 else 's'}")
                lines.append(f"  {count} {what}" + (f", {steps:,} steps" if steps else ""))
        if self.follow_up:
            lines.append(f"  and then what their results ask for, at most {self.follow_up['forks']} forks of {self.follow_up['steps']} steps")
        if not self.pieces and not self.follow_up:
            return "\n".join([*lines, "  nothing is left to run"])
        lines.append(f"  time: about {hours(self.hours)} of one {'GPU' if self.device == 'cuda' else 'job'} at this machine's speed"
                     + (f", {hours(self.hours / self.jobs)} with {self.jobs} jobs at a time" if self.jobs > 1 else ""))
        if self.pieces and all(piece.kind == "computation" for piece in self.pieces):
            lines.append("  memory and disk: little; nothing is trained")
        else:
            lines.append(f"  memory: {size(self.memory)} for {min(self.jobs, max(1, sum(piece.count for piece in self.pieces)))} at a time; "
                         f"{size(available_memory())} are free")
            lines.append(f"  disk: about {size(self.disk)}")
        if self.device == "cpu" and self.size == "paper":
            lines.append("  GPU-hours: the same plan with --device cuda, on the machine that has the GPU")
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])


def plan(experiment: Experiment, size_name: str, lab: PlanningLab, scratch: pathlib.Path, device: str = "cpu",
         timed: bool = True) -> Plan:
    """Runs the experiment's work() without making anything, and finds out what the pieces cost; the time only if `timed`."""
    follow_up = None
    try:
        experiment.work(lab)
    except NotYetRun:
        follow_up = experiment.sizes[size_name].get("follow_up")
    made = Plan(experiment, size_name, lab.pieces, lab.present, follow_up, lab.jobs, device)
    costs: dict[str, tuple[float, int]] = {}
    memories: dict[str, int] = {}
    for piece in made.pieces:
        if piece.kind == "computation":
            if shorter := short_computation(piece.arguments):
                piece.seconds = shorter[1] * seconds_of_call(lab.brink, shorter[0], scratch) if timed else 0.0
            else:
                made.notes.append(f"the time of {piece.name} is not part of the sum")
            continue
        for config, steps in phases(piece.config, piece.steps):
            key = cost_key(config)
            if key not in costs:
                memory = lab.brink.needs_bytes(without_files(config), scratch)
                # What is too large would not run for a few steps either; check() says so.
                costs[key] = cost(lab.brink, config, scratch) if timed and memory <= usable_memory() else (0.0, 0)
                memories[key] = memory
            (per_step, parameters), memory = costs[key], memories[key]
            piece.seconds, piece.memory = piece.seconds + per_step * steps, max(piece.memory, memory)
        piece.disk = 0 if piece.kind == "measurement" else 2 * VECTORS * 4 * parameters + ROW_BYTES * piece.steps
        piece.disk += files_of(piece) * 4 * parameters * (2 if "eigenvectors" in piece.config.get("measure", {}) else 1)
    return made


def short_computation(arguments: Sequence[str]) -> tuple[list[str], float] | None:
    """The arguments of a shorter call of `brink walk`, and how many times longer the whole one takes; None for other commands."""
    shorter = list(arguments)
    for option, most, cost_of in (("--branches", PROBE_BRANCHES, lambda length: 2.0**length), ("--paths", PROBE_PATHS, float)):
        if shorter[:1] == ["walk"] and option in shorter:
            place = shorter.index(option) + 1
            whole = int(shorter[place])
            few = min(whole, most)
            shorter[place] = str(few)
            return shorter, cost_of(whole) / cost_of(few)
    return None


def seconds_of_call(brink: Brink, arguments: Sequence[str], scratch: pathlib.Path) -> float:
    """How long a call of the command takes that writes into a folder."""
    folder = scratch / f"probe-{settings_hash({}, list(arguments))}"
    started = time.monotonic()
    try:
        brink.call(*arguments, "--out", folder)
        return time.monotonic() - started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cost_key(config: Mapping[str, Any]) -> str:
    """Runs with the same key take the same time for a step and the same memory."""
    flat = {name: value for name, value in flatten(config).items()
            if name.split(".")[0] != "fork" and name not in ("training.seed", "training.learning_rate", "training.steps", "training.change",
                                                              "data.seed", "data.directory", "run.keep_checkpoints")}
    return json.dumps(flat, sort_keys=True, default=str)


def without_files(config: Mapping[str, Any], samples: int | None = None) -> dict[str, Any]:
    """The settings with data made by the program in place of files; with `samples` at most so many."""
    flat = {name: value for name, value in flatten(config).items() if not name.startswith(("fork.", "training.change")) and
            name not in ("data.directory", "model.start_file", "run.keep_checkpoints")}
    if str(flat.get("model.name", "mlp")) in NETWORKS_WITHOUT_DATA:
        return nested(flat)
    name = str(flat.get("data.name", "synthetic"))
    made = DATA_SETS[name][2] if name in DATA_SETS else name
    count = int(flat.get("data.train", SAMPLES.get(name, 1000)))
    flat |= {"data.name": made, "data.train": min(count, samples) if samples else count, "data.test": 40}
    return nested(flat)


NETWORKS_WITHOUT_DATA = ("dln", "valley")


def phases(config: Mapping[str, Any], steps: int) -> list[tuple[dict[str, Any], int]]:
    """The settings of the parts of a run between changes that make its steps dearer or cheaper, and how many steps each has.

    When a change at an accuracy applies is not known beforehand, so it does not count.
    """
    now = dict(config)
    begin = int(flatten(config).get("fork.at_step", 0))
    end, out = begin + steps, []
    changes = [change for change in config.get("training", {}).get("change", []) if {"rule", "batch"} & set(change["set"]) and "at_step" in change]
    for change in sorted(changes, key=lambda change: int(change["at_step"])):
        at = min(max(int(change["at_step"]), begin), end)
        out.append((now, at - begin))
        # The rows stay as far apart as they were.
        now, begin = merged(now, {"training": change["set"], "measure": {"row_every": rows_apart(flatten(now))}}), at
    return [(settings, count) for settings, count in [*out, (now, end - begin)] if count > 0]


def rows_apart(flat: Mapping[str, Any]) -> int:
    """Steps between two rows of metrics.csv."""
    batch, every = int(flat.get("training.batch", 0) or 0), flat.get("measure.row_every", "epoch")
    if every != "epoch":
        return int(every)
    samples = int(flat.get("data.train", SAMPLES.get(str(flat.get("data.name", "synthetic")), 1000)))
    return max(1, -(-samples // batch)) if batch else 1


def probe(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a short run whose steps cost what those of a run with these settings do: few samples, few steps.

    What is asked for at later steps than it takes is left out.
    """
    whole = without_files(config)
    flat = flatten(without_files(config, PROBE_SAMPLES.get(str(flatten(whole).get("data.name", "")))))
    batch = int(flat.get("training.batch", 0) or 0)
    every = min(rows_apart(flatten(config)), PROBE_UPDATES if batch else PROBE_STEPS)
    steps = 2 * every if batch else PROBE_STEPS
    if batch and "data.train" in flat:
        # With fewer samples a minibatch would be a larger share of them.
        few = int(flat["data.train"])
        flat["data.train"] = min(few * max(1, -(-8 * batch // few)), int(flatten(whole)["data.train"]))
    if "data.test" in flat and (tested := int(flatten(config).get("data.test", 0))):
        flat["data.test"] = max(1, round(tested * int(flat["data.train"]) / int(flatten(whole)["data.train"])))
    for name, value in list(flat.items()):
        if name.startswith("measure.") and name.endswith(".steps"):
            flat[name] = [step for step in value if step <= steps] or [0]
        if name.startswith("measure.") and name.endswith(".reference_step"):
            flat[name] = min(int(value), steps - 1)
    return nested(flat | {"training.steps": steps, "measure.row_every": every, "run.checkpoint_every": 0})


def steps_between(flat: Mapping[str, Any]) -> int:
    """How far apart the steps are that cost more than the others do: those with measurements, or else those with cold checks of λ₁."""
    apart = [int(value) for name, value in flat.items() if name.startswith("measure.") and name.endswith("every") and name not in NOT_COSTLY]
    return min((steps for steps in apart if steps > 1), default=25)


def seconds_of(timing: pd.DataFrame, whole: Mapping[str, Any], ratio: float) -> float:
    """Seconds of a step in the mean, of a run with the settings `whole` and `ratio` times the samples of the short one that `timing` is of.

    Three parts: updates; what each row costs besides; and what the first row costs beyond both, once in as many steps as measurements are apart.
    With minibatches a row has a pass over all samples of its own, and an update is not dearer with more samples, unless it takes the gradient of all, too.
    """
    batch = int(whole.get("training.batch", 0) or 0)
    apart = timing["step"].diff()
    beside = timing["evaluation_ms"] + timing["spectrum_ms"] + (timing["gradient_ms"] if batch else 0)
    update, row = float(((timing["elapsed_ms"].diff() - beside) / apart).median()), float(beside.iloc[1:].median())
    excess = max(0.0, float(timing["elapsed_ms"].iloc[0]) - update - row)
    of_all = not batch or whole.get("training.rule") == "noise_scaled"
    return ((ratio if of_all else 1) * max(0.0, update) + ratio * (row / rows_apart(whole) + excess / steps_between(whole))) / 1000


def cost(brink: Brink, config: Mapping[str, Any], scratch: pathlib.Path) -> tuple[float, int]:
    """Seconds of a step, and the number of parameters. The time is that of a short run with fewer samples, scaled."""
    whole, short = without_files(config), probe(config)
    folder = scratch / f"probe-{settings_hash(short)}"
    try:
        run = brink.train(short, folder)
        ratio = int(flatten(whole).get("data.train", 1)) / int(flatten(short).get("data.train", 1))
        return seconds_of(read_table(folder / "timing.csv"), flatten(config), ratio), int(run.info["parameters"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def files_of(piece: Piece) -> int:
    """How many files with whole vectors a piece writes."""
    out = 0
    for name in ("parameters", "eigenvectors"):
        table = piece.config.get("measure", {}).get(name)
        if isinstance(table, Mapping):
            every = int(table.get("every", 0))
            out += len(table.get("steps", [])) + (piece.steps // every + 1 if every else 0)
    return out


def check(made: Plan, out: pathlib.Path) -> None:
    """Raises TooLarge if the plan needs more memory or disk than there is."""
    largest = max(made.pieces, key=lambda piece: piece.memory, default=None)
    room = f"{size(usable_memory())} can be used, three quarters of what is free"
    if largest is not None and largest.memory > usable_memory():
        raise TooLarge(f"size {made.size}: the run {largest.name} needs {size(largest.memory)} of memory, {room}; use a smaller --size or a "
                       "larger machine")
    if made.memory > usable_memory():
        fit = max(1, int(usable_memory() // max(piece.memory for piece in made.pieces)))
        raise TooLarge(f"size {made.size}: {made.jobs} runs at a time need {size(made.memory)} of memory, {room}; use --jobs {fit}")
    if made.disk > free_disk(out):
        raise TooLarge(f"size {made.size}: the runs need about {size(made.disk)} of disk, {size(free_disk(out))} are free in {out}; name a folder "
                       "on a larger disk by --out")


def free_disk(path: pathlib.Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def available_memory() -> int:
    """Bytes that are free, as the kernel estimates it; what a control group leaves, if that is less."""
    try:
        kernel = int(re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        most = pathlib.Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(pathlib.Path("/sys/fs/cgroup/memory.current").read_text())
        return min(kernel, int(most) - used) if most.isdigit() else kernel
    except (OSError, ValueError):
        return kernel


def usable_memory() -> float:
    """What the command itself takes at most (`run.memory = "auto"`)."""
    return 0.75 * available_memory()


def hours(value: float) -> str:
    return f"{value * 3600:.0f} seconds" if value < 1 / 30 else f"{value * 60:.0f} minutes" if value < 2 else f"{value:.1f} hours"


def size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
