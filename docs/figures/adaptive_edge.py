#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws docs/figures/adaptive_edge.svg from metrics.csv of an RMSProp and an Adam run (docs/experiments.md). Needs matplotlib.

usage: adaptive_edge.py RMSPROP_RUN ADAM_RUN OUT.svg
"""

import csv
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "brink", "svg.fonttype": "none", "font.size": 9})
import matplotlib.pyplot as plt


def column(rows, name):
    return [float(row[name]) if row[name] else float("nan") for row in rows]


figure, axes = plt.subplots(3, 2, figsize=(9, 7.5), sharex="col", layout="constrained")
for k, (title, run) in enumerate(zip(("RMSProp", "Adam"), sys.argv[1:3])):
    with open(pathlib.Path(run, "metrics.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    step = column(rows, "step")
    top, middle, bottom = axes[:, k]
    top.set_title(title)
    top.plot(step, column(rows, "lambda_eff"), color="tab:blue", linewidth=0.9, label="effective sharpness")
    top.plot(step, column(rows, "threshold_eff"), "--", color="black", linewidth=1, label="its threshold")
    top.set_ylim(0, 2 * column(rows, "threshold_eff")[0])  # the first steps lie above
    top.set_ylabel(r"$\lambda_1(P^{-1/2} H P^{-1/2})$")
    top.legend(loc="upper right")
    middle.plot(step, column(rows, "lambda_1"), color="tab:orange", linewidth=0.9, label="sharpness")
    middle.plot(step, column(rows, "two_over_eta"), ":", color="black", linewidth=1, label="2/η")
    middle.set_yscale("log")
    middle.set_ylabel(r"$\lambda_1(H)$")
    middle.legend(loc="upper right", bbox_to_anchor=(1, 0.85))
    bottom.plot(step, column(rows, "loss"), color="tab:green", linewidth=0.9)
    bottom.set_yscale("log")
    bottom.set_ylabel("loss")
    bottom.set_xlabel("step")
figure.savefig(sys.argv[3], metadata={"Date": None})
