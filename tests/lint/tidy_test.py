# SPDX-License-Identifier: MIT
"""clang-tidy 14 with .clang-tidy on the project's sources.

A source compiled for several instruction sets is checked once, for the portable one. The library and the command are checked in
every run, tests and benchmarks only with --all, because they take most of the time. So do the checks of SELDOM, which take a fifth of it.
A source that was clean is not checked again while the preprocessed text and the settings are the same.
usage: tidy_test.py BUILD [--all]
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command, compile_commands


# About C strings, macros and asserts, which the sources hardly have, and what the compiler's warnings find as well.
SELDOM = ["assert-side-effect", "forward-declaration-namespace", "infinite-loop", "misplaced-operator-in-strlen-in-alloc", "multiple-statement-macro",
          "not-null-terminated-result", "signed-char-misuse", "suspicious-memset-usage", "suspicious-semicolon", "suspicious-string-compare",
          "undelegated-constructor", "unused-raii"]


def known_clean(entry, clean):
    """The file whose existence records that exactly this text was clean; None if the text cannot be obtained."""
    arguments = iter(entry["arguments"])
    without_output = [a for a in arguments if not (a in ("-o", "-MF", "-MQ") and next(arguments))]
    text, status = command(["clang++-14", *without_output[1:], "-Wno-everything", "-E", "-C"], cwd=entry["directory"])
    settings = (ROOT / ".clang-tidy").read_text() + " ".join(left_out_checks)
    return clean / hashlib.sha256((settings + text).encode()).hexdigest() if status == 0 else None


def tidy(entry, folder, clean):
    mark = known_clean(entry, clean)
    if mark and mark.exists():
        return []
    found = complaints_of(entry["file"], folder)
    if mark and not found:
        mark.touch()
    return found


def complaints_of(file, folder):
    said, status = command(["clang-tidy-14", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", *left_out_checks, "-p", folder, str(file)])
    found = [line for line in said.splitlines() if ": error:" in line or ": warning:" in line]
    return found or ([said.strip() or f"status {status}"] if status else [])


build, everything = sys.argv[1], "--all" in sys.argv
left_out_checks = [] if everything else ["--checks=" + ",".join(f"-bugprone-{name}" for name in SELDOM)]
cases = Cases()
if not shutil.which("clang-tidy-14"):
    cases.skip("clang-tidy", "clang-tidy-14 is not installed")
    cases.close()

chosen, left_out = {}, 0
for entry in compile_commands(build):
    if entry["file"].startswith(("tests/", "bench/")) and not everything:
        left_out += entry["file"] not in chosen
        continue
    if entry["file"] not in chosen or not any(a.startswith("-march=") for a in entry["arguments"]):
        chosen[entry["file"]] = entry

with tempfile.TemporaryDirectory() as folder:
    # clang-tidy would mistake ccache for the compiler, and options that only g++ knows would be errors.
    database = [{"directory": e["directory"], "file": str(ROOT / e["file"]),
                 "arguments": [a for a in e["arguments"] if pathlib.Path(a).name != "ccache"] + ["-Wno-unknown-warning-option"]}
                for e in chosen.values()]
    pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(database))
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("BRINK_JOBS", "0")) or os.cpu_count()) as pool:
        clean = pathlib.Path(build, "tidy-clean")
        clean.mkdir(exist_ok=True)
        complaints = list(pool.map(lambda e: tidy(e, folder, clean), database))
    for entry, found in zip(database, complaints):
        cases.check(f"clang-tidy {pathlib.Path(entry['file']).relative_to(ROOT)}", found)

    bad = pathlib.Path(folder, "control.cpp")
    for name, text in {"move": "#include <utility>\n#include <string>\nauto f(std::string s) { auto t = std::move(s); return s.size(); }\n",
                       "copy": "#include <string>\nint f(std::string s) { return (int)s.size(); }\n",
                       "sizeof": "int a[4];\nint b = sizeof(sizeof(a));\n"}.items():
        bad.write_text(text)
        said, status = command(["clang-tidy-14", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(bad), "--", "-std=c++20"])
        cases.rejects(f"clang-tidy {name}", [said] if "error:" in said and "clang-diagnostic" not in said else [])
if left_out:
    cases.skip(f"clang-tidy of {left_out} tests and benchmarks", "long")
cases.close()
