#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws docs/figures/certificates.svg from the two tables of docs/examples/certificates.cpp (docs/certificates.md). Needs matplotlib.

usage: certificates.py FOLDER OUT.svg
"""

import csv
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "brink", "svg.fonttype": "none", "font.size": 9})
import matplotlib.pyplot as plt


def table(name):
    with open(pathlib.Path(sys.argv[1], name), newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return [float(row[name]) for row in rows]


def log_axis(axes, label):
    axes.set_yscale("log")
    axes.set_ylabel(label)


steps, intervals = table("trajectory.csv"), table("products.csv")
step, scale = column(steps, "step"), column(steps, "lambda_1")
figure, ((values, errors), (cold, warm)) = plt.subplots(2, 2, figsize=(9, 6.6), layout="constrained")

values.fill_between(step, scale, column(steps, "lambda_1_upper"), color="tab:blue", alpha=0.25, linewidth=0)
values.plot(step, scale, color="tab:blue", linewidth=1.2, label="λ₁ of the run")
values.plot(step, column(steps, "right"), ":", color="tab:green", linewidth=1.8, label="plain Lanczos, β before normalising")
values.plot(step, column(steps, "wrong"), color="tab:red", linewidth=1.2, label="the same, β after normalising")
values.axhline(2 / float(steps[0]["learning_rate"]), linestyle="--", color="black", linewidth=1, label="2/η")
values.set(title="The same trajectory, three times", xlabel="step", ylabel="largest eigenvalue", ylim=(0, None))
values.legend(loc="upper left", fontsize=8)

for name, colour in (("right", "tab:green"), ("wrong", "tab:red")):
    for end, style in (("residual", "-"), ("claimed", ":")):
        relative = [max(e / s, 1e-17) for e, s in zip(column(steps, f"{name}_{end}"), scale)]
        errors.plot(step, relative, style, color=colour, linewidth=1.2, label=f"β {'before' if name == 'right' else 'after'}: "
                    + ("residual ‖Hy − θy‖" if end == "residual" else "|β s|, from T alone"))
log_axis(errors, "relative to λ₁")
errors.set(title="What T claims, and what the residual says", xlabel="step")
errors.legend(loc="center left", bbox_to_anchor=(0, 0.4), fontsize=8)

for axes, start in ((cold, "cold"), (warm, "warm")):
    rows = [row for row in intervals if row["start"] == start]
    m, best = column(rows, "products"), column(rows, "value")[-1]
    low = [v - r for v, r in zip(column(rows, "value"), column(rows, "residual"))]
    high = column(rows, "bound")
    axes.fill_between(m, low, high, color="tab:blue", alpha=0.2, linewidth=0)
    axes.plot(m, high, color="tab:blue", linewidth=1.2, label="no eigenvalue above (p = 10⁻⁹)")
    axes.plot(m, column(rows, "value"), color="black", linewidth=1.2, label="θ₁")
    axes.plot(m, low, color="tab:orange", linewidth=1.2, label="an eigenvalue above θ₁ − residual")
    axes.set(title=f"One step, a {start} start", xlabel="products", ylabel="λ₁ lies between", ylim=(0, 3 * best), xlim=(1, 30))
    axes.legend(loc="upper right", fontsize=8)
figure.savefig(sys.argv[2], metadata={"Date": None})
