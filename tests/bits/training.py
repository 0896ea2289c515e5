# SPDX-License-Identifier: MIT
"""A short training run by the command, and the comparison of two such runs byte for byte.

The run is small but not trivial: several groups with a short last one (trees), both ends of the spectrum, and a learning rate
at which the run soon becomes chaotic, so that one different bit reaches every later row.
"""

import os
import pathlib
import re
import subprocess

SETTINGS = {"training.learning_rate": 0.4, "measure.top": 2, "measure.bottom": 1}
# Networks with convolutions on pictures of 32 x 32 x 3, few products: the portable path is slow. Groups of 8 leave a short one of 4.
PICTURES = {"data.name": "synthetic-cifar", "data.train": 20, "data.test": 10, "training.steps": 2, "measure.every": 2,
            "measure.budget": 5}
RUNS = {
    "MLP": {"data.train": 304, "data.test": 64, "model.hidden": "[12,10]", "training.steps": 25, "measure.every": 4},
    "AlexNet": {**PICTURES, "model.name": "alexnet", "model.filters": 3, "model.dense": "[7]"},
    "VGG": {**PICTURES, "model.name": "vgg", "model.channels": "[3,5]", "model.ghost_batch": 8},
    "ResNet20": {**PICTURES, "model.name": "resnet20", "model.widths": "[2,3,5]", "model.ghost_batch": 8},
}
PRECISIONS = ["float32", "float64"]


class Failed(Exception):
    pass


def train(brink, folder, precision="float32", threads=1, settings=None, environment=None, wrapper=(), run="MLP"):
    """Trains one of RUNS into `folder` (absent before). Returns (the bytes of metrics.csv, what was printed)."""
    arguments = [*wrapper, str(brink), "train", "--out", str(folder), "--precision", precision, "--threads", str(threads)]
    for key, value in {**SETTINGS, **RUNS[run], **(settings or {})}.items():
        arguments += ["--set", f"{key}={value}"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BRINK_")}
    done = subprocess.run(arguments, env={**clean, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        raise Failed(f"{' '.join(arguments)}: status {done.returncode}: {done.stdout.strip()[-2000:]}")
    metrics = pathlib.Path(folder, "metrics.csv").read_bytes()
    if metrics.count(b"\n") < 2:
        raise Failed("metrics.csv has no row")
    return metrics, done.stdout


def difference(name, expected, found):
    """Complaints: none if the two files have the same bytes, otherwise where they first differ."""
    if expected == found:
        return []
    a, b = expected.decode().splitlines(), found.decode().splitlines()
    columns = a[0].split(",")
    for row, (x, y) in enumerate(zip(a, b)):
        for column, (u, v) in zip(columns, zip(x.split(","), y.split(","))):
            if u != v:
                return [f"{name}: row {row}, column {column}: expected {u}, found {v}"]
    return [f"{name}: {len(a)} rows expected, {len(b)} found"]


def instruction_sets():
    """The names that BRINK_SIMD accepts here, from the processor's flags as the system lists them."""
    try:
        found = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    flags = set(found.group(1).split()) if found else set()
    sets = ["portable"]
    if {"avx2", "fma", "bmi2"} <= flags:
        sets.append("x86-64-v3")
        if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
            sets.append("x86-64-v4")
    return sets
