# SPDX-License-Identifier: MIT
"""clang-format 14 on every C++ file, shellcheck on every shell script, byte-compilation of every Python file.

The version is fixed, because another clang-format formats the same file differently.
"""

import collections
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command, cpp_files, project_files


def format_complaints(arguments, **options):
    said, status = command([CLANG_FORMAT, "--dry-run", "-Werror", "--style=file", *arguments], cwd=ROOT, **options)
    places = collections.Counter(line.split(":")[0] for line in said.splitlines() if "error:" in line)
    found = [f"{path}: {count} places; clang-format-14 -i {path}" for path, count in sorted(places.items())]
    return found or ([said.strip() or "failed"] if status else [])


def python_complaints(path, text):
    try:
        compile(text, path, "exec")
    except SyntaxError as error:
        return [f"{path}:{error.lineno}: {error.msg}"]
    return []


cases = Cases()
CLANG_FORMAT = shutil.which("clang-format-14")
if CLANG_FORMAT:
    cases.check("clang-format", format_complaints([path for path, _ in cpp_files()]))
    cases.rejects("clang-format", format_complaints(["--assume-filename=kernels/a.cpp"], input="int  a ;\n"))
else:
    cases.skip("clang-format", "clang-format-14 is not installed")

if shutil.which("shellcheck"):
    scripts = [path for path, text in project_files() if path.endswith(".sh") or re.match(r"#!.*\bbash", text)]
    said, status = command(["shellcheck", "--external-sources", "--format=gcc", *scripts], cwd=ROOT)
    cases.check("shellcheck", said.splitlines() if status else [])
    said, status = command(["shellcheck", "--format=gcc", "-"], input="#!/usr/bin/env bash\nrm -r $1/x\n")
    cases.rejects("shellcheck", said.splitlines() if status else [])
else:
    cases.skip("shellcheck", "shellcheck is not installed")

cases.check("python", [c for path, text in project_files() if path.endswith(".py") for c in python_complaints(path, text)])
cases.rejects("python", python_complaints("a.py", "def f(:\n"))
cases.close()
