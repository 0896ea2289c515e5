# SPDX-License-Identifier: MIT
"""brink's worker on every workload of bench/peers, at small sizes: the lists of parameters are brink's own, and its answers are
known.

If all parameters are zero, all logits and activations are zero and every ReLU is off. Then the loss is log(classes), and
gradient and product are those of the last bias alone, in closed form.
usage: peers_test.py BUILD
"""

import array
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

sys.path.insert(0, str(ROOT / "bench" / "peers"))
import workloads

worker = pathlib.Path(sys.argv[1]).resolve() / "bench" / "perf" / "worker"
cases = Cases()
SAMPLES = 40  # a group of 32 and a short one


def numbers_of(about):
    """→ labels, v [n], and the values expected at θ = 0."""
    size, classes = sum(math.prod(p["shape"]) for p in about["parameters"]), about["classes"]
    labels = [i * i % classes for i in range(SAMPLES)]
    v = [math.sin(i * i) for i in range(size)]
    length = math.sqrt(sum(x * x for x in v))
    v = [x / length for x in v]
    last = v[-classes:]
    gradient = [1 / classes - labels.count(c) / SAMPLES for c in range(classes)]
    product = [(x - sum(last) / classes) / classes for x in last]
    norm = lambda a: math.sqrt(sum(x * x for x in a))
    return labels, v, {"loss": math.log(classes), "gradient_norm": norm(gradient), "hvp_norm": norm(product),
                       "gradient_v": sum(a * b for a, b in zip(gradient, last)), "v_h_v": sum(a * b for a, b in zip(product, last)),
                       "hvp_linearized_norm": norm(product)}


def write(folder, about):
    """Pictures that differ, a direction, and parameters of zero. → the values expected."""
    folder.mkdir(exist_ok=True)
    labels, v, expected = numbers_of(about)
    pixels = SAMPLES * math.prod(about["sample"])
    for file, kind, values in [("x.f32", "f", (math.sin(i * i) for i in range(pixels))), ("labels.i32", "i", labels),
                               ("theta.f32", "f", bytes(4 * len(v))), ("v.f32", "f", v)]:
        (folder / file).write_bytes(array.array(kind, values).tobytes())
    (folder / "workload.json").write_text(json.dumps(about))
    return expected


def ask(*requests):
    """(status, answers, standard error)"""
    done = subprocess.run([worker], input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


if not worker.exists():
    cases.skip("peers", "this build has no benchmarks")
    cases.close()
with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    setup = {"folder": temporary, "threads": 2, "learning_rate": 0.1, "gd_steps": 1, "device": "cpu", "kinds": ["gradient", "hvp"],
             "spectrum": False}
    for name in workloads.WORKLOADS:
        about = workloads.describe(name, SAMPLES)
        expected = write(folder, about)
        runs = [("gradient", "program"), ("hvp", "recomputing"), ("hvp", "linearize_and_apply")]
        status, answers, said = ask({"setup": setup}, *({"run": kind, "variant": v, "repeat": 1} for kind, v in runs))
        complaints = [] if status == 0 and len(answers) == 1 + len(runs) else [f"status {status}: {said}"]
        if not complaints:
            found = answers[0]["values"]
            complaints = [f"{key}: {found[key]}, expected {value}" for key, value in expected.items()
                          if not abs(found[key] - value) <= 1e-6 * max(abs(value), 1e-3)]
        cases.check(name, complaints)

        # At θ = 0 the Hessian is that of the last bias alone, (1 − ones/C)/C: its largest eigenvalue is 1/C.
        request = {"lambda_1": "lanczos", "theta": str(folder / "theta.f32"), "setting": 1e-6, "vector": str(folder / "y.f32")}
        status, answers, said = ask({"setup": {**setup, "kinds": ["lambda_1"]}}, request)
        complaints = [] if status == 0 and len(answers) == 2 else [f"status {status}: {said}"]
        if not complaints:
            y = array.array("f", (folder / "y.f32").read_bytes())
            last, rest = y[-about["classes"]:], y[:-about["classes"]]
            wanted = {"the variant": answers[0]["variants"] == {"lambda_1": ["lanczos"]}, "products": 2 <= answers[1]["products"] <= 4,
                      "λ₁": abs(answers[1]["lambda_1"] * about["classes"] - 1) < 1e-5, "times": answers[1]["ms"] > 0 < answers[1]["cpu_ms"],
                      "the vector": abs(sum(x * x for x in last) - 1) < 1e-5 and abs(sum(last)) < 1e-3 and max(map(abs, rest), default=0) < 1e-3}
            complaints = [f"{what}: {answers[1]}" for what, good in wanted.items() if not good]
        cases.check(f"{name}: the largest eigenvalue", complaints)

        wrong = workloads.describe(name, SAMPLES)
        wrong["parameters"][0]["shape"][-1] += 1
        write(folder, wrong)
        status, _, said = ask({"setup": setup})
        first = about["parameters"][0]["name"]
        cases.check(f"{name}: a parameter of another shape is refused", status == 1 and f"parameter 0: expected {first}" in said)

    # The networks that the other systems have are those of the workloads; each is written where it is looked for.
    compared = {w.network["name"] for w in workloads.WORKLOADS.values()}
    for file in ["jax_networks.py", "torch_networks.py"]:
        listed = set(re.findall(r'"(\w+)":', (ROOT / "bench" / "peers" / file).read_text().split("NETWORKS = {", 1)[1].split("}", 1)[0]))
        cases.check(f"the networks of {file}", [f"in one of both: {name}" for name in sorted(compared ^ listed)])

    # brink's own benchmark takes every network that it has.
    steps = worker.with_name("steps")
    said = subprocess.run([steps, "--network", "none"], capture_output=True, text=True).stderr
    names = re.findall(r"\w+", said[said.find("{"):said.find("}")])
    cases.check("networks that are timed", compared <= set(names) or [said])
    for name in names:
        done = subprocess.run([steps, "--network", name, "--samples", "8", "--threads", "1", "--rounds", "1", "--turn-ms", "1"],
                              capture_output=True, text=True)
        cases.check(f"steps of {name}", done.returncode == 0 and "hvp_linearized" in done.stdout or [done.stdout, done.stderr])

    write(folder, workloads.describe("W3", SAMPLES))
    for kind, variant in [("gradient", "program"), ("gradient", "recomputing"), ("hvp", "recomputing")]:
        status, answers, said = ask({"memory": setup, "kind": kind}, {"peak": variant})
        good = status == 0 and variant in answers[0]["variants"] and answers[1]["peak_bytes"] > 2**20
        cases.check(f"peak memory, {kind}/{variant}", [] if good else [f"status {status}, {answers}: {said}"])
    status, _, said = ask({"setup": setup}, {**request, "lambda_1": "power"})
    cases.check("an unknown solver is refused", status == 1 and "expected the variant lanczos" in said)
    (folder / "short.f32").write_bytes(bytes(8))
    status, _, said = ask({"setup": setup}, {**request, "theta": str(folder / "short.f32")})
    cases.check("a θ of another size is refused", status == 1 and "short.f32: expected" in said and "found 8" in said)
    status, _, said = ask({"run": "gradient", "variant": "program", "repeat": 1})
    cases.check("a request before the setup ends the worker", status == 1 and said.startswith("worker: "))
cases.close()
