# SPDX-License-Identifier: MIT
"""Figure 14: how far the leading eigenvector turns between two samples, at sampling periods of 1, 2, 3 and 4 steps."""

import pandas as pd

from brink import style
from brink.claims import Claim, above
from brink.experiment import Experiment
from brink.statistics import mean_interval
from mlp import config

PERIODS = [1, 2, 3, 4]
AROUND = 10  # steps before the entry and after the resolution of the instability that is drawn

one_two = Claim("Within instabilities the eigenvector turns further between samples 1 step apart than between samples 2 steps apart.",
                "Rotations are smooth at even sampling periods, and the structure is lost at odd ones.", above(0))
three_four = Claim("The same at 3 steps beside 4 steps.", "Rotations are smooth at even sampling periods, and the structure is lost at odd ones.",
                   above(0))
smooth = Claim("At period 2 successive samples are similar: the mean similarity within instabilities is above 0.9.",
               "At even periods rotations are visible and smooth.", above(0.9))


def work(lab):
    measure = {"top": 1, "rotation": {"every": 1, "lags": PERIODS}}
    lab.train_all({f"seed {seed}": config(lab, seed, measure) for seed in lab.size["seeds"]})


def collect(lab):
    similarity, events = [], []
    for seed in lab.size["seeds"]:
        run = lab.run(f"seed {seed}")
        rows = run.metrics[["step", "lambda_1"]].assign(threshold=run.thresholds(), inside=0)
        for period in PERIODS:
            rows[f"period{period}"] = run.metrics[f"overlap_1_lag{period}"]
        for one in run.long_instabilities():
            rows.loc[rows["step"].between(one.entry, one.resolution - 1), "inside"] = 1
            events.append({"seed": seed, "entry": one.entry, "resolution": one.resolution, "open": int(one.open)})
        similarity.append(rows.assign(seed=seed))
    return {"similarity": pd.concat(similarity), "events": pd.DataFrame(events, columns=["seed", "entry", "resolution", "open"])}


def judge(tables):
    seeds = tables["similarity"].query("inside == 1").groupby("seed")[[f"period{period}" for period in PERIODS]].mean()
    return {one_two: mean_interval(seeds["period2"] - seeds["period1"], groups=seeds.index),
            three_four: mean_interval(seeds["period4"] - seeds["period3"], groups=seeds.index),
            smooth: mean_interval(seeds["period2"], groups=seeds.index)}


def draw(tables):
    events = tables["events"].query("open == 0").assign(length=lambda rows: rows["resolution"] - rows["entry"])
    drawn = events.sort_values("length", kind="stable").iloc[-1] if len(events) else None
    seed = tables["similarity"]["seed"].iloc[0] if drawn is None else drawn["seed"]
    rows = tables["similarity"].query("seed == @seed")
    if drawn is not None:
        rows = rows[rows["step"].between(drawn["entry"] - AROUND, drawn["resolution"] + AROUND)]
    figure, panels = style.small_multiples(4, 2, sharex=True, sharey=True)
    for period, panel in zip(PERIODS, panels):
        panel.plot(rows["step"], rows[f"period{period}"], marker="o", markersize=2.5, color=style.BLUE if period % 2 == 0 else style.RED)
        panel.set_title(f"every {period} steps" if period > 1 else "every step")
        panel.set_ylim(-0.02, 1.05)
        style.shade_instabilities(panel, tables["events"].query("seed == @seed"))
        panel.set_xlim(rows["step"].min(), rows["step"].max())
    for panel in panels[::2]:
        panel.set_ylabel("|⟨u₁(t), u₁(t − period)⟩|")
    for panel in panels[2:]:
        panel.set_xlabel("step")
    return figure


experiment = Experiment(
    id="fig14", title="Eigenvectors rotate smoothly over two steps, and not over one", section="App. E.5",
    paper="Sampled at even periods, the leading eigenvectors of a ReLU network rotate visibly and smoothly. At odd periods that structure is lost, as "
          "the dynamics at the edge of stability has period 2.",
    caption="The overlap of u₁ with itself one, two, three and four steps before, through the longest instability of all seeds (shaded).",
    sizes={"smoke": {"steps": 120, "seeds": [0, 1]}, "small": {"steps": 400, "seeds": list(range(15))}, "paper": {"steps": 400, "seeds": list(range(15))}},
    work=work, collect=collect, claims=(one_two, three_four, smooth), judge=judge, draw=draw,
    gallery="The overlap of u₁ with itself 1, 2, 3 and 4 steps before: mostly smooth at even periods, broken at odd ones.")
