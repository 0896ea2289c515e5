# SPDX-License-Identifier: MIT
"""`brink spectrum` and [measure.density] from outside: what is printed, the files, and what is refused.
usage: spectrum_test.py BUILD
"""

import csv
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()


def read_tensors(path):
    """(tensors, metadata): float64 numbers by name, without any library."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    found = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        found[name] = struct.unpack(f"<{(end - first) // 8}d", data[8 + length + first:8 + length + end])
    return found, metadata


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)

    def call(*arguments):
        done = subprocess.run([brink, *map(str, arguments)], capture_output=True, text=True, cwd=here, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def case(name, status, said, *arguments, in_output=()):
        code, out, wrong = call(*arguments)
        complaints = [] if code == status else [f"status {status} expected, {code} found: {wrong}"]
        if said and wrong.strip() != said:
            complaints.append(f"expected {said!r}, found {wrong.strip()!r}")
        complaints += [f"expected {text!r} in {out!r}" for text in in_output if text not in out]
        cases.check(name, complaints)
        return out

    sets = [x for s in ["data.train=200", "data.test=40", "model.hidden=[6]", "training.steps=12", "measure.density.every=6",
                        "measure.density.operator=all", "measure.density.per_layer=true"] for x in ("--set", s)]
    case("a run with densities", 0, "", "train", *sets, "--threads", "2", "--out", "run")
    files = sorted(p.name for p in (here / "run" / "spectra").iterdir())
    cases.check("a file for each measured step", files == [f"step-{t:06}.safetensors" for t in (0, 6, 12)] or files)
    rows = list(csv.DictReader((here / "run" / "metrics.csv").open()))
    filled = [int(r["step"]) for r in rows if r["trace"]]
    cases.check("its columns are filled at these steps", filled == [0, 6, 12] or filled)
    wanted = ["trace", "trace_error", "trace_of_square", "bulk_edge", "outliers", "gauss_newton_trace", "difference_trace",
              "trace_dense0", "trace_dense1_error", "outside_blocks", "density_products"]
    cases.check("all columns are there", [name for name in wanted if not rows[6].get(name)])
    # The same random vectors, so the traces of the parts add up to that of the whole, up to the products' float32.
    whole, parts = float(rows[6]["trace"]), float(rows[6]["gauss_newton_trace"]) + float(rows[6]["difference_trace"])
    cases.check("the parts add up", abs(whole - parts) <= 1e-4 * abs(whole) or [whole, parts])

    tensors, metadata = read_tensors(here / "run" / "spectra" / "step-000006.safetensors")
    n = 784 * 6 + 6 + 6 * 4 + 4
    grid, density = tensors["hessian/grid"], tensors["hessian/density"]
    mass = sum(density) * (grid[1] - grid[0])
    cases.check("the mass of the density is the number of parameters", abs(mass - n) < 0.01 * n or [mass])
    cases.rejects("the mass of the density is the number of parameters", [] if abs(mass + 32 - n) < 0.01 * 30 else [mass])
    cases.check("the metadata say what was estimated", metadata["hessian/parameters"] == str(n) and metadata["step"] == "6"
                and metadata["hessian/trace"] == rows[6]["trace"] or [metadata])
    blocks = [name for name in tensors if name.endswith("dense0/nodes") or name.endswith("dense1/nodes")]
    cases.check("each layer has a density", blocks == ["hessian/dense0/nodes", "hessian/dense1/nodes"] or blocks)

    before = {p: p.read_bytes() for p in (here / "run").rglob("*") if p.is_file()}
    out = case("the default", 0, "", "spectrum", "run", in_output=["Hessian at step 12", "6 of 6 certified", "λ_1", "λ_min"])
    case("products in float64", 0, "", "spectrum", "run", "--check-product", "--top", 1,
         in_output=["   float64 differs by ", "differ by ", " along a random unit vector: an estimate. Times ", "A ReLU whose input is near zero"])
    case("the density", 0, "", "spectrum", "run", "--step", 6, "--density", "--per-layer", "--operator", "difference",
         in_output=["Hessian without its Gauss–Newton part at step 6", "trace of square", "above the bulk", "block-diagonal",
                    "difference.safetensors"])
    changed = [str(p) for p, content in before.items() if p.read_bytes() != content]
    cases.check("the run's files stay as they are", changed)
    last = (here / out.strip().splitlines()[-1])
    top = read_tensors(last)[0]["hessian/top"]
    recorded = float(rows[12]["lambda_1"])
    cases.check("the last line names the file, which has λ₁", abs(top[0] - recorded) < 0.01 * abs(recorded) or [top, recorded])

    case("a product of two parameters", 0, "", "train", "--set", "model.name=dln", "--set", "training.loss=mse", "--set",
         "training.steps=2", "--set", "run.precision=float64", "--out", "two")
    case("all of its eigenvalues", 0, "", "spectrum", "two", "--step", 0, "--dense", "--density",
         in_output=["2 eigenvalues", "1 negative, 0 zero within rounding, 1 positive", "2 random vectors"])
    all_of = read_tensors(here / "two/measured/spectrum/step-000000-hessian.safetensors")[0]["hessian/all"]
    exact = [3.25 - math.hypot(3, 2.5), 3.25 + math.hypot(3, 2.5)]
    cases.check("they are known", max(abs(a - b) for a, b in zip(all_of, exact, strict=True)) < 1e-12 or [all_of])

    case("too many eigenvalues", 2, "brink: --top 3: expected at most 2, the number of the network's parameters", "spectrum", "two",
         "--top", 3)
    case("no eigenvalue at all", 2, "brink: --top 0 --bottom 0: expected at least one eigenvalue, or one of --density, --dense and --check-product", "spectrum", "run",
         "--top", 0, "--bottom", 0)
    case("a dense spectrum of a large network", 2,
         f"brink: --dense: expected a network of at most 2000 parameters, found {n}; --density shows the whole spectrum of any "
         "network, and --top and --bottom its ends", "spectrum", "run", "--dense")
    case("a step that there is not", 2, "brink: --step 13: expected a step from 0 to 12, the last one of run; a fork at step 12 with "
         "--set training.steps=… goes on beyond it", "spectrum", "run", "--step", 13)
    case("tolerance 0", 2, "", "spectrum", "run", "--tolerance", 0)
    case("products in float64 of a run in float64", 2, "brink: --check-product compares products in float32 with those in float64: "
         "expected a run in float32, and this one is in float64", "spectrum", "two", "--check-product")
    case("an unknown operator", 2, "", "spectrum", "run", "--operator", "fisher")
    case("layers without a density", 2, "brink: --per-layer: expected --density with it", "spectrum", "run", "--per-layer")
    case("no run", 3, "", "spectrum", "none")
    code, out, wrong = call("spectrum", "run", "--top", 4, "--budget", 5)
    cases.check("a budget that does not suffice is reported", code == 0 and "not certified" in out and "--budget" in out + wrong or [out, wrong])
    case("a step that is not measured", 2, "", "train", "--set", "measure.every=4", "--set", "measure.density.steps=[2]", "--out", "no")
    case("no spectrum, no density", 2, "", "train", "--set", "measure.top=0", "--set", "measure.bottom=0", "--set",
         "measure.density.every=1", "--out", "no")

cases.close()
