# SPDX-License-Identifier: MIT
"""What the script tests share: counting cases, finding the project's files, the compiler's records.

A check that cannot fail is a defect, so a check comes with broken input that it must reject, as a case of its own.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

# A test that was started in the background may ignore SIGINT, and every program that it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAYERS = ["kernels", "autodiff", "models", "spectral", "training"]
CPP = {".h", ".cpp", ".cuh", ".cu"}
LEFT_OUT = {".git", "runs", "__pycache__"}


def project_files():
    """Every file of the source tree as (path relative to the root, text), build folders and binary files left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in LEFT_OUT and not f.startswith((".venv", "build")) and not f.endswith((".egg-info", "_cache")))
        for name in sorted(set(names) - LEFT_OUT):
            path = pathlib.Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                continue


def cpp_files():
    return [(path, text) for path, text in project_files() if pathlib.PurePosixPath(path).suffix in CPP]


def compile_commands(build):
    """One dictionary per compiled C++ source of the project: file (relative), arguments, directory, output."""
    import shlex
    entries = []
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text()):
        file = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if file.suffix == ".cpp" and file.is_relative_to(ROOT):
            entries.append({"file": file.relative_to(ROOT).as_posix(), "arguments": shlex.split(entry["command"]),
                            "directory": entry["directory"], "output": entry["output"]})
    return entries


def command(arguments, **options):
    """Runs a program; its standard output and error together, and its status."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    return done.stdout, done.returncode


class Cases:
    """Counts; prints each failure at once, and the closing line at the end."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, complaints):
        """Passed if there is no complaint. `complaints`: a list of lines, or a boolean that is true if all is well."""
        if complaints is True:
            complaints = []
        elif complaints is False:
            complaints = ["did not hold"]
        if complaints:
            self.failed += 1
            print(f"FAILED {name}")
            for line in complaints[:40]:
                print(f"  {line}")
            if len(complaints) > 40:
                print(f"  … and {len(complaints) - 40} more")
        else:
            self.passed += 1

    def rejects(self, name, complaints):
        """The control of a check: there must be complaints."""
        self.check(f"{name}: control", bool(complaints) or ["broken input was not rejected"])

    def skip(self, name, why):
        self.skipped += 1
        print(f"[skip] {name}: {why}")

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        sys.exit(1 if self.failed else 0)
