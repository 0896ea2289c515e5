# SPDX-License-Identifier: MIT
"""Drives the `brink` command. Every call may be repeated: finished work is passed over, interrupted work is resumed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from brink.errors import BrinkError, CommandError, Interrupted, RunFolderError
from brink.run import Run, read_table
from brink.settings import differences, flatten, literal, merged, nested, settings_hash, toml

IN_USE, DIVERGED, INTERRUPTED = 73, 5, 75
ENDED = ("finished", "diverged")


class Brink:
    """The command. It is looked for in `executable`, $BRINK, build/tools/brink of the checkout, and PATH, in this order.

    `options` are arguments that every call of train, fork, measure and spectrum gets, such as ["--device", "cuda"].
    """

    def __init__(self, executable: str | pathlib.Path | None = None, options: Sequence[str] = ()):
        self.executable = find_executable(executable)
        self.options = list(options)

    def call(self, *arguments: object, allowed: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Runs `brink ARGUMENTS`. Any other exit code than the allowed ones is a CommandError with the command's message."""
        words = [str(one) for one in arguments]
        process = subprocess.Popen([*DIES_WITH_PARENT, self.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", env={**os.environ, "LC_ALL": "C.UTF-8"})
        RUNNING.add(process)
        try:
            out, err = process.communicate()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            RUNNING.discard(process)
        if process.returncode in (INTERRUPTED, -2, -15) and process.returncode not in allowed:
            raise Interrupted(f"brink {' '.join(words)} was told to stop; the same call resumes it")
        if process.returncode not in allowed:
            message = "\n".join(line.removeprefix("brink: ") for line in err.strip().splitlines()[-12:])
            raise CommandError(["brink", *words], process.returncode, message or out.strip()[-500:])
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def _waiting(self, *arguments: object, allowed: Sequence[int] = (0,), most_seconds: float = 3600) -> subprocess.CompletedProcess[str]:
        """Like `call`, but waits while another process uses the folder."""
        until, pause = time.monotonic() + most_seconds, 0.1
        while True:
            try:
                return self.call(*arguments, allowed=allowed)
            except CommandError as error:
                if error.code not in (IN_USE, 3) or " in use by " not in error.message or time.monotonic() > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def train(self, config: Mapping[str, Any] | str | pathlib.Path, out: str | pathlib.Path, *, options: Sequence[str] = ()) -> Run:
        """`brink train`. `config` is a nested dictionary as in TOML, or a file. A run that diverges is a result, too."""
        settings = _settings(config)
        folder = pathlib.Path(out)
        if (run := ended(folder)) is None:
            with alone(folder):
                run = ended(folder) or self._train(settings, folder, options)
        if wrong := differences(settings, run.config):
            raise BrinkError(f"{folder} holds a run with other settings: {', '.join(wrong[:5])}; choose another folder, or delete it")
        return run

    def _train(self, settings: Mapping[str, Any], folder: pathlib.Path, options: Sequence[str]) -> Run:
        file = folder.parent / f"{folder.name}.toml"
        write_text(file, toml(settings))
        try:
            self._waiting("train", file, "--resume", "--out", folder, "--quiet", *self.options, *options, allowed=(0, DIVERGED))
        finally:
            file.unlink(missing_ok=True)
        return self._made(folder)

    def _made(self, folder: pathlib.Path) -> Run:
        if not folder.is_dir():
            raise BrinkError(f"{self.executable} ended well and made no run; expected the brink command: name it in --brink or in the environment variable BRINK")
        return Run(folder)

    def fork(self, parent: Run | str | pathlib.Path, at: int, set: Mapping[str, Any], out: str | pathlib.Path, *,
             options: Sequence[str] = ()) -> Run:
        """`brink fork`: the run that begins with the state of `parent` at step `at`, changed by the settings `set`."""
        folder = pathlib.Path(out)
        if (run := ended(folder)) is None:
            with alone(folder):
                run = ended(folder) or self._fork(folder_of(parent), at, set, folder, options)
        wrong = differences(set, run.config)
        if run.config.get("fork", {}).get("at_step") != at:
            wrong.append(f"at step {at} (there {run.config.get('fork', {}).get('at_step')})")
        if wrong:
            raise BrinkError(f"{folder} holds another fork: {', '.join(wrong[:5])}; choose another folder, or delete it")
        return run

    def _fork(self, origin: pathlib.Path, at: int, set: Mapping[str, Any], folder: pathlib.Path, options: Sequence[str]) -> Run:
        """A fork that has not ended: begun, or resumed from its own checkpoint."""
        if (folder / "config.toml").is_file() and any((folder / "checkpoints").glob("*.safetensors")):
            self._waiting("train", "--resume", "--out", folder, "--quiet", *self.options, *options, allowed=(0, DIVERGED))
        else:
            shutil.rmtree(folder, ignore_errors=True)  # before its first checkpoint it has nothing that could be lost
            self._waiting("fork", origin, "--at", at, *sets(set), "--out", folder, "--quiet", *self.options, *options, allowed=(0, DIVERGED))
        return self._made(folder)

    def measure(self, run: Run | str | pathlib.Path, steps: str | int | Sequence[int], set: Mapping[str, Any], *,
                options: Sequence[str] = ()) -> Run:
        """`brink measure`: adds columns and files to a run that has ended. `steps` is FIRST:LAST[:EVERY], a step, or (first, last, every)."""
        folder = folder_of(run)
        text, mark = step_range(steps), measured_mark(folder, steps, set)
        if not mark.is_file():
            with alone(mark):
                if not mark.is_file():
                    self._waiting("measure", folder, "--steps", text, *sets(set), "--quiet", *self.options, *options)
                    write_text(mark, f"steps {text}\n" + "".join(f"{name} = {literal(value)}\n" for name, value in flatten(set).items()))
        return Run(folder)

    def spectrum(self, run: Run | str | pathlib.Path, step: int, *, operator: str = "hessian", top: int | None = None, bottom: int | None = None,
                 density: bool = False, dense: bool = False, more: Sequence[str] = ()) -> Run:
        """`brink spectrum`; its numbers are `run.tensors("spectrum", step, operator)`."""
        folder = folder_of(run)
        words: list[str] = ["--operator", operator]
        for name, value in (("--top", top), ("--bottom", bottom)):
            words += [] if value is None else [name, str(value)]
        words += (["--density"] if density else []) + (["--dense"] if dense else []) + list(more)
        mark = folder / "measured" / "spectrum" / f"done-{settings_hash({}, step, words)}"
        if not mark.is_file():
            with alone(mark):
                self._waiting("spectrum", folder, "--step", step, *words, "--quiet", *self.options)
                write_text(mark, " ".join(words) + "\n")
        return Run(folder)

    def sweep(self, config: Mapping[str, Any] | str | pathlib.Path, out: str | pathlib.Path, jobs: int | None = None, *,
              options: Sequence[str] = ()) -> list[Run]:
        """`brink sweep`. The runs that have ended, in the order of the list; `sweep_table` has the keys that vary."""
        folder, settings = pathlib.Path(out), _settings(config)
        file, text = folder.parent / f"{folder.name}.sweep.toml", toml(settings)
        known = file.is_file() and file.read_text("utf-8") == text and (folder / "summary.csv").is_file()
        if not known or not set(sweep_table(folder)["status"]) <= set(ENDED):
            write_text(file, text)
            try:
                self._waiting("sweep", file, "--out", folder, *(["--jobs", jobs] if jobs else []), *options)
            except CommandError as error:
                failed = sorted((folder / "failed").glob("*.txt"))
                if error.code != 1 or not failed:
                    raise
                raise CommandError(error.arguments, 1, f"{len(failed)} runs failed; the first one ({failed[0]}):\n"
                                                       + failed[0].read_text("utf-8")[-1000:]) from error
        return [ended(folder / name) or Run(folder / name) for name in sweep_table(folder)["run"]]

    def needs_bytes(self, config: Mapping[str, Any], scratch: pathlib.Path) -> int:
        """The memory that a run needs at least, as the command itself computes it before it allocates anything."""
        file = scratch / f"memory-{settings_hash(config)}.toml"
        write_text(file, toml(merged(config, {"run": {"memory": "1KiB"}})))
        try:
            self.call("train", file, "--out", scratch / f"memory-{settings_hash(config)}", "--quiet", *self.options)
        except CommandError as error:
            # Where no machine of this size would do, the command says only what is needed, and not what run.memory could be.
            found = re.search(r"run\.memory must be at least (\S+)", error.message) or \
                re.search(r"out of memory: ([\d.]+ ?\w+)(?: of the host's memory)? are needed", error.message)
            if error.code != 6 or found is None:
                raise
            return parse_bytes(found[1])
        finally:
            file.unlink(missing_ok=True)
        raise BrinkError("expected that one kibibyte of memory is too small for any run")


def sweep_table(folder: str | pathlib.Path) -> pd.DataFrame:
    """summary.csv of a sweep."""
    path = pathlib.Path(folder) / "summary.csv"
    if not path.is_file():
        raise RunFolderError(f"{folder}: expected the folder of a sweep, found no summary.csv; `brink sweep` makes one")
    table: pd.DataFrame = read_table(path).astype({"run": str})
    return table


def ended(folder: pathlib.Path) -> Run | None:
    """The run of a folder if it has finished or diverged. One that has, and whose files are damaged since, is an error: its numbers would be wrong."""
    try:
        told = json.loads((folder / "run.json").read_text("utf-8"))
        over, steps = told["status"] in ENDED, int(told["steps_done"])
        lengths = {name: int(file["bytes"]) for name, file in told.get("files", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # not begun, or stopped: `brink train --resume` knows how to go on
    if not over:
        return None
    if wrong := damage(folder, steps, lengths):
        raise RunFolderError(f"{folder}: the run has ended, but {wrong}; remove this folder, and the same call makes the run again")
    return Run(folder)


def damage(folder: pathlib.Path, steps: int, lengths: Mapping[str, int]) -> str:
    """What is wrong with the tables of a run that has ended after so many steps; "" if nothing is. `lengths`: in bytes, as run.json has them."""
    for name in ("config.toml", "metrics.csv", "events.csv"):
        if not (folder / name).is_file():
            return f"{name} is missing"
        if not (end := last_bytes(folder / name)).endswith(b"\n"):
            return f"{name} is empty or breaks off in a line"
        if name == "metrics.csv" and (last := end.rstrip(b"\n").rsplit(b"\n", 1)[-1].split(b",")[0]) != str(steps).encode():
            return f"the last row of metrics.csv is that of step {last.decode('utf-8', 'replace')}, expected {steps}"
    for name, expected in lengths.items():
        if (found := (folder / name).stat().st_size if (folder / name).is_file() else 0) != expected:
            return f"{name} has {found} bytes, expected {expected}"
    return ""


def last_bytes(path: pathlib.Path, most: int = 1 << 16) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - most))
        return file.read()


def folder_of(run: Run | str | pathlib.Path) -> pathlib.Path:
    return run.path if isinstance(run, Run) else pathlib.Path(run)


def step_range(steps: str | int | Sequence[int]) -> str:
    """Steps as `brink measure --steps` takes them."""
    return steps if isinstance(steps, str) else f"{steps}:{steps}" if isinstance(steps, int) else ":".join(map(str, steps))


def measured_mark(folder: pathlib.Path, steps: str | int | Sequence[int], set: Mapping[str, Any]) -> pathlib.Path:
    """The file that a measurement leaves when it has ended well, because the command itself would compute everything again."""
    return folder / "measured" / f"done-{settings_hash(set, step_range(steps))}"


def sets(settings: Mapping[str, Any]) -> list[str]:
    """Settings as --set arguments."""
    out: list[str] = []
    for name, value in flatten(settings).items():
        # --set cannot give an empty table; every = 1 turns the same measurement on.
        out += ["--set", f"{name}.every=1" if value == {} else f"{name}={literal(value)}"]
    return out


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file so that a reader finds the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def parse_bytes(text: str) -> int:
    """55MiB, 16.51 GiB, 640 bytes as a number of bytes."""
    for unit, size in (("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40)):
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * size)
    return int(text.removesuffix("bytes"))


def find_executable(given: str | pathlib.Path | None = None) -> str:
    """The path of the command; the error says where it was looked for."""
    checkout = pathlib.Path(__file__).resolve().parents[2] / "build" / "tools" / "brink"
    places = [str(given)] if given else [os.environ["BRINK"]] if os.environ.get("BRINK") else [str(checkout), "brink"]
    for place in places:
        if found := shutil.which(place):
            return str(pathlib.Path(found).resolve())
    looked = " and ".join("as brink on PATH" if place == "brink" else f"in {place}" for place in places)
    raise BrinkError(f"the brink command was not found; it was looked for {looked}. Build it (`tools/demo` or `ninja -C build tools/brink`), "
                     "or name it in the environment variable BRINK")


def _settings(config: Mapping[str, Any] | str | pathlib.Path) -> dict[str, Any]:
    if isinstance(config, Mapping):
        return nested({key: value for key, value in config.items() if key != "sweep"}) | ({"sweep": config["sweep"]} if "sweep" in config else {})
    return tomllib.loads(pathlib.Path(config).read_text("utf-8"))


@contextlib.contextmanager
def alone(place: pathlib.Path) -> Iterator[None]:
    """While it is held, no other process and no other thread makes `place`. The lock ends with its process."""
    lock = place.parent / ".locks" / place.name
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if STOPPING.wait(0.2):
                    raise Interrupted(f"told to stop while another process works on {place}") from None
        yield


STOPPING = threading.Event()  # set once, when the program ends
RUNNING: set[subprocess.Popen[str]] = set()


def stop_all() -> None:
    """Tells every command that runs now to stop so that it can be resumed, and those that wait for a folder to give up."""
    STOPPING.set()
    for process in list(RUNNING):
        process.terminate()


# The kernel ends a run whose caller has died, so that the next call finds no folder in use.
DIES_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
