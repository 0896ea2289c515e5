# SPDX-License-Identifier: MIT
"""`brink train`, `verify` and the report on convolutional networks, from outside, on pictures made by the program. The numbers
are checked by derivatives_test.cpp, ghost_norm_test.cpp and `brink verify`.
usage: networks_test.py BUILD
"""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()


def call(*arguments):
    """(status, standard output, standard error)"""
    done = subprocess.run([brink, *arguments], capture_output=True, text=True, errors="replace", cwd=temporary,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def train(name, model, *more, memory="auto"):
    """The call's result, and the files in the folder. more: settings, in place of the usual ones of their keys."""
    usual = ["data.name=synthetic-cifar", "data.train=20", "data.test=10", "training.steps=3", *NETWORKS[model][0]]
    sets = dict(s.split("=", 1) for s in [*usual, *more])
    arguments = [x for key, value in sets.items() for x in ("--set", f"{key}={value}")]
    found = call("train", "--threads", "2", "--memory", memory, "--out", name, *arguments)
    folder = pathlib.Path(temporary, name)
    files = {f: (folder / f).read_text() for f in ["metrics.csv", "events.csv", "run.json", "report.html"] if (folder / f).exists()}
    return found, files


def claims(text):
    return [f"claims {words!r}" for words in ["hessian_of", "evaluation mode", "training mode", "eigenvalues are"] if words in text]


def rows(text):
    return list(csv.DictReader(text.splitlines()))


# Settings, and the number of parameters by hand: 32×32×3 pictures, 10 classes.
NETWORKS = {
    "alexnet": (["model.name=alexnet", "model.filters=2", "model.dense=[4]"],
                (75 * 2 + 2) + (50 * 2 + 2) + (7 * 7 * 2 * 4 + 4) + (4 * 10 + 10), "alexnet"),
    "vgg": (["model.name=vgg", "model.channels=[2, 3]", "model.ghost_batch=8"],
            (27 * 2 + 2 * 18 * 2 + 3 * 4) + (18 * 3 + 2 * 27 * 3 + 3 * 6) + (8 * 8 * 3 * 10 + 10), "VGG7 (2-3)"),
    "resnet20": (["model.name=resnet20", "model.widths=[2, 2, 3]", "model.ghost_batch=8"],
                 (27 * 2 + 4) + 12 * (18 * 2 + 4) + (18 * 3 + 6) + 5 * (27 * 3 + 6) + (3 * 10 + 10), "resnet20"),
}

with tempfile.TemporaryDirectory() as temporary:
    plain = {}
    for model, (_, parameters, shown) in NETWORKS.items():
        found, files = train(model, model)
        plain[model] = files
        blocks = {"alexnet": "1 block of 20 samples", "vgg": "3 blocks: 2 of 8 samples, 1 of 4", "resnet20": "3 blocks: 2 of 8 samples, 1 of 4"}[model]
        cases.check(f"{model}: a run", found[0] == 0 or [found[2]])
        cases.check(f"{model}: the plan", bool(re.search(f"^plan: {blocks}; residuals kept for all", found[1], re.M)) or [found[1]])
        record = json.loads(files["run.json"])
        cases.check(f"{model}: parameters by hand", record["parameters"] == parameters or [record["parameters"]])
        table = rows(files["metrics.csv"])
        cases.check(f"{model}: four steps, each with a certified eigenvalue",
                    [len(table)] if len(table) != 4 else [r for r in table if r["converged"] != "1" or not float(r["lambda_1"]) > 0])
        said = "the loss in training mode, by ghost groups: the function that is descended"
        normalised = model != "alexnet"
        cases.check(f"{model}: whose Hessian, in run.json", record.get("hessian_of", "") == (said if normalised else "") or [record])
        cases.check(f"{model}: whose Hessian, in the report", (f"<dt>Hessian of</dt><dd>{said}" in files["report.html"]) == normalised)
        cases.check(f"{model}: the network, in the report", f"<dd>{shown}" in files["report.html"])
        cases.check(f"{model}: nothing of evaluation mode", "evaluation mode" not in found[1] + "".join(files.values()))
        again = call("verify", model)
        cases.check(f"{model}: verified", again[0] == 0 and ("of " + said in again[1]) == normalised or [again[1], again[2]])

    metrics = pathlib.Path(temporary, "resnet20", "metrics.csv")
    lines = metrics.read_text().splitlines()
    lines[2] = lines[2].replace(rows(plain["resnet20"]["metrics.csv"])[1]["lambda_1"], "1.5")
    metrics.write_text("\n".join(lines) + "\n")
    again = call("verify", "resnet20")
    cases.check("a changed eigenvalue is found", again[0] == 1 and "step 1, column lambda_1: recorded 1.5" in again[1] or [again[1]])

    found, files = train("evaluation", "vgg", "model.norm_mode=evaluation")
    cases.check("evaluation mode: a run", found[0] == 0 or [found[2]])
    record = json.loads(files["run.json"])
    of = "the loss in evaluation mode, for comparison: not the function that is descended"
    named = {
        "console": 'norm_mode = "evaluation": eigenvalues are those of the loss in evaluation mode, not of the loss that is descended\n' in found[1],
        "progress": bool(re.search(r"^step 3/3 .* λ₁ in evaluation mode [\d.]+", found[1], re.M)),
        "run.json": record["hessian_of"] == of,
        "title": "<h1>vgg on synthetic-cifar, Hessian in evaluation mode (for comparison)" in files["report.html"],
        "fact": f"<dt>Hessian of</dt><dd>{of}" in files["report.html"],
        "caption": f"The Hessian is that of {of}" in files["report.html"],
        "metrics.csv": all(list(r)[-1] == "hessian_of" and r["hessian_of"] == "evaluation" for r in rows(files["metrics.csv"])),
        "events.csv": files["events.csv"].splitlines()[0].endswith(",crossings,hessian_of"),
    }
    for where, there in named.items():
        cases.check(f"evaluation mode is named: {where}", there or [found[1], files["metrics.csv"]])
    again = call("verify", "evaluation")
    cases.check("evaluation mode is named: verify", again[0] == 0 and "of " + of in again[1] or [again[1], again[2]])
    trained, evaluated = rows(plain["vgg"]["metrics.csv"]), rows(files["metrics.csv"])
    descent = ["step", "loss", "train_accuracy", "test_accuracy", "gradient_norm", "jump", "digest"]
    cases.check("evaluation mode: the same descent", [(a[c], b[c]) for a, b in zip(trained, evaluated) for c in descent if a[c] != b[c]])
    cases.check("evaluation mode: another spectrum",
                all(abs(float(a["lambda_1"]) / float(b["lambda_1"]) - 1) > 0.01 for a, b in zip(trained, evaluated))
                or [(a["lambda_1"], b["lambda_1"]) for a, b in zip(trained, evaluated)])
    cases.check("evaluation mode: certified", all(r["converged"] == "1" for r in evaluated))
    (pathlib.Path(temporary, "evaluation", "run.json")).write_text(files["run.json"].replace(of, "the loss"))
    again = call("verify", "evaluation")
    cases.check("a run.json that names another function is found", again[0] == 1 and "1 failed" in again[1] or [again[1]])

    nothing = ["measure.top=0", "measure.bottom=0"]
    for mode in ["training", "evaluation"]:
        found, files = train(f"no eigenvalues, {mode}", "vgg", f"model.norm_mode={mode}", *nothing)
        said = claims(found[1] + files["run.json"] + files["report.html"] + files["metrics.csv"] + files["events.csv"])
        cases.check(f"without eigenvalues nothing is claimed of them, {mode}", [found[2]] if found[0] else said)
    cases.rejects("without eigenvalues nothing is claimed of them", claims(plain["vgg"]["run.json"]))

    found, files = train("little memory", "resnet20", memory="33MiB")
    cases.check("too little memory", found[0] == 6 and "run.memory must be" in found[2] or [found])
    cases.check("then no folder is made", not files)
    more = ["data.train=80", "training.steps=1"]
    _, whole = train("whole", "resnet20", *more)
    for mebibytes in range(36, 120, 4):
        found, files = train(f"memory {mebibytes}", "resnet20", *more, memory=f"{mebibytes}MiB")
        if found[0] == 0:
            break
    cases.check("the least memory computes residuals again, to the same bytes",
                "recomputed for" in found[1] and files["metrics.csv"] == whole["metrics.csv"] or [mebibytes, *found])

    deep = ["model.channels=[2, 2, 2, 2, 2, 2]", "model.ghost_batch=19"]
    found, files = train("lonely", "vgg", *deep)
    cases.check("a group without variance", found[0] == 2 and "expected at least 2 values for each channel" in found[2] and not files or [found])
    found, files = train("huge", "vgg", "model.ghost_batch=9223372036854775807")
    cases.check("a ghost group beyond all samples",
                found[0] == 2 and "model.ghost_batch: expected an integer from 1 to 10000000" in found[2] and not files or [found])
    found = call("train", "--set", "model.name=vgg19")
    cases.check("VGG19 by its name", found[0] == 2 and '"vgg19" is "vgg" with model.channels' in found[2] or [found])
cases.close()
