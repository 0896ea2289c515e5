# SPDX-License-Identifier: MIT
"""B7 and B2 of docs/promises.md for the command: the same run of each network by builds of other compilers and optimisation
levels, on every instruction set of this processor, with 1, 2 and 3 threads; metrics.csv must be the same bytes.

The reference is this build on the portable path, the slowest and plainest. The control is a build in which the compiler may
contract a·b + c; it must differ, otherwise the run is too short to show anything.
usage: variants_test.py BUILD [--all]
"""

import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command
from training import PRECISIONS, RUNS, Failed, difference, instruction_sets, train

# name: (compiler, optimisation level)
VARIANTS = {
    "clang++ -O2": ("clang++-14", "2"),
    "g++ -O1": ("g++", "1"),
    "g++ -O2": ("g++", "2"),
    "clang++ -O3": ("clang++-14", "3"),
}
LONG = {"clang++ -O3"}
# Called in the compiler's place by the control's build: contraction allowed, and an instruction set that has the instruction,
# except where the build asks for the portable one.
CONTRACTING = """#!/usr/bin/env bash
case "$*" in
  *kernels_portable*) ;;
  *.p/*) set -- -march=x86-64-v3 "$@" ;;
esac
exec g++ "${@/-ffp-contract=off/-ffp-contract=fast}"
"""


def build_variant(folder, compiler, level):
    """Builds the command; returns its path. An existing folder is brought up to date."""
    if not (folder / "build.ninja").exists():
        arguments = ["meson", "setup", str(folder), str(ROOT), "-Dcuda=disabled", "-Dtests=disabled", "-Dbench=disabled",
                     "-Dbuildtype=plain", f"-Doptimization={level}"]
        said, status = command(arguments, env={**os.environ, "CXX": compiler})
        if status:
            raise Failed(said[-3000:])
    jobs = ["-j", os.environ["BRINK_JOBS"]] if "BRINK_JOBS" in os.environ else []
    said, status = command(["ninja", "-C", str(folder), *jobs, "tools/brink"])
    if status:
        raise Failed(said[-3000:])
    return folder / "tools" / "brink"


build, everything = pathlib.Path(sys.argv[1]), "--all" in sys.argv
cases = Cases()
own = build / "tools" / "brink"
sets = instruction_sets()
with tempfile.TemporaryDirectory() as temporary:
    temporary = pathlib.Path(temporary)
    count = 0

    def metrics_of(brink, what, simd, threads):
        global count
        count += 1
        run, precision = what
        return train(brink, temporary / str(count), precision, threads, environment={"BRINK_SIMD": simd}, run=run)[0]

    kinds = [(run, precision) for run in RUNS for precision in PRECISIONS]
    reference = {what: metrics_of(own, what, "portable", 1) for what in kinds}
    cases.check("float32 and float64 differ", all(reference[run, "float32"] != reference[run, "float64"] for run in RUNS))
    for what in kinds:
        for simd in sets:
            for threads in [1, 2, 3]:
                if (simd, threads) != ("portable", 1):
                    name = f"this build, {', '.join(what)}, {simd}, {threads} threads"
                    cases.check(name, difference(name, reference[what], metrics_of(own, what, simd, threads)))
    for simd in ["x86-64-v3", "x86-64-v4"]:
        if simd not in sets:
            cases.skip(f"this build, {simd}", "the processor has it not")

    ccache = "ccache " if shutil.which("ccache") else ""
    for variant, (compiler, level) in VARIANTS.items():
        if variant in LONG and not everything:
            cases.skip(variant, "long")
            continue
        if not shutil.which(compiler):
            cases.skip(variant, f"{compiler} is not installed")
            continue
        try:
            brink = build_variant(build / "variants" / variant.replace(" ", ""), ccache + compiler, level)
        except Failed as failed:
            cases.check(variant, [f"does not build: {failed}"])
            continue
        for what in kinds:
            for simd, threads in zip(sets, [2, 1, 3]):
                name = f"{variant}, {', '.join(what)}, {simd}, {threads} threads"
                cases.check(name, difference(name, reference[what], metrics_of(brink, what, simd, threads)))

    if "x86-64-v3" in sets:
        wrapper = build / "variants" / "contracting-g++"
        wrapper.parent.mkdir(exist_ok=True)
        if not wrapper.exists() or wrapper.read_text() != CONTRACTING:  # ninja does not notice a changed compiler
            shutil.rmtree(build / "variants" / "contracted", ignore_errors=True)
            wrapper.write_text(CONTRACTING)
        wrapper.chmod(0o755)
        try:
            brink = build_variant(build / "variants" / "contracted", str(wrapper), "2")
            for what in kinds:
                for simd in sets[1:]:
                    found = metrics_of(brink, what, simd, 1)
                    cases.rejects(f"contraction allowed, {', '.join(what)}, {simd}", difference("", reference[what], found))
        except Failed as failed:
            cases.check("contraction allowed: control", [f"does not build or run: {failed}"])
    else:
        cases.skip("contraction allowed: control", "the processor has no fused multiply-add")
cases.close()
