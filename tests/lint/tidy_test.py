# SPDX-License-Identifier: MIT
"""clang-tidy 14 with .clang-tidy on all sources of the project.

Most of its time goes into the headers, so sources that are compiled with the same arguments are checked many at once, as one text
(batch.py). If that text does not compile, its halves are tried, down to single sources: only there is a compiler's error a finding.
A source compiled for several instruction sets is checked once, for the portable one.
What was clean is not checked again while the preprocessed text and the settings are the same.
usage: tidy_test.py BUILD
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
from lint.batch import Batch

MOST_AT_ONCE = 16
DOES_NOT_COMPILE = "clang-diagnostic-error"


def groups(entries):
    """Entries of one part of the tree whose arguments differ in the source and in the output only, in lists of at most MOST_AT_ONCE."""
    alike = {}
    for entry in entries:
        folders = pathlib.PurePath(entry["file"]).parts[:-1]
        part = folders[:2] if folders[0] in ("tests", "tools") else folders[:1]  # programs use the same names for other things
        alike.setdefault((part, entry["directory"], *entry["arguments"]), []).append(entry)
    for entries in alike.values():
        entries.sort(key=lambda e: e["file"])
        yield from (entries[i:i + MOST_AT_ONCE] for i in range(0, len(entries), MOST_AT_ONCE))


def plain_arguments(entry):
    """Without ccache, which clang-tidy would take for the compiler, the source, outputs, and the folder of a target's own objects."""
    kept, arguments = [], iter(entry["arguments"])
    for a in arguments:
        if a in ("-o", "-MF", "-MQ"):
            next(arguments)
        elif pathlib.Path(a).name != "ccache" and not (a.startswith("-I") and a.endswith(".p")) and not a.endswith(".cpp"):
            kept.append(a)
    return [*kept, "-Wno-unknown-warning-option"]  # options that only g++ knows would be errors


class Tidy:
    def __init__(self, folder, clean):
        self.folder, self.clean, self.halved = folder, clean, 0

    def findings(self, entries):
        """Complaints about the sources of a group, with the place in the source."""
        batch = Batch([pathlib.Path(os.path.normpath(ROOT / e["file"])) for e in entries])
        path = pathlib.Path(tempfile.mkdtemp(dir=self.folder), "batch.cpp")
        path.write_text(batch.text)
        arguments, directory = entries[0]["arguments"], entries[0]["directory"]
        mark = self.mark(arguments, directory, path)
        if mark and mark.exists():
            return []
        said, status = command(["clang-tidy-14", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(path), "--", *arguments[1:]], cwd=directory)
        if DOES_NOT_COMPILE in said and len(entries) > 1:
            self.halved += 1
            middle = len(entries) // 2
            return self.findings(entries[:middle]) + self.findings(entries[middle:])
        found = [batch.at_source(line, path) for line in said.splitlines() if ": error:" in line or ": warning:" in line]
        found = found or ([said.strip() or f"status {status}"] if status else [])
        if mark and not found:
            mark.touch()
        return found

    def mark(self, arguments, directory, path):
        """The file whose existence records that exactly this text was clean; None if the text cannot be obtained."""
        text, status = command(["clang++-14", *arguments[1:], "-Wno-everything", "-E", "-C", "-P", "-x", "c++", "-"], cwd=directory,
                               stdin=path.open())
        return self.clean / hashlib.sha256(((ROOT / ".clang-tidy").read_text() + text).encode()).hexdigest() if status == 0 else None


cases = Cases()
if not shutil.which("clang-tidy-14"):
    cases.skip("clang-tidy", "clang-tidy-14 is not installed")
    cases.close()

chosen = {}
for entry in compile_commands(sys.argv[1]):
    if entry["file"] not in chosen or not any(a.startswith("-march=") for a in entry["arguments"]):
        chosen[entry["file"]] = {**entry, "arguments": plain_arguments(entry)}

with tempfile.TemporaryDirectory() as folder:
    clean = pathlib.Path(sys.argv[1], "tidy-clean")
    clean.mkdir(exist_ok=True)
    tidy, together = Tidy(folder, clean), list(groups(chosen.values()))
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("BRINK_JOBS", "0")) or os.cpu_count()) as pool:
        found = [line for lines in pool.map(tidy.findings, together) for line in lines]
    for entry in chosen.values():
        cases.check(f"clang-tidy {entry['file']}", [line for line in found if line.startswith(str(ROOT / entry["file"]) + ":")])
    cases.check("clang-tidy elsewhere", [line for line in found if not line.startswith(tuple(str(ROOT / file) + ":" for file in chosen))])

    # Findings of each kind, in the second of three sources with names that clash, come with their places; only an error splits the batch.
    for name, text, place in (
            ("move", "#include <utility>\n#include <string>\nauto f(std::string s) { auto t = std::move(s); return s.size(); }\n", 3),
            ("copy", "#include <string>\nint f(std::string s) { return (int)s.size(); }\n", 2),
            ("sizeof", "int a[4];\nint b = sizeof(sizeof(a));\n", 2),
            ("error", "int a = nothing;\n", 1)):
        sources = []
        for i in range(3):
            sources.append(pathlib.Path(folder, f"{name}{i}.cpp"))
            own = "namespace {\nstruct Arguments {\n  int i = 0;\n};\nint one(int n) {\n  return n + Arguments{}.i;\n}\n}  // namespace\nint g%d() {\n  return one(1);\n}\n" % i
            sources[-1].write_text(text if i == 1 else own)
        entries = [{"file": os.path.relpath(s, ROOT), "directory": folder, "arguments": ["c++", "-std=c++20"]} for s in sources]
        tidy = Tidy(folder, clean)
        found = tidy.findings(entries)
        cases.rejects(f"clang-tidy {name}", [line for line in found if line.startswith(f"{sources[1]}:{place}:") and len(found) == 1
                                             and (tidy.halved > 0) == (name == "error")])
cases.close()
