# SPDX-License-Identifier: MIT
"""What an experiment works with: runs, forks, sweeps and measurements that are made once and found again by their settings."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from brink.command import Brink, alone, ended, stop_all, write_text
from brink.errors import BrinkError, MissingData
from brink.run import Run
from brink.settings import merged, nested, settings_hash

Item = TypeVar("Item")
Result = TypeVar("Result")
Settings = Mapping[str, Any]

# Data sets with files: the folder that an archive of that collection makes, the files, and what stands in for it in the size smoke.
FMNIST = ("fashion-mnist", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"], "synthetic")
CIFAR = ("cifar-10-batches-bin", [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"], "synthetic-cifar")
DATA_SETS = {"fmnist4": FMNIST, "cifar10-5k": CIFAR, "cifar10-50k": CIFAR, "cifar10-500k": CIFAR}


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Lab:
    """The runs of an experiment at one size.

    Every run has a folder in `runs` whose name is a hash of its settings, so that finished work is found again, by other experiments
    too, and other settings make another run. `name` is what a run is called in messages and in runs.csv, and how `run(name)` finds it.
    """

    def __init__(self, brink: Brink, runs: str | pathlib.Path, *, name: str = "smoke", size: Settings | None = None, jobs: int | None = None,
                 data: str | pathlib.Path | None = None, quiet: bool = False, shard: tuple[int, int] = (1, 1)):
        self.brink, self.runs, self.name, self.size = brink, pathlib.Path(runs), name, dict(size or {})
        self.jobs = max(1, jobs or cores())
        self.quiet, self.shard = quiet, shard
        self.data_directory = pathlib.Path(data) if data else None
        self.made: dict[str, Run] = {}  # by name, in the order in which they were asked for

    def say(self, *words: object) -> None:
        """A line for the terminal."""
        if not self.quiet:
            print("  ", *words, file=sys.stderr, flush=True)

    def run(self, name: str) -> Run:
        """A run that was made under this name."""
        if name not in self.made:
            raise BrinkError(f"no run is called {name!r}; work() has made {', '.join(self.made) or 'none'}")
        return self.made[name]

    # ---- data

    def data(self, name: str, **keys: Any) -> dict[str, Any]:
        """The table [data] of a data set: {"data": lab.data("fmnist4")}. In the size smoke it is data made by the program instead."""
        if name not in DATA_SETS:
            return {"name": name, **keys}
        if self.name == "smoke":
            return {"name": DATA_SETS[name][2], **keys}
        return {"name": name, "directory": str(self.find_data(name)), **keys}

    def find_data(self, name: str) -> pathlib.Path:
        """The folder that holds the files of a data set; the error names the files and says where to put them."""
        folder, files, _ = DATA_SETS[name]
        roots = [self.data_directory or pathlib.Path(os.environ.get("BRINK_DATA", "data"))]
        places = [place for root in roots for place in (root / folder, root)]
        for place in places:
            if all((place / file).is_file() or (place / f"{file}.gz").is_file() for file in files):
                return place.resolve()
        missing = [file for file in files if not any((place / file).is_file() or (place / f"{file}.gz").is_file() for place in places)]
        place = places[0].absolute()
        raise MissingData(
            f"the data set {name} needs files that are missing: {', '.join(missing or files)}\n"
            f"  looked for in {' and '.join(str(one.absolute()) for one in places)}, with or without .gz\n"
            f"  to download them: {self.brink.executable} data fetch {name} --directory {place}\n"
            "  if they are elsewhere: --data FOLDER, or the environment variable BRINK_DATA\n"
            "  without any files: --size smoke, which has made-up data")

    # ---- runs

    def train(self, name: str, config: Settings) -> Run:
        """A training run."""
        return self.train_all({name: config})[name]

    def train_all(self, configs: Mapping[str, Settings]) -> dict[str, Run]:
        """Several training runs, `jobs` at a time."""
        def one(item: tuple[str, Settings], threads: int) -> Run:
            return self._train(item[0], nested(item[1]), self.folder(item[1]), threads)
        return self._remember(dict(zip(configs, self._parallel(one, configs.items(), lambda item: self.folder(item[1])))))

    def fork(self, name: str, parent: Run, at: int, set: Settings, **config: Any) -> Run:
        """The run that begins with the state of `parent` at step `at`, with the settings `set` from there on."""
        return self.fork_all([{"name": name, "parent": parent, "at": at, "set": merged(set, config)}])[0]

    def fork_all(self, forks: Sequence[Settings]) -> list[Run]:
        """Several forks, each a dictionary with name, parent, at and set; `jobs` at a time."""
        def place(one: Settings) -> pathlib.Path:
            return self.folder(one["set"], one["parent"].path.name, int(one["at"]))

        def make(one: Settings, threads: int) -> Run:
            return self._fork(one["name"], one["parent"], int(one["at"]), nested(one["set"]), place(one), threads)
        made = self._parallel(make, forks, place)
        self._remember(dict(zip((one["name"] for one in forks), made)))
        return made

    def measure(self, run: Run, steps: str | int | Sequence[int], set: Settings) -> Run:
        """Measurements that are added to a run that has ended; the run, read anew."""
        return self.measure_all([{"run": run, "steps": steps, "set": set}])[0]

    def measure_all(self, measurements: Sequence[Settings]) -> list[Run]:
        """Several added measurements, each a dictionary with run, steps and set; `jobs` at a time, one for each run."""
        groups: dict[pathlib.Path, list[Settings]] = {}
        for one in measurements:
            groups.setdefault(one["run"].path, []).append(one)

        def make(group: list[Settings], threads: int) -> Run:
            return [self._measure(one["run"], one["steps"], nested(one["set"]), threads) for one in group][-1]
        made = dict(zip(groups, self._parallel(make, groups.values(), lambda group: group[0]["run"].path)))
        for name, run in self.made.items():
            self.made[name] = made.get(run.path, run)
        return [made[one["run"].path] for one in measurements]

    def sweep(self, name: str, config: Settings) -> list[Run]:
        """All runs of a sweep (docs/sweeps.md), in the order of its list."""
        folder = self.runs / f"sweep-{settings_hash(config)}"
        made = self._sweep(name, config, folder)
        self._remember({f"{name}[{i}]": run for i, run in enumerate(made)})
        return made

    def call(self, name: str, *arguments: object) -> pathlib.Path:
        """`brink ARGUMENTS --out FOLDER` for a command that is not about runs; once for the same arguments. Returns the folder."""
        folder = self.runs / f"{name}-{settings_hash({}, [str(one) for one in arguments])}"
        if not (folder / "done").is_file():
            self._call(name, folder, *arguments)
        return folder

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """`work` of every item, in order, `jobs` at a time: for calls of `lab.brink` that have no method here."""
        return self._parallel(lambda item, threads: work(item), list(items))

    def folder(self, config: Settings, *more: Any) -> pathlib.Path:
        """The folder of a run with these settings."""
        return self.runs / settings_hash(config, *more)

    # ---- how they are made; a plan replaces these

    def _train(self, name: str, config: dict[str, Any], folder: pathlib.Path, threads: int) -> Run:
        if ended(folder) is None:
            self.say(f"{'going on with' if folder.exists() else 'training'} {name}")
        return self.brink.train(config, folder, options=self._threads(config, threads))

    def _fork(self, name: str, parent: Run, at: int, set: dict[str, Any], folder: pathlib.Path, threads: int) -> Run:
        if ended(folder) is None:
            self.say(f"forking {name} at step {at}")
        return self.brink.fork(parent, at, set, folder, options=self._threads(set, threads))

    def _measure(self, run: Run, steps: str | int | Sequence[int], set: dict[str, Any], threads: int) -> Run:
        return self.brink.measure(run, steps, set, options=["--threads", str(threads)])

    def _sweep(self, name: str, config: Settings, folder: pathlib.Path) -> list[Run]:
        self.say(f"sweep {name}")
        return self.brink.sweep(config, folder, self.jobs)

    def _call(self, name: str, folder: pathlib.Path, *arguments: object) -> None:
        with alone(folder):
            if (folder / "done").is_file():
                return
            self.say(f"computing {name}")
            shutil.rmtree(folder, ignore_errors=True)  # of a call that was killed
            self.brink.call(*arguments, "--out", folder)
            write_text(folder / "done", " ".join(map(str, arguments)) + "\n")

    def _threads(self, config: Settings, threads: int) -> list[str]:
        return [] if "threads" in nested(config).get("run", {}) else ["--threads", str(threads)]

    def _remember(self, made: dict[str, Run]) -> dict[str, Run]:
        self.made.update(made)
        return made

    def _parallel(self, work: Callable[[Any, int], Result], items: Iterable[Any], key: Callable[[Any], Any] | None = None) -> list[Result]:
        """`work(item, threads)` of every item; items with one key are one piece of work.

        One of several shards begins with its own pieces and goes on with the others', of which most are finished or in use by then.
        """
        listed = list(items)
        keys = [key(item) for item in listed] if key else list(range(len(listed)))
        distinct = {one: item for one, item in reversed(list(zip(keys, listed)))}
        at_once = max(1, min(self.jobs, len(distinct)))
        threads = max(1, cores() // at_once)
        order = list(dict.fromkeys(keys))
        order = [one for turn in range(self.shard[1]) for one in order[(self.shard[0] - 1 + turn) % self.shard[1]::self.shard[1]]]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            begun = {one: pool.submit(work, distinct[one], threads) for one in order}
            try:
                done = {one: begun[one].result() for one in order}
            except BaseException as error:
                for future in begun.values():
                    future.cancel()
                if not isinstance(error, Exception):
                    stop_all()
                raise
        return [done[one] for one in keys]
