# SPDX-License-Identifier: MIT
"""What gpu_check finds (checks, parts, the JSON file, the archive of results), and how it starts programs under a time limit.

Any fault becomes a check with a name and a reason, never an exception that ends the program: a machine with a GPU may be lent
for minutes only, and the parts after a failed one are worth having.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
ARCHIVE_LIMIT_MIB = 16


class NotRun(Exception):
    """A whole part cannot run here; the text says why."""


class Done:
    """A program that ended, or that was cut because its time ran out (status None)."""

    def __init__(self, arguments, status, output, seconds):
        self.arguments, self.status, self.output, self.seconds = arguments, status, output, seconds

    @property
    def cut(self):
        return self.status is None

    @property
    def why(self):
        """Why a program did not end with 0; None if it did."""
        if self.status == 0:
            return None
        if self.cut:
            return f"cut after {self.seconds:.0f} s: the time of this part was over"
        last = next((line.strip() for line in reversed(self.output.splitlines()) if line.strip()), "no output")
        how = f"ended by signal {-self.status}" if self.status < 0 else f"status {self.status}"
        return f"{how}: {last[:300]}"


class Part:
    """One part of the whole: its checks, figures, and until when it may run."""

    def __init__(self, report, name, budget_s):
        self.report, self.name = report, name
        self.started = time.monotonic()
        self.until = self.started + budget_s
        self.checks, self.figures = [], {}

    def left_s(self):
        return max(0.0, self.until - time.monotonic())

    def add(self, name, status, why="", seconds=None):
        self.checks.append({"name": name, "status": status, "why": why, "seconds": None if seconds is None else round(seconds, 2)})
        print(f"  {status:8}{name}" + (f": {why}" if why else ""), flush=True)

    def check(self, name, complaints, seconds=None):
        """Adds a check; `complaints` are lines, none if it passed."""
        self.add(name, FAILED if complaints else PASSED, "; ".join(complaints[:5]), seconds)

    def check_done(self, name, done, complaints=()):
        """Adds a check of a program: complaints fail it; being cut is not a failure; any end other than status 0 is one."""
        if complaints:
            self.check(name, list(complaints), done.seconds)
        elif done.cut:
            self.add(name, NOT_RUN, done.why, done.seconds)
        else:
            self.check(name, [] if done.status == 0 else [done.why], done.seconds)

    def not_run(self, name, why):
        self.add(name, NOT_RUN, why)

    def run(self, arguments, environment=None, log=None, most_s=None, folder=None):
        """Starts a program and waits, at most to the end of the part; everything it started ends with it.

        VIRTUAL_ENV is set to this Python's folder if it is not set, so that brink finds the cuBLAS of its packages
        (kernels/cuda/cublas_folders.h). The output goes to a file and not through a pipe, because a program that hangs in a
        driver cannot be killed and is then left behind.
        """
        arguments = [str(a) for a in arguments]
        limit = self.left_s() if most_s is None else min(most_s, self.left_s())
        begun = time.monotonic()
        said = self.report.folder / (log or ".output")
        try:
            with said.open("wb") as output:
                process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
                                           env={"VIRTUAL_ENV": sys.prefix, **os.environ, **(environment or {})},
                                           start_new_session=True)
        except OSError as error:
            return Done(arguments, 127, f"{arguments[0]}: {error.strerror}", 0.0)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        text = said.read_text(errors="replace")
        if not log:
            said.unlink()
        return Done(arguments, status, text, time.monotonic() - begun)


class Report:
    """The folder of results, its JSON file, and the archive; all are written anew after every part, so that earlier results
    survive."""

    def __init__(self, folder, archive, about):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.archive = pathlib.Path(archive)
        self.started = time.monotonic()
        self.data = {"schema": 2, "tool": "gpu_check", **about, "parts": [], "left_out": []}

    def start_clock(self):
        """Starts the time of the parts, so that building is not counted."""
        self.started = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.started

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run_part(self, name, budget_s, function):
        print(f"{name}", flush=True)
        part = Part(self, name, budget_s)
        try:
            if part.left_s() < 0.2:
                raise NotRun("no time is left")
            function(part)
        except NotRun as why:
            part.not_run(name, str(why))
        except Exception as error:  # a fault of gpu_check must not cost the following parts
            part.add(name, FAILED, f"gpu_check itself: {type(error).__name__}: {error}")
        self.data["parts"].append({"name": name, "budget_s": round(budget_s, 1), "seconds": round(time.monotonic() - part.started, 2),
                                   "checks": part.checks, "figures": part.figures})
        self.save()
        return part

    def counts(self):
        found = [check["status"] for part in self.data["parts"] for check in part["checks"]]
        return {status.replace(" ", "_"): found.count(status) for status in (PASSED, FAILED, NOT_RUN)}

    def save(self):
        self.data.update(self.counts(), seconds=round(self.seconds(), 2))
        self.write("gpu_check.json", json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")
        self.pack()

    def pack(self):
        """Packs all files of the folder as one archive; the largest are left out, and listed, until it is small enough."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        files = [path for path in files if path.relative_to(self.folder).as_posix() not in self.data["left_out"]]
        new = self.archive.with_name(self.archive.name + ".new")
        while True:
            with tarfile.open(new, "w:gz", compresslevel=6) as archive:
                for path in files:
                    archive.add(path, f"{self.folder.name}/{path.relative_to(self.folder)}")
            if new.stat().st_size <= ARCHIVE_LIMIT_MIB << 20 or len(files) == 1:
                break
            largest = max(files, key=lambda path: path.stat().st_size)
            files.remove(largest)
            self.data["left_out"].append(largest.relative_to(self.folder).as_posix())
            self.write("gpu_check.json", json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")
        new.replace(self.archive)
