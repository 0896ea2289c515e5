# SPDX-License-Identifier: MIT
"""`meson install` into an empty folder, and three programs built against only what was installed there: one of three lines;
docs/examples/own_trainer.cpp, whose own update rule must give the bytes of brink's rules; and docs/examples/certificates.cpp.
usage: install_test.py BUILD
"""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import LAYERS, ROOT, Cases, command

CONSUMER = """#include <cstdio>
#include "kernels/device.h"
#include "kernels/isa.h"
#include "kernels/memory.h"
int main() {
  brink::Array a = brink::zeros({3, 5}, brink::Dtype::f32);
  std::printf("%lld %s %d\\n", static_cast<long long>(a.view().bytes()), brink::name_of(brink::isa()).data(), brink::available_threads() > 0);
}
"""
EXAMPLE = ROOT / "docs" / "examples" / "own_trainer.cpp"
MOST_LINES = 39
# Widths 16, 12 and 4: at step 0 a weight's variance is 1 over its fan-in, so the squared norm of the parameters is about 16 + 12 + 4.
PROBLEM = ["data.train=200", "data.test=100", "model.hidden=[16,12]", "training.steps=12", "training.learning_rate=0.3"]

build = pathlib.Path(sys.argv[1]).resolve()
brink = build / "tools" / "brink"
cases = Cases()


def sets(settings):
    return [x for s in settings for x in ("--set", s)]


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def trained(folder, rule):
    """The rows that `brink train` records with this rule; the last one, of the state after the last step, is left out."""
    done = subprocess.run([brink, "train", "--out", folder, *sets([*PROBLEM, *rule])], capture_output=True, text=True)
    return rows((folder / "metrics.csv").read_text())[:-1] if done.returncode == 0 else [{"error": done.stderr}]


def lesson_complaints(steps, intervals, which):
    """What does not hold of docs/examples/certificates.cpp if this is the right recurrence: it agrees with the run, and its claim with its residual."""
    out = [] if len(steps) == 12 and {r["start"] for r in intervals} == {"cold", "warm"} else [f"{len(steps)} steps, {len(intervals)} intervals"]
    for r in steps:
        scale, value, residual = float(r["lambda_1"]), float(r[which]), float(r[which + "_residual"])
        if abs(value - scale) > residual + float(r["residual_1"]) + 1e-9 * scale or residual > 1e-3 * scale:
            out.append(f"step {r['step']}: λ₁ {scale}, found {value} ± {residual}")
    last = float(intervals[-1]["value"]) if intervals else 0
    return out + [f"interval {r}" for r in intervals
                  if not float(r["value"]) - float(r["residual"]) <= last * (1 + 1e-9) <= float(r["bound"]) * (1 + 2e-9)]


def differences(expected, found):
    """Complaints about the first row and column in which what both have differs; gd computes its surplus as ηλ − 2."""
    if len(expected) != len(found):
        return [f"{len(expected)} rows expected, {len(found)} found: {found[:1]}"]
    return [f"step {a['step']}, column {c}: expected {a[c]}, found {b.get(c)}" for a, b in zip(expected, found) for c in a
            if c != "surplus" and a[c] != b.get(c)][:1]


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    said, status = command(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], env={**os.environ, "DESTDIR": temporary})
    cases.check("meson install", [said] if status else [])
    installed = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    headers = {p.split("include/brink/", 1)[1] for p in installed if "include/brink/" in p}
    expected = {h.relative_to(ROOT).as_posix() for layer in LAYERS for h in (ROOT / layer).rglob("*.h")}
    cases.check("every header is installed, and nothing else", [f"only in one of both: {h}" for h in sorted(headers ^ expected)])
    if brink.exists():
        cases.check("the command is installed", any(p.endswith("/bin/brink") for p in installed))

    pc = next((folder / p).parent for p in installed if p.endswith("brink.pc"))
    prefix = next(folder.rglob("include/brink")).parents[1]

    def pkg_config(*what):
        done = subprocess.run(["pkg-config", f"--define-variable=prefix={prefix}", *what, "brink"],
                              env={**os.environ, "PKG_CONFIG_PATH": str(pc)}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    def compiled(source, *libraries):
        """(program, what the compiler said, its status), built in a folder of its own."""
        program = source.with_suffix("")
        return program, *command(["c++", "-std=c++20", "-I", folder, *pkg_config("--cflags"), source, "-o", program, *libraries], cwd=source.parent)

    cases.check("a consumer is told not to contract", "-ffp-contract=off" in pkg_config("--cflags"))
    source, libraries = folder / "consumer.cpp", pkg_config("--libs", "--static")
    source.write_text(CONSUMER)
    program, said, status = compiled(source, *libraries)
    cases.check("a consumer builds", [said] if status else [])
    said, status = command([program]) if not status else ("", 1)
    cases.check("a consumer runs", [said] if status or not said.startswith("60 ") else [])
    program, said, status = compiled(source)
    cases.rejects("a consumer without the library", [said] if status else [])

    text = EXAMPLE.read_text()
    cases.check("the example is short", text.count("\n") <= MOST_LINES or [f"{EXAMPLE.name} has {text.count(chr(10))} lines, at most {MOST_LINES}"])
    source = folder / EXAMPLE.name
    source.write_text(text)
    program, said, status = compiled(source, *libraries)
    cases.check("the example builds", [said] if status else [])
    if not status and brink.exists():
        own = {}
        for beta, rule in [("0", []), ("0.7", ["training.rule=momentum", "training.momentum=0.7"])]:
            said, status = command([program, beta, *PROBLEM])
            own[beta] = rows(said)
            cases.check(f"the example runs, β = {beta}", [said] if status else [])
            cases.check(f"its rule gives the bytes of brink's {'momentum' if rule else 'gd'}", differences(trained(folder / beta, rule), own[beta]))
        cases.rejects("its rule gives the bytes of brink's gd", differences(own["0"], own["0.7"]))
        norms = [float(r.get("theta_norm") or "nan") for r in own["0"]]
        cases.check("its measurement is the norm of the parameters", 0.9 < norms[0]**2 / 32 < 1.1 or [norms])
        moved = [0.3 * float(r["gradient_norm"]) for r in own["0"]]
        cases.check("which changes by no more than an update", all(0 < abs(b - a) <= m * 1.001 for a, b, m in zip(norms, norms[1:], moved)) or [norms, moved])

    examples = ROOT / "docs" / "examples"
    source = folder / "docs" / "examples" / "certificates.cpp"
    source.parent.mkdir(parents=True)
    for name in (source.name, "plain_lanczos.h"):
        (source.parent / name).write_text((examples / name).read_text())
    program, said, status = compiled(source, *libraries)
    cases.check("the lesson on certificates builds", [said] if status else [])
    if not status:
        said, status = command([program, folder / "lesson", *PROBLEM])
        cases.check("it runs", [said] if status else [])
        steps, intervals = (rows((folder / "lesson" / name).read_text()) if not status else [] for name in ("trajectory.csv", "products.csv"))
        cases.check("the right recurrence agrees with the run", lesson_complaints(steps, intervals, "right"))
        cases.rejects("the wrong one does", lesson_complaints(steps, intervals, "wrong"))
cases.close()
