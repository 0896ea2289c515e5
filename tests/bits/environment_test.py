# SPDX-License-Identifier: MIT
"""B10 (rounding and flushing set by another library), B11 (uninitialised memory), a processor without fused multiply-add
(emulated), and the locale and time zone of R7 (docs/promises.md): the same run must give the same metrics.csv.
usage: environment_test.py BUILD
"""

import pathlib
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases, command
from training import Failed, difference, train

TINY = {"training.steps": 2, "data.train": 140, "data.test": 16, "model.hidden": "[5]", "measure.every": 2}

build = pathlib.Path(sys.argv[1])
brink = build / "tools" / "brink"
cases = Cases()


def lines_about(said, pattern):
    return [line for line in said.splitlines() if re.search(pattern, line, re.I)]


def one_line(name, said, pattern):
    found = lines_about(said, pattern)
    return [] if len(found) == 1 else [f"{name}: expected one line about {pattern}, found {found or said[-500:]}"]


with tempfile.TemporaryDirectory() as temporary:
    count = 0

    def run(**options):
        global count
        count += 1
        return train(brink, pathlib.Path(temporary, str(count)), **options)

    reference, said = run(threads=2)
    correction = "subnormal|rounding"
    cases.check("nothing is said when nothing is wrong", lines_about(said, correction))

    for name in ["flush", "rounding"]:
        library = next(build.glob(f"tests/*preload_{name}.so"))
        found, said = run(threads=2, environment={"LD_PRELOAD": str(library)})
        cases.check(f"{name} preloaded: same bits", difference(name, reference, found))
        cases.check(f"{name} preloaded: said in one line", one_line(name, said, correction))
    late = next(build.glob("tests/*preload_late.so"))
    try:
        cases.rejects("rounding changed after the start", difference("", reference, run(threads=2, environment={"LD_PRELOAD": str(late)})[0]))
    except Failed as failed:  # a solver that no longer converges, or a check that fails, is a difference too
        cases.rejects("rounding changed after the start", [str(failed)])

    for precision in ["float32", "float64"]:
        first = run(precision=precision, environment={"BRINK_POISON": "00"})[0]
        for poison in ["ff", "nan"]:
            name = f"memory filled with {poison}, {precision}"
            cases.check(name, difference(name, first, run(precision=precision, environment={"BRINK_POISON": poison})[0]))

    available = command(["locale", "-a"])[0].split()
    comma = next((l for l in available if re.match(r"(de|fr|it|es)_.*utf-?8", l, re.I)), None)
    name = "decimal comma and another time zone"
    if not comma:
        print(f"note: no locale with a decimal comma is installed; {name} is tried with the name alone")
    found = run(threads=2, environment={"LC_ALL": comma or "de_DE.UTF-8", "TZ": "Pacific/Chatham"})[0]
    cases.check(name, difference(name, reference, found))

    name = "a processor without fused multiply-add"
    if not shutil.which("qemu-x86_64"):
        cases.skip(name, "qemu-user is not installed")
    else:
        emulator = ["qemu-x86_64", "-cpu", "Nehalem"]
        for precision in ["float32", "float64"]:
            here = run(precision=precision, settings=TINY)[0]
            there, said = run(precision=precision, settings=TINY, wrapper=emulator)
            cases.check(f"{name}, {precision}: same bits", difference(name, here, there))
            cases.check(f"{name}, {precision}: said in one line", one_line(name, said, "portable"))
cases.close()
