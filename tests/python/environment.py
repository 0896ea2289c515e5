# SPDX-License-Identifier: MIT
"""The Python environment of tools/reproduce for the script tests, which run with the system's Python and have no packages of their own."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, command

VENV = pathlib.Path(os.environ.get("BRINK_PAPER_VENV", ROOT / ".venv-paper"))
UNAVAILABLE = 69


def environment(build):
    """(the environment variables for tools/reproduce and Python, why there are no packages or "")."""
    variables = {**os.environ, "BRINK": str(pathlib.Path(build, "tools", "brink").resolve()), "BRINK_PAPER_VENV": str(VENV), "LC_ALL": "C.UTF-8"}
    told, status = command([str(ROOT / "tools" / "reproduce"), "--list"], env=variables)
    if status == UNAVAILABLE:
        return variables, "the packages cannot be installed here: " + " ".join(told.split())[-300:]
    if status != 0:
        raise SystemExit(f"tools/reproduce --list ended with {status}:\n{told}\n0 passed, 1 failed, 0 skipped")
    variables["PYTHONPATH"] = str(ROOT / "python")
    return variables, ""


def install(variables, requirements):
    """Adds the packages of a list; why not, or "". A file says which list is there."""
    mark, wanted = VENV / (requirements.parent.name + "-installed.txt"), requirements.read_text()
    if mark.is_file() and mark.read_text() == wanted:
        return ""
    told, status = command([str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r",
                            str(requirements)], env=variables)
    if status != 0:
        return "the packages cannot be installed here: " + " ".join(told.split())[-300:]
    mark.write_text(wanted)
    return ""


def python(variables, *words, **options):
    """Runs Python of the environment; its output and error together, and its status."""
    return command([str(VENV / "bin" / "python"), *words], env=variables, cwd=ROOT, **options)


def start(variables, *words):
    """tools/reproduce as a process group of its own, which can be killed as a whole."""
    return subprocess.Popen([str(ROOT / "tools" / "reproduce"), *words], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, start_new_session=True)
