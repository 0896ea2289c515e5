# SPDX-License-Identifier: MIT
"""Appendix G: eigenvectors and eigenvalues of minibatch Hessians beside the spiked Wigner model."""

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from brink import style
from brink.claims import Claim, Measured, above, at_most, below, within
from brink.experiment import Experiment
from brink.statistics import bootstrap, mean_interval, spearman

BATCHES = (32, 64, 128, 256, 512)
FIT = 128

grows = Claim("The overlap (u₁·u₁ᵇ)² grows with b; rank correlation.", "Eigenvectors of larger minibatches agree better (eq. 32).", above(0))
large = Claim("The mean overlap for b ≥ 128.", "The principal direction stays under minibatching: overlaps are typically close to one.", above(0.8))
fit = Claim("Mean |measured − predicted| of the overlap, over all b.", "1 − σ²/(bλ₁²) above the noise, 0 below (eq. 32).", below(0.1))
order = Claim("Measured and predicted overlap; rank correlation.", "The model orders steps and sizes of minibatches.", above(0.5))
raised = Claim("λ₁ᵇ − λ₁ over its prediction s/λ₁ where λ₁ > √s; median.", "The noise raises the leading eigenvalue by σ²/(bλ₁).", within(0.5, 2))
scaled = Claim(f"σ² fitted to the overlap itself at b = {FIT}: mean |measured − predicted| of the overlap at the other b.",
               "The noise falls as 1/b (eq. 32).", below(0.1))
whole = Claim("b = N: the largest |1 − overlap|.", "Without noise nothing changes.", at_most(1e-3))


def config(lab, seed):
    return {"data": lab.data("fmnist4"), "training": {"learning_rate": 0.1, "steps": max(lab.size["steps"]), "seed": seed}}


def work(lab):
    lab.train_all({f"seed {seed}": config(lab, seed) for seed in lab.size["seeds"]})
    lab.measure_all([{"run": lab.run(f"seed {seed}"), "steps": f"{min(lab.size['steps'])}:{max(lab.size['steps'])}:{lab.size['every']}",
                      "set": {"measure": {"minibatch_overlap": {"batches": [*BATCHES, lab.size["samples"]], "fit_batch": FIT,
                                                                "draws": lab.size["draws"]}}}} for seed in lab.size["seeds"]])


def collect(lab):
    out = []
    for seed in lab.size["seeds"]:
        table = lab.run(f"seed {seed}").measured()
        for row in table[table["minibatch_variance"].notna()].to_dict("records"):
            for b in (*BATCHES, lab.size["samples"]):
                out.append({"seed": seed, "step": row["step"], "batch": b, "samples": lab.size["samples"], "lambda_1": row["lambda_1"],
                            "overlap": row[f"minibatch_overlap_{b}"],
                            "overlap_error": row[f"minibatch_overlap_{b}_error"], "predicted": row[f"minibatch_overlap_{b}_predicted"],
                            "lambda_b": row[f"minibatch_lambda_{b}"], "lambda_b_predicted": row[f"minibatch_lambda_{b}_predicted"]})
    return {"overlaps": pd.DataFrame(out)}


def rescaled_misfit(part):
    """1 − overlap = s/λ₁² at b = FIT gives s there, and 1/b − 1/N scales it."""
    scale = (1 / part["batch"] - 1 / part["samples"]) / (1 / FIT - 1 / part["samples"])
    at_fit = part[part["batch"] == FIT].set_index(["seed", "step"])["overlap"]
    lost = 1 - at_fit.reindex(pd.MultiIndex.from_frame(part[["seed", "step"]])).to_numpy()
    predicted = (1 - scale * lost).clip(lower=0)
    others = part["batch"] != FIT
    return mean_interval((part["overlap"] - predicted).abs()[others], groups=part["seed"][others])


def judge(tables):
    rows = tables["overlaps"]
    part, all_samples = rows[rows["batch"] < rows["samples"]], rows[rows["batch"] == rows["samples"]]
    wide = part[part["batch"] >= FIT]
    spiked = part[part["predicted"] > 0]
    return {
        grows: spearman(part["batch"], part["overlap"], groups=part["seed"]),
        large: mean_interval(wide["overlap"], groups=wide["seed"]),
        fit: mean_interval((part["overlap"] - part["predicted"]).abs(), groups=part["seed"]),
        order: spearman(part["predicted"], part["overlap"], groups=part["seed"]),
        raised: bootstrap(np.median, (spiked["lambda_b"] - spiked["lambda_1"]) / (spiked["lambda_b_predicted"] - spiked["lambda_1"]), groups=spiked["seed"]),
        scaled: rescaled_misfit(part),
        whole: Measured((1 - all_samples["overlap"]).abs().max(), n=len(all_samples)),
    }


def draw(tables):
    rows = tables["overlaps"]
    rows = rows[rows["batch"] < rows["samples"]]
    figure, axes = style.panels(1, 3, height=2.6)
    overlap, scatter, value = axes[0]
    mean = rows.groupby("batch")[["overlap", "predicted"]].mean()
    low, high = (rows.groupby("batch")["overlap"].quantile(q) for q in (0.1, 0.9))
    overlap.semilogx(mean.index, mean["overlap"], color=style.BLUE, marker="o", label="measured")
    style.band(overlap, mean.index, low, high)
    overlap.semilogx(mean.index, mean["predicted"], color=style.RED, linestyle="--", marker="s", label="predicted")
    overlap.set(title="overlap (u₁·u₁ᵇ)²", xlabel="samples b of the minibatch", ylim=(0, 1.05))
    overlap.set_xticks(list(BATCHES), list(map(str, BATCHES)))
    overlap.xaxis.set_minor_formatter(NullFormatter())
    overlap.legend(loc="lower right")
    for (b, at), colour in zip(rows.groupby("batch"), style.COLOURS):
        scatter.plot(at["predicted"], at["overlap"], ".", color=colour, label=f"b = {b}", markersize=4, alpha=0.7)
        value.loglog(at["lambda_b_predicted"], at["lambda_b"], ".", color=colour, markersize=4, alpha=0.7)
    scatter.plot([0, 1], [0, 1], color=style.BLACK, linewidth=0.7)
    scatter.set(title="overlap, each step", xlabel="predicted", ylabel="measured", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    scatter.legend(loc="lower right", fontsize=7)
    ends = [rows[["lambda_b", "lambda_b_predicted"]].min().min(), rows[["lambda_b", "lambda_b_predicted"]].max().max()]
    value.plot(ends, ends, color=style.BLACK, linewidth=0.7)
    for axis in (value.xaxis, value.yaxis):
        axis.set_major_locator(LogLocator(10, (1, 2, 5)))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    value.set(title="λ₁ᵇ, each step", xlabel="predicted", ylabel="measured")
    return figure


SHARED = {"samples": 1000}
experiment = Experiment(
    id="rmt", title="Minibatch Hessians beside random-matrix theory", section="App. G",
    paper="The Hessian of a minibatch is modelled as the whole Hessian plus a Wigner matrix. Its leading eigenvector then keeps the squared overlap "
          "1 − σ²/(bλ₁²) with that of the whole Hessian while λ₁ is above the noise, so that instabilities act in SGD as in gradient descent.",
    caption="Left: means over steps, seeds and minibatches; the band holds 80 % of the overlaps. Middle and right: each point is a step and a "
            "size b of minibatches; on the black line the measured number is the predicted one.",
    sizes={"smoke": {"seeds": [0, 1], "steps": [0, 60], "every": 20, "draws": 2, **SHARED},
           "small": {"seeds": list(range(5)), "steps": [0, 400], "every": 20, "draws": 4, "reduced": ["5 seeds instead of 15."], **SHARED},
           "paper": {"seeds": list(range(15)), "steps": [0, 400], "every": 5, "draws": 16, **SHARED}},
    work=work, collect=collect, claims=(grows, large, fit, order, raised, scaled, whole), judge=judge, draw=draw,
    notes=(f"MLP on fmnist4 at η = 0.1. The noise σ² is fitted at b = {FIT}, and scaled by 1/b − 1/N. A misfit is to be expected: the noise of a real "
           "Hessian has few directions, those of the leading eigenvectors among them, so the random directions of the fit see little of it.",),
    changed={fit: "After runs on made-up data the rule became a bound in place of an interval, which changed no verdict there.",
             scaled: "Added after runs on made-up data; the rule then became a bound in place of an interval, which changed no verdict there."},
    discussion={
        large: "The mean is 0.7998 and the bound 0.8. Where λ₁ is above 2/η, as the argument about instabilities needs it, the overlap is 0.88 in the "
               "mean of five seeds; below 2/η it is 0.76. 45 % of the overlaps are above 0.9, and 11 % below 0.5. The claim would need larger "
               "minibatches, or steps above the edge only.",
        fit: "The formula predicts mean overlaps above 0.9998 at every b, since random directions see a σ² that is far too small: at b = 128 the loss of "
             "overlap is 0.32, 10,000 times the predicted one. The order of steps and sizes is right, the size is not. The noise would have to be a "
             "Wigner matrix, equally strong in all directions. It is concentrated in the directions of the leading eigenvectors instead.",
        raised: "A minibatch of 128 raises λ₁ by 16 %, one of 32 by 67 %, where the fitted noise predicts 0.003 % and 0.01 %. It is the same failure as "
                "that of the overlap: along u₁ the noise is thousands of times stronger than along a random direction.",
        scaled: "With σ² from the overlap itself at b = 128 the law 1/b is left, and it is too steep. From b = 32 to 512 the lost overlap falls from 0.59 "
                "to 0.09, by a factor of 6.6, where 1/b − 1/N falls by 32. A lost overlap of more than a half is far from the small perturbations in "
                "which a law in 1/b can hold; λ₁ would have to be larger, or the minibatches."})
