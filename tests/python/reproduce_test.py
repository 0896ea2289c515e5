# SPDX-License-Identifier: MIT
"""tools/reproduce on the size smoke: complete results, the same bytes again, kills at random moments, and an environment that cannot be made.
usage: reproduce_test.py BUILD [--all]

Ordinarily four experiments, of which one is killed; with --all every experiment, and twenty kills. The moments are drawn from a fixed seed.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from environment import UNAVAILABLE, environment, start
from harness import ROOT, Cases, command

FOUR = ["fig1", "fig3", "fig5", "fig20"]
WITHOUT_RUNS = ("fig19",)  # it calls `brink walk` only
SLOWEST = 600  # seconds of all experiments together
cases = Cases()
every = "--all" in sys.argv[2:]
variables, why_not = environment(sys.argv[1])
tool = str(ROOT / "tools" / "reproduce")


def reproduce(*words, **more):
    return command([tool, *words], env={**variables, **more})


def contents(folder):
    """The files of all results, without the runs that they were made of."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.relative_to(folder).parts[0] != "runs"}


def ended_runs(folder):
    """The recorded times of each run that has ended: they change if it is made once more."""
    out = {}
    for info in (folder / "runs").glob("**/run.json"):
        try:
            if json.loads(info.read_text())["status"] in ("finished", "diverged"):
                out[info.parent] = (info.parent / "timing.csv").read_bytes()
        except (OSError, ValueError):
            continue
    return out


def differences(one, other):
    return [f"{name}: {'differs' if name in one and name in other else 'is missing in one of them'}"
            for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def complete(folder, name):
    files = ("figure.svg", "figure.png", "claims.csv", "page.html", *(() if name in WITHOUT_RUNS else ("runs.csv",)))
    return [f"{folder.name}/{name} has no {file}" for file in files if not (folder / name / file).is_file()]


def kill_and_repeat(out, names, kills, longest):
    """Kills the program and all that it has started at random moments, and then lets it end. Complaints about work that was repeated."""
    complaints, moments, known = [], random.Random(14), {}
    for _ in range(kills):
        process = start(variables, *names, "--out", str(out), "--quiet")
        try:
            process.wait(timeout=moments.uniform(0.5, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        before = ended_runs(out)
        complaints += [f"{folder.name} was made again" for folder, times in known.items() if before.get(folder) != times]
        known = before
    told, status = reproduce(*names, "--out", str(out), "--quiet")
    after = ended_runs(out)
    complaints += [f"{folder.name} was made again" for folder, times in known.items() if after.get(folder) != times]
    return complaints + ([told] if status else [])


def no_environment():
    """Without a network the message names the packages, and nothing that looks finished is left."""
    with tempfile.TemporaryDirectory() as scratch:
        venv = pathlib.Path(scratch, "venv")
        offline = {"BRINK_PAPER_VENV": str(venv), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": scratch, "PIP_CONFIG_FILE": os.devnull}
        told, status = reproduce("--list", **offline)
        cases.check("no network", [] if status == UNAVAILABLE and "numpy==" in told and "matplotlib==" in told and "PIP_NO_INDEX" in told else
                    [f"ended with {status}", *told.splitlines()[-8:]])
        cases.check("no network: nothing is taken for finished", not (venv / "installed.txt").exists())
        # What an installation that was killed has left: an interpreter that does not run, and no mark.
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").unlink(missing_ok=True)
        (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
        (venv / "bin" / "python").chmod(0o755)
        told, status = reproduce("--list", **offline)
        begun = subprocess.run([str(venv / "bin" / "python"), "--version"], capture_output=True).returncode == 0
        cases.check("an interrupted installation is begun again", [] if status == UNAVAILABLE and begun else told.splitlines()[-8:])


def damaged_environment():
    """A package that lost a file is named, and the next call makes the environment again. A folder of somebody else is never removed."""
    with tempfile.TemporaryDirectory() as scratch:
        venv, offline = pathlib.Path(scratch, "venv"), {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": scratch, "PIP_CONFIG_FILE": os.devnull}
        there = {"BRINK_PAPER_VENV": str(venv), **offline}
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        shutil.copy(ROOT / "bench" / "paper" / "requirements.txt", venv / "installed.txt")
        told, status = reproduce("--list", **there)
        cases.check("a damaged environment", [] if status == UNAVAILABLE and "is damaged: No module named" in told and "Traceback" not in told
                    and not (venv / "installed.txt").exists() else [f"ended with {status}", *told.splitlines()[-8:]])
        for name, make in (("a folder", lambda place: place.mkdir()), ("an environment", lambda place: subprocess.run(
                [sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)), ("a file", lambda place: place.write_text("kept"))):
            place = pathlib.Path(scratch, name.replace(" ", "-"))
            make(place)
            if place.is_dir():
                (place / "kept").touch()
            for _ in range(2):
                told, status = reproduce("--list", **{**there, "BRINK_PAPER_VENV": str(place)})
                kept = place.is_file() or (place / "kept").is_file()
                cases.check(f"{name} of somebody else is not removed", [] if status == UNAVAILABLE and kept and "not made by tools/reproduce" in told
                            else [f"ended with {status}", *told.splitlines()[-8:]])
        told, status = reproduce("--list", **{**there, "BRINK_PAPER_VENV": "/proc/venv"})
        cases.check("a place that cannot be written", [] if status == UNAVAILABLE and "/proc cannot be written" in told and "line" not in told else [told])
        told, status = reproduce("--list", **{**there, "BRINK_PAPER_VENV": str(venv) + "-2", "PYTHON": "/nowhere/python"})
        cases.check("no such Python", [] if status == UNAVAILABLE and "there is no program /nowhere/python" in told and "line" not in told else [told])


def interrupted_installation():
    """An installation that is killed at a random moment, and the next call, which mends it."""
    with tempfile.TemporaryDirectory() as scratch:
        there = {**variables, "BRINK_PAPER_VENV": str(pathlib.Path(scratch, "venv"))}
        process = start(there, "--list")
        time.sleep(random.Random(1).uniform(8, 15))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        told, status = command([tool, "--list"], env=there)
        cases.check("an interrupted installation mends itself", [] if status == 0 and "fig1" in told else told.splitlines()[-8:])


if why_not:
    for name in ("results of the size smoke", "the same bytes again", "killed at random moments"):
        cases.skip(name, why_not)
    cases.close()

told, status = reproduce("--list")
ids = [line.split()[0].rstrip(",") for line in told.splitlines()]
chosen = ids if every else FOUR
if not every:
    cases.skip("every experiment, and twenty kills", "long")
told, status = reproduce("fig1x")
cases.check("an unknown id", [] if status == 2 and "did you mean fig1?" in told else [told])
no_environment()
damaged_environment()
with tempfile.TemporaryDirectory() as scratch:
    first, second = pathlib.Path(scratch, "first"), pathlib.Path(scratch, "second")
    started = time.monotonic()
    told, status = reproduce(*chosen, "--out", str(first))
    seconds = time.monotonic() - started
    print(told)
    print(f"{len(chosen)} experiments took {seconds:.0f} s")
    cases.check("all end well", [] if status == 0 else told.splitlines()[-30:])
    for name in chosen:
        cases.check(f"{name} is complete", complete(first, name))
    cases.check("index", (first / "index.html").is_file())
    if every:
        cases.check("time of all", [] if seconds < SLOWEST else [f"{seconds:.0f} s, expected at most {SLOWEST}"])
    known, times = contents(first), ended_runs(first)
    told, status = reproduce(*chosen, "--out", str(first))
    cases.check("again: finished before", [] if status == 0 and told.count("finished before") == len(chosen) else told.splitlines())
    cases.check("again: the same bytes", differences(known, contents(first)) + ([] if times == ended_runs(first) else ["a run was made again"]))

    killed = chosen if every else FOUR[:1]
    for name in set(chosen) - set(killed):
        shutil.rmtree(first / name)
    repeated = kill_and_repeat(second, killed, 20 if every else 4, max(3.0, seconds / (5 if every else 8)))
    cases.check("killed at random moments: finished work is not repeated", repeated)
    one, other = contents(first), contents(second)
    for files in (one, other):
        files.pop("index.html", None)
    cases.check("killed at random moments: the same bytes", differences(one, other))
    (second / killed[0] / "figure.svg").write_text("")
    cases.rejects("the same bytes", differences(one, contents(second)))
if every:
    interrupted_installation()
cases.close()
