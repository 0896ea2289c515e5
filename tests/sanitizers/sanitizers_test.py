# SPDX-License-Identifier: MIT
"""Builds the test programs with a sanitizer in a folder of their own, and runs them: a campaign.

address: those of the libraries with ASan and UBSan, leaks included. address-training, address-replay, address-kinds: those of whole runs, in
the same build folder. Each of these programs runs as several processes, a range of its cases each, so that all cores have work until the end.
thread: those that use several threads with TSan.
A program that looks for exact numbers of allocations, or that moves between stacks of its own, is left out.
usage: sanitizers_test.py BUILD KIND [--all] [PROGRAM…]   KIND: address, address-training, address-replay, address-kinds, thread
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command

KINDS = {
    "address": ("address,undefined", ["bits", "spectral", "models", "kernels", "autodiff", "cases"]),
    "address-training": ("address,undefined", ["training", "tools"]),
    "address-replay": ("address,undefined", ["replay"]),
    "address-kinds": ("address,undefined", ["kinds"]),
    "thread": ("thread", ["kernels", "autodiff", "bits"]),
}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}
# Programs with a fault that the sanitizer must find.
CONTROLS = {
    "address": ("int main(int n, char**) { int* p = new int[3]; int x = p[2 + n]; delete[] p; return x; }", "heap-buffer-overflow"),
    "thread": ("#include <thread>\nint x; int main() { std::thread t([] { ++x; }); ++x; t.join(); }", "data race"),
}
ENDED = re.compile(r"^\d+\.\d+ s: ", re.MULTILINE)  # the time of a case: doctest's summary counts those outside a range, too
# What a sanitizer slows down so much that other tests of the same code must do; and promises about memory that it changes.
LEFT_OUT = {"bits": "*repeats*", "training": "*F4*,*memory*", "replay": "*20 steps of a VGG*", "kinds": "a network's run is frozen*,every state of a run at step 17*"}


def control(folder, kind):
    source, says = CONTROLS[kind]
    (folder / "control.cpp").write_text(source + "\n")
    program = folder / "control"
    said, status = command(["c++", "-g", "-pthread", f"-fsanitize={KINDS[kind][0]}", str(folder / "control.cpp"), "-o", str(program)])
    if status != 0:
        return said.splitlines()
    said, status = command([str(program)], env=os.environ | OPTIONS)
    return [line for line in said.splitlines() if says in line] if status != 0 else []


def arguments_of(program, name):
    return [str(program), "--no-colors", "--no-intro"] + ([f"--test-case-exclude={LEFT_OUT[name]}"] if name in LEFT_OUT else [])


def number_of_cases(program, name):
    said, _ = command([*arguments_of(program, name), "--count"], env=os.environ | OPTIONS)
    return int(said.strip().splitlines()[-1].rsplit(":", 1)[1])


def run(program, name, first, last):
    """Runs the cases first..last, counted from 1: how many ended, and complaints."""
    arguments = [*arguments_of(program, name), "--duration=true", f"--first={first}", f"--last={last}"]
    said, status = command(arguments, env=os.environ | OPTIONS | {"BRINK_SOURCE_ROOT": str(ROOT)}, stdin=subprocess.DEVNULL)
    ran = len(ENDED.findall(said))
    print(f"{name} {first} to {last}: {ran} cases ended, status {status}", flush=True)
    if status == 0 and ran > 0:
        return ran, []
    lines = said.splitlines()
    begin = next((i for i, line in enumerate(lines) if "Sanitizer" in line or "runtime error" in line or "ERROR:" in line), max(0, len(lines) - 40))
    return ran, [" ".join(arguments), f"status {status}", *lines[begin:begin + 38]]


def ranges(number, pieces):
    """1..number as at most `pieces` ranges (first, last) of about one length."""
    edges = [number * i // pieces for i in range(pieces + 1)]
    return [(low + 1, high) for low, high in zip(edges, edges[1:]) if high > low]


cases = Cases()
flags, programs = KINDS[sys.argv[2]]
kind = sys.argv[2].split("-")[0]
programs = [name for name in programs if name in sys.argv[3:]] or programs
if "--all" not in sys.argv:
    cases.skip(f"{kind} sanitizer", "long")
    cases.close()
folder = pathlib.Path(sys.argv[1], f"sanitize-{kind}").resolve()
if not (folder / "build.ninja").exists():
    said, status = command(["meson", "setup", str(folder), str(ROOT), f"-Db_sanitize={flags}", "-Db_lundef=false", "-Dbuildtype=debugoptimized",
                            "-Doptimization=1", "-Dcuda=disabled", "-Dbench=disabled", "-Dtests=enabled", "-Dcpp_args=-fno-sanitize-recover=all"])
    cases.check("configured", said.splitlines()[-30:] if status else [])
said, status = command(["ninja", "-k", "0", "-C", str(folder), "-j", os.environ.get("BRINK_JOBS") or str(os.cpu_count()), *[f"tests/test_{name}" for name in programs]])
cases.check("built", said.splitlines()[-40:] if status else [])
if status == 0:
    # Programs under TSan use several threads each.
    at_once, pieces = (1, 1) if kind == "thread" else (os.cpu_count(), 6 * os.cpu_count())
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        waiting = []
        for name in programs:
            program = folder / "tests" / f"test_{name}"
            number = number_of_cases(program, name)
            waiting.append((name, number, [pool.submit(run, program, name, *piece) for piece in ranges(number, pieces)]))
        for name, number, runs in waiting:
            done = [one.result() for one in runs]
            complaints = [line for _, lines in done for line in lines]
            ended = sum(ran for ran, _ in done)
            if ended != number or number == 0:
                complaints.append(f"{ended} cases ended, {number or 'some'} were expected")
            cases.check(f"{kind}: {name}", complaints)
cases.rejects(f"{kind} sanitizer", control(folder, kind))
cases.close()
