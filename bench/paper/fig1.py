# SPDX-License-Identifier: MIT
"""Figure 1: one run at the edge of stability, with loss, sharpness, jump, period-2 distance, Δ and λₙ."""

import numpy as np
import pandas as pd

from brink import style
from brink.claims import Claim, above, within
from brink.experiment import Experiment
from brink.statistics import difference_of_proportions, geometric_mean_interval, mean_interval, wilson

COLUMNS = ["step", "loss", "lambda_1", "residual_1", "surplus", "lambda_min", "jump", "jump_u1", "period2_distance", "delta"]
AFTER = 3  # steps after a resolution in which the jump has to collapse

reaches = Claim("The sharpness reaches 2/η.", "Progressive sharpening drives λ₁ up to 2/η.", above(0.5))
hovers = Claim("From then on it hovers there: the median surplus ηλ₁ − 2 is near 0.", "λ₁ then hovers around 2/η.", within(-0.5, 0.5))
falls = Claim("The loss falls, but not at every step.", "L falls non-monotonically.", above(0.5))
negative = Claim("Δ is negative more often inside instabilities than outside.", "Δ is frequently negative during instabilities.", above(0))
bottom = Claim("|λₙ| is larger inside instabilities than outside.", "|λₙ| grows in instabilities.", above(1))
grows = Claim("The jump along u₁ grows inside an instability.", "The jump along u₁ grows during an instability.", above(1))
collapses = Claim("The jump along u₁ collapses at the resolution.", "It collapses when the instability resolves.", above(1))


def config(lab, seed):
    return {"data": lab.data("fmnist4"), "measure": {"delta": {"every": 1}},
            "training": {"learning_rate": lab.size["learning_rate"], "steps": lab.size["steps"], "seed": seed}}


def work(lab):
    lab.train_all({f"seed {seed}": config(lab, seed) for seed in lab.size["seeds"]})


def collect(lab):
    metrics, events = [], []
    for seed in lab.size["seeds"]:
        run = lab.run(f"seed {seed}")
        rows = run.metrics[COLUMNS].assign(threshold=run.thresholds(), inside=0)
        for one in run.long_instabilities():
            rows.loc[rows["step"].between(one.entry, one.resolution - 1), "inside"] = 1
            events.append({"seed": seed, "entry": one.entry, "resolution": one.resolution, "peak": one.peak, "open": int(one.open)})
        metrics.append(rows.assign(seed=seed))
    return {"metrics": pd.concat(metrics)[["seed", *COLUMNS, "threshold", "inside"]],
            "events": pd.DataFrame(events, columns=["seed", "entry", "resolution", "peak", "open"])}


def ratios(tables, numerator, denominator):
    """For each long instability that has ended: the largest jump along u₁ in one part of it over that in another; grouped by seed."""
    out = []
    for one in tables["events"].query("open == 0").itertuples():
        jump = tables["metrics"].query("seed == @one.seed").set_index("step")["jump_u1"]
        top, below = jump.loc[slice(*numerator(one))].max(), jump.loc[slice(*denominator(one))].max()
        if below > 0:
            out.append((one.seed, top / below))
    return [seed for seed, _ in out], [ratio for _, ratio in out]


def judge(tables):
    metrics = tables["metrics"]
    seeds = [rows for _, rows in metrics.groupby("seed")]
    after = [rows[rows["step"] >= rows.loc[rows["surplus"] > 0, "step"].min()] for rows in seeds]
    rising = [(rows["loss"].diff() > 0).any() and rows["loss"].iloc[-1] < rows["loss"].iloc[0] for rows in seeds]
    inside, outside = metrics[metrics["inside"] == 1].dropna(subset=["delta"]), metrics[metrics["inside"] == 0].dropna(subset=["delta"])
    lower = [rows.loc[rows["inside"] == 1, "lambda_min"].abs().mean() / rows.loc[rows["inside"] == 0, "lambda_min"].abs().mean()
             for rows in seeds]
    groups_in, growth = ratios(tables, lambda one: (one.peak, one.resolution - 1), lambda one: (one.entry, one.entry))
    groups_out, fall = ratios(tables, lambda one: (one.peak, one.resolution - 1), lambda one: (one.resolution + AFTER, one.resolution + AFTER))
    return {
        reaches: wilson(sum((rows["surplus"] > 0).any() for rows in seeds), len(seeds)),
        hovers: mean_interval([rows["surplus"].median() for rows in after if len(rows)]),
        falls: wilson(sum(rising), len(seeds)),
        negative: difference_of_proportions((inside["delta"] < 0).sum(), len(inside), (outside["delta"] < 0).sum(), len(outside)),
        bottom: geometric_mean_interval(lower),
        grows: geometric_mean_interval(growth, groups=groups_in),
        collapses: geometric_mean_interval(fall, groups=groups_out),
    }


def draw(tables):
    seed = tables["metrics"]["seed"].iloc[0]
    rows, events = tables["metrics"].query("seed == @seed"), tables["events"].query("seed == @seed")
    figure, axes = style.panels(3, 2, height=1.75, sharex=True)
    (loss, delta), (sharpness, bottom_), (jump, period2) = axes
    loss.plot(rows["step"], rows["loss"], color=style.BLUE)
    loss.set_title("training loss L")
    sharpness.plot(rows["step"], rows["lambda_1"], color=style.BLUE, label="λ₁")
    style.threshold_line(sharpness, rows["threshold"], rows["step"])
    sharpness.set_title("sharpness λ₁")
    sharpness.set_ylim(0, 1.25 * rows["lambda_1"].max())
    sharpness.legend(loc="upper right", ncols=2)
    jump.plot(rows["step"], rows["jump"], color=style.GREY, label="whole")
    jump.plot(rows["step"], rows["jump_u1"], color=style.BLUE, label="along u₁")
    jump.set_title("jump ‖θ − θ̄‖")
    jump.legend(loc="lower left", ncols=2)
    delta.plot(rows["step"], rows["delta"], color=style.BLUE)
    typical = 10.0 ** np.floor(np.log10(np.nanmedian(rows["delta"].abs())))
    delta.set_yscale("symlog", linthresh=typical)
    delta.set_yticks([-100 * typical, -typical, typical, 100 * typical])
    delta.axhline(0, color=style.BLACK, linewidth=0.7)
    delta.set_title("local change of sharpness Δ")
    bottom_.plot(rows["step"], rows["lambda_min"], color=style.BLUE)
    bottom_.set_title("smallest eigenvalue λₙ")
    period2.plot(rows["step"], rows["period2_distance"], color=style.BLUE)
    period2.set_title("period-2 distance ‖θ̄ₜ − θ̄ₜ₋₂‖")
    for panel in (loss, jump, period2):
        style.log_scale(panel)
    for panel in axes.ravel():
        style.shade_instabilities(panel, events)
        panel.set_xlim(0, rows["step"].max())
    for panel in axes[-1]:
        panel.set_xlabel("step")
    return figure


experiment = Experiment(
    id="fig1", title="One run at the edge of stability", section="§3",
    paper="A network trained by gradient descent sharpens until λ₁ reaches 2/η. From then on λ₁ hovers around 2/η, and the loss falls "
          "non-monotonically: instabilities in which the iterate jumps back and forth along u₁ grow and resolve themselves. The local change of "
          "sharpness Δ is often negative in them, so it cannot explain them alone, and |λₙ| grows.",
    caption="The run of the first seed. Long instabilities are shaded. θ̄ is the midpoint of two successive iterates, and the axis of Δ is linear"
            " near 0 and logarithmic beyond.",
    sizes={"smoke": {"learning_rate": 0.1, "steps": 150, "seeds": [0, 1]},
           "small": {"learning_rate": 0.1, "steps": 400, "seeds": list(range(15))},
           "paper": {"learning_rate": 0.1, "steps": 400, "seeds": list(range(15))}},
    work=work, collect=collect, claims=(reaches, hovers, falls, negative, bottom, grows, collapses), judge=judge, draw=draw,
    gallery="λ₁ rises to 2/η. From then on it is thrown back by one instability (shaded) after another, in which the jump along u₁ grows and collapses.")
