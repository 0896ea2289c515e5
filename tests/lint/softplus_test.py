# SPDX-License-Identifier: MIT
"""What it is: CONTRIBUTING.md's worked example, the diff that adds softplus: it applies to a copy of the tree, touches three files,
and the table of cases passes with it, on the emulated GPU too; without its row in the table the completeness test fails.
What it is not: a build of the whole tree: only what includes a touched file is compiled again, and linked before the library.
usage: softplus_test.py BUILD
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import LAYERS, ROOT, Cases, command, compile_commands

TABLE = "tests/cases/table.cpp"
NAMES = {"softplus", "logistic"}  # the primitives that the diff adds
build = pathlib.Path(sys.argv[1]).resolve()
program = build / "tests" / "test_cases"


def diffs(text):
    """The worked example as {path: its part of the diff}."""
    block = re.search(r"^## Adding a primitive$.*?^```diff\n(.*?)^```$", text, re.M | re.S)
    parts = re.split(r"^(?=diff --git )", block.group(1) if block else "", flags=re.M)
    return {re.match(r"diff --git a/(\S+)", part).group(1): part for part in parts if part.strip()}


def copy_with(folder, parts):
    """A copy of the sources with these parts of the diff. Returns complaints."""
    for name in [*LAYERS, "tests"]:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(["git", "apply", "-"], input="".join(parts), cwd=folder, text=True, capture_output=True,
                          env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)})
    return [done.stderr] if done.returncode else []


def dependents(paths):
    """Outputs of the build that include one of the files, as ninja recorded it."""
    said, status = command(["ninja", "-C", str(build), "-t", "deps"])
    if status:
        raise RuntimeError(said)
    found = set()
    for entry in said.split("\n\n"):
        head, *lines = entry.strip().splitlines() or [""]
        files = {pathlib.Path(build, line.strip()).resolve() for line in lines}
        if any(ROOT / path in files for path in paths):
            found.add(head.split(":")[0])
    return found


def in_tree(path):
    return path.is_relative_to(ROOT) and not path.is_relative_to(build)


def compile_copy(entry, folder, out):
    """Compiles one of the build's sources from the copy. Returns complaints."""
    arguments, skip = [], False
    for argument in entry["arguments"]:
        if skip or argument in ("-MD", "-MMD"):
            skip = False
        elif argument in ("-MF", "-MQ", "-MT", "-o"):
            skip = True
        elif argument.startswith("-I") and in_tree(path := pathlib.Path(entry["directory"], argument[2:]).resolve()):
            arguments.append(f"-I{folder / path.relative_to(ROOT)}")
        elif pathlib.Path(entry["directory"], argument).resolve() == ROOT / entry["file"]:
            arguments.append(str(folder / entry["file"]))
        else:
            arguments.append(argument)
    said, status = command([*arguments, "-o", str(out)], cwd=entry["directory"])
    return [said] if status else []


def run_cases(binary, root, *arguments):
    return command([str(binary), "--no-colors", *arguments], env={**os.environ, "BRINK_SOURCE_ROOT": str(root)})


def command_complaints(arguments):
    said, status = command(arguments, cwd=build)
    return [said] if status else []


cases = Cases()
parts = diffs((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
cases.check("the worked example touches three files", [] if len(parts) == 3 and TABLE in parts else [f"it touches {sorted(parts)}"])
cases.rejects("a text without the example", [] if diffs("## Adding a primitive\nThree files.\n") else ["no diff"])
if not shutil.which("git"):
    for name in ["the example applies", "the example builds", "the table passes with it", "the row is missed"]:
        cases.skip(name, "git is not installed")
    cases.close()

with tempfile.TemporaryDirectory() as place:
    whole, rowless = pathlib.Path(place, "whole").resolve(), pathlib.Path(place, "rowless").resolve()
    cases.check("the example applies", copy_with(whole, parts.values()))
    cases.rejects("the example applies twice", copy_with(pathlib.Path(place, "twice"), [*parts.values(), *parts.values()]))

    # Only kernels, autodiff and the cases themselves are linked into the program of the table of cases.
    cases.check("the example writes no line of CUDA", [path for path in parts if path.endswith((".cu", ".cuh"))])
    changed = dependents([path for path in parts if (ROOT / path).exists()])
    complaints, objects, rows, table = [], [], [], None
    for entry in compile_commands(build):
        linked = (entry["file"].startswith(("kernels/", "autodiff/", "tests/cases/"))
                  and not entry["output"].startswith("tests/emulator/"))
        if not linked or entry["output"] not in changed:
            continue
        objects.append(pathlib.Path(place, f"{len(objects)}.o"))
        complaints += compile_copy(entry, whole, objects[-1])
        if not entry["file"].startswith("tests/") or entry["file"].endswith(("_rows.cpp", TABLE)):
            rows.append(objects[-1])
        if entry["file"] == TABLE:
            table = (entry, whole, objects[-1])
    cases.check("the example builds", complaints or ([] if len(objects) > 4 else [f"only {len(objects)} sources were found"]))

    # The link line of the program as it is built, with the new objects in front: the library's own are then not drawn in.
    line = command(["ninja", "-C", str(build), "-t", "commands", "-s", "tests/test_cases"])[0].splitlines()[-1]
    kept = [a for a in shlex.split(line) if not (a.endswith(".o") and a in changed)]
    at = kept.index("-o")
    example = pathlib.Path(place, "test_cases")
    link = [*kept[:at], "-o", str(example), *map(str, objects), *kept[at + 2:]]
    cases.check("the example links", command_complaints(link))
    said, status = run_cases(example, whole) if example.exists() else ("not linked", 1)
    cases.check("the table passes with it", [said] if status else [])

    # On the emulated device: the functors' CUDA twin, as it is, compiled again; and as the control with another functor.
    emulated = build / "tests" / "emulator" / "test_device_emulated"
    if emulated.exists():
        entries = [{**e, "arguments": shlex.split(e["command"]), "file": ""}  # their sources are copies that the build made
                   for e in json.loads((build / "compile_commands.json").read_text())
                   if e["output"] in changed and "brink_emulated_kernels" in e["output"]]
        line = command(["ninja", "-C", str(build), "-t", "commands", "-s", str(emulated.relative_to(build))])[0].splitlines()[-1]
        kept = [a for a in shlex.split(line) if not (a in changed and re.search(r"\bcases_\w+\.cpp\.o$|_cases_\w+\.cpp\.o$", a))]
        at = kept.index("-o")

        def on_device(name):
            """(complaints of building it, what the rows said, their status, names of the rows that ran)"""
            device, digests = pathlib.Path(place, name), pathlib.Path(place, name + ".csv")
            twins, complaints = [pathlib.Path(place, f"{name}-{i}.o") for i in range(len(entries))], []
            for entry, twin in zip(entries, twins):
                complaints += compile_copy(entry, whole, twin)
            complaints += command_complaints([*kept[:at], "-o", str(device), *map(str, rows + twins), *kept[at + 2:]])
            if complaints or not twins:
                return complaints or ["no source was found"], "not built", 1, set()
            said, status = command([str(device), "--no-colors", "--no-skip", "-tc=fresh memory of few sizes*"],
                                   env={**os.environ, "BRINK_SOURCE_ROOT": str(whole), "BRINK_DEVICE_DIGESTS": str(digests)})
            return [], said, status, set(re.findall(r",row (\w+)/", digests.read_text() if digests.exists() else ""))

        complaints, said, status, found = on_device("twin")
        cases.check("the example's CUDA twin builds", complaints)
        cases.check("the table passes on the emulated device", [said] if status else [])
        cases.check("the new rows ran there", [] if NAMES <= found else [f"rows: {sorted(found)}"])
        functors = whole / "kernels/map/functors.h"
        right = functors.read_text(encoding="utf-8")
        functors.write_text(right.replace("elementary::log(u) * (e / (u - T(1)))", "elementary::log(u)"), encoding="utf-8")
        complaints, said, status, _ = on_device("another")
        cases.check("another twin builds", complaints + ([] if functors.read_text(encoding="utf-8") != right else ["nothing was changed"]))
        cases.check("another function on the device is seen", [] if status and "softplus" in said else [said])
        functors.write_text(right, encoding="utf-8")
    else:
        cases.skip("the table passes on the emulated device", "this build has no emulated programs")

    # The controls: a wrong derivative, σ² for σ(x)σ(−x); and all but the row.
    block = whole / "autodiff/primitives/softplus.h"
    wrong = block.read_text(encoding="utf-8").replace("scale(g, -1, x)", "x")
    cases.check("the example can be made wrong", wrong != block.read_text(encoding="utf-8"))
    block.write_text(wrong, encoding="utf-8")
    complaints = compile_copy(*table) or command_complaints(link)
    cases.check("the wrong example builds", complaints)
    said, status = run_cases(example, whole, "-tc=rules*")
    cases.check("the wrong derivative is seen", [] if status and any(f"row.name := {n}" in said for n in NAMES) else [said])
    cases.check("the rest applies", copy_with(rowless, [part for path, part in parts.items() if path != TABLE]))
    said, status = run_cases(program, rowless, "-tc=every primitive*")
    missed = {name for name in NAMES if f"primitive without a row in {TABLE}: {name}" in said}
    cases.check("the missing row is named", [] if status and missed == NAMES else [said])
    said, status = run_cases(program, ROOT, "-tc=every primitive*")
    cases.check("the tree itself has all rows", [said] if status else [])
cases.close()
