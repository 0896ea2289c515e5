# SPDX-License-Identifier: MIT
"""Appendix C: the smallest eigenvalue against the lower edge −2σ of a semicircle, and as a measure of higher-order curvature."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from brink import style
from brink.claims import Claim, above, within
from brink.experiment import Experiment
from brink.statistics import correlations, geometric_mean_interval, mean_interval
from mlp import SIZES, SMOKE, marked, observed

COLUMNS = ["step", "lambda_1", "lambda_min", "bulk_edge", "semicircle_sigma", "semicircle_misfit", "delta", "gradient_norm"]

edge = Claim("|λₙ| is the edge 2σ of the semicircle with the variance of the bulk: their ratio.",
             "The bulk is a Wigner semicircle with support [−2σ, 2σ], thus λₙ ≈ −2σ.", within(0.8, 1.25))
shape = Claim("The bulk has the shape of a semicircle: the largest distance of the distribution functions.",
              "The spectrum of the bulk converges to the semicircle law.", within(0, 0.1))
proxy = Claim("|λₙ| measures σ: Spearman's ρ over the steps of a run, mean over seeds.",
              "The negative edge is a direct proxy for the bulk's variance.", above(0.5))
third = Claim("|λₙ| measures the third order: ρ of |λₙ| and |∇³L[u₁, u₁, g/‖g‖]|, mean over seeds.",
              "The scale of third-order effects is approximately proportional to σ.", above(0))


def work(lab):
    last = lab.size["steps"]
    lab.measure_all([{"run": run, "steps": (0, last, lab.size["apart"]), "set": {"measure": {"density": {"every": 1} | lab.size["density"]}}}
                     for run in observed(lab).values()])


def collect(lab):
    out = []
    for seed in lab.size["seeds"]:
        run = lab.run(f"seed {seed}")
        table = marked(run.measured()[COLUMNS].dropna(subset=["semicircle_sigma"]), run)
        out.append(table.assign(seed=seed, third=(table["delta"] / table["gradient_norm"]).abs()))
    return {"edges": pd.concat(out)}


def judge(tables):
    table = tables["edges"]
    bottom, seed = table["lambda_min"].abs(), table["seed"]
    return {edge: geometric_mean_interval(bottom / (2 * table["semicircle_sigma"]), groups=seed),
            shape: mean_interval(table["semicircle_misfit"], groups=seed),
            proxy: mean_interval(correlations(bottom, table["semicircle_sigma"], seed), among=(-1, 1)),
            third: mean_interval(correlations(bottom, table["third"], seed), among=(-1, 1))}


def draw(tables):
    table = tables["edges"]
    one = table[table["seed"] == table["seed"].iloc[0]]
    figure, axes = style.panels(1, 3, height=2.5)
    axes[0, 0].plot(one["step"], -one["lambda_min"], color=style.BLUE, marker="o", markersize=2, label="|λₙ|")
    axes[0, 0].plot(one["step"], 2 * one["semicircle_sigma"], color=style.RED, marker="s", markersize=2, label="2σ of the bulk")
    axes[0, 0].set_title("|λₙ| and 2σ, one seed")
    axes[0, 0].set_xlabel("step")
    axes[0, 0].legend()
    inside = table["instability"] > 0
    for panel, x, y, title in ((axes[0, 1], 2 * table["semicircle_sigma"], -table["lambda_min"], "|λₙ| against 2σ"),
                               (axes[0, 2], -table["lambda_min"], table["third"], "|∇³L[u₁, u₁, ĝ]| against |λₙ|")):
        for where, colour, label in ((~inside, style.BLUE, "outside"), (inside, style.RED, "in an instability")):
            panel.scatter(x[where], y[where], s=6, alpha=0.6, color=colour, linewidths=0, label=label)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_title(title)
    ends = np.array([(2 * table["semicircle_sigma"]).min(), (2 * table["semicircle_sigma"]).max()])
    axes[0, 1].plot(ends, ends, color=style.BLACK, linewidth=0.8, linestyle="--", label="equal")
    axes[0, 1].legend(fontsize=7)
    return figure


experiment = Experiment(
    id="appC", title="The smallest eigenvalue as a measure of non-quadratic curvature", section="App. C",
    paper="The Hessian's bulk is modelled as a Wigner semicircle of standard deviation σ, so the smallest eigenvalue is −2σ. Third-order effects are "
          "argued to scale with σ, which makes |λₙ| a proxy for how far the loss is from a quadratic.",
    caption="Left: the run of one seed. Middle and right: each point is a step of one of the seeds at which the spectral density was measured; ĝ "
            "is g/‖g‖.",
    sizes={name: size | {"apart": 10, "density": {}} for name, size in SIZES.items()} | {
        "smoke": SMOKE | {"apart": 20, "density": {"probes": 2, "depth": 24}}},
    work=work, collect=collect, claims=(edge, shape, proxy, third), judge=judge, draw=draw,
    discussion={
        edge: "|λₙ| is 12 times the edge in the mean: 19 times at step 0, 14 up to step 100, 11 after step 200, while |λₙ| itself goes from 14 down to 0.02. So the two fall and "
              "rise together, but are not equal. The interval [λₙ, −λₙ] holds far more eigenvalues near 0 than a semicircle of its width has, which makes the variance small. "
              "It would hold if σ were that of the part of the spectrum beside this peak, or in a network whose Hessian has no such peak.",
        shape: "A semicircle has no peak at 0. The distance is 0.29 to 0.44, where a symmetric density can have 0.5 at most: nearly all of the bulk is one narrow peak. It "
               "would have to be absent, or be a part of its own, as in random matrix models with a point mass at 0."},
    notes=("The density is estimated by stochastic Lanczos quadrature every 10 steps (every 20 in the size smoke); "
           "the bulk is the interval [λₙ, −λₙ] of its nodes. So σ is at most |λₙ| by construction, and part of their correlation is, too.",))
