# SPDX-License-Identifier: MIT
"""What it is: what gpu_check finds: checks that passed, failed or were skipped, parts with their time, the JSON file; and how it starts
programs under a time limit. What it is not: any check.

Decision: whatever goes wrong is a check with a name and a reason, never an exception that ends the program: a machine with a GPU may be
had for minutes only, and the parts after a broken one are worth having.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Skip(Exception):
    """A whole part cannot run here; why."""


class Done:
    """A program that ended, or did not: status None where its time ran out."""

    def __init__(self, arguments, status, output, seconds):
        self.arguments, self.status, self.output, self.seconds = arguments, status, output, seconds

    @property
    def why(self):
        """What is to be said of a program that did not end with 0; None of one that did."""
        if self.status == 0:
            return None
        if self.status is None:
            return f"did not end within {self.seconds:.0f} s"
        last = next((line.strip() for line in reversed(self.output.splitlines()) if line.strip()), "no output")
        how = f"ended by signal {-self.status}" if self.status < 0 else f"status {self.status}"
        return f"{how}: {last[:300]}"


class Part:
    """One part of the whole: its checks, figures, and until when it may run."""

    def __init__(self, report, name, budget_s):
        self.report, self.name, self.budget_s = report, name, budget_s
        self.started = time.monotonic()
        self.until = min(self.started + budget_s, report.until)
        self.checks, self.figures = [], {}

    def left_s(self):
        return max(0.0, self.until - time.monotonic())

    def add(self, name, status, why="", seconds=None):
        self.checks.append({"name": name, "status": status, "why": why, "seconds": None if seconds is None else round(seconds, 2)})
        print(f"  {status:8}{name}" + (f": {why}" if why else ""), flush=True)

    def check(self, name, complaints, seconds=None):
        """complaints: lines; none where all is well."""
        self.add(name, FAILED if complaints else PASSED, "; ".join(complaints[:5]), seconds)

    def skip(self, name, why):
        self.add(name, SKIPPED, why)

    def run(self, arguments, environment=None, log=None, most_s=None, folder=None):
        """Starts a program and waits, at most to the end of the part; everything it started ends with it."""
        arguments = [str(a) for a in arguments]
        limit = self.left_s() if most_s is None else min(most_s, self.left_s())
        begun = time.monotonic()
        try:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                       errors="replace", env={**os.environ, **(environment or {})}, cwd=folder, start_new_session=True)
        except OSError as error:
            return Done(arguments, 127, f"{arguments[0]}: {error.strerror}", 0.0)
        try:
            output, _ = process.communicate(timeout=limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            output, status = process.communicate()[0] or "", None
        if log:
            self.report.write(log, output)
        return Done(arguments, status, output, time.monotonic() - begun)


class Report:
    """The folder and the JSON file in it, written anew after every part, so that what was found survives whatever comes."""

    def __init__(self, folder, limit_s, about):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.until = self.started + limit_s
        self.data = {"schema": 1, "tool": "gpu_check", **about, "parts": []}

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run_part(self, name, budget_s, function):
        print(f"{name}", flush=True)
        part = Part(self, name, budget_s)
        try:
            if part.left_s() < 1:
                raise Skip("no time is left")
            function(part)
        except Skip as why:
            part.skip(name, str(why))
        except Exception as error:  # a defect here must not cost the parts that follow
            part.add(name, FAILED, f"gpu_check itself: {type(error).__name__}: {error}")
        self.data["parts"].append({"name": name, "budget_s": budget_s, "seconds": round(time.monotonic() - part.started, 2),
                                   "checks": part.checks, "figures": part.figures})
        self.save()
        return part

    def counts(self):
        found = [check["status"] for part in self.data["parts"] for check in part["checks"]]
        return {status: found.count(status) for status in (PASSED, FAILED, SKIPPED)}

    def save(self):
        self.data.update(self.counts(), seconds=round(time.monotonic() - self.started, 2))
        self.write("gpu_check.json", json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")
