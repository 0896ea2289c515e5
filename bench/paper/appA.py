# SPDX-License-Identifier: MIT
"""Appendix A: the alignment of the gradient with the leading eigenvector, in stable phases and in instabilities."""

import pandas as pd

from brink import style
from brink.claims import Claim, above, below
from brink.experiment import Experiment
from brink.statistics import correlations, mean_interval
from mlp import SIZES, events, observed

SHORTEST = 6  # steps of a phase that can have a trend

SAID = "In stable training the gradient aligns with u₁ (Arora et al. 2022); during instabilities this alignment reverses."
stable = Claim("Between instabilities |cos(g, u₁)| grows (Spearman's ρ with the step in each phase, mean over seeds).", SAID, above(0, least_n=8))
unstable = Claim("Inside instabilities it falls, from entry to resolution.", SAID, below(0, least_n=8))
late = Claim("Inside instabilities it falls, from the largest sharpness to the resolution.", SAID, below(0, least_n=8))


def work(lab):
    observed(lab)


def collect(lab):
    out = []
    for seed in lab.size["seeds"]:
        run, end = lab.run(f"seed {seed}"), 0
        alignment = run.metrics.set_index("step")["alignment_1"].abs()
        for one in run.instabilities():
            phases = [("stable", end, one.entry - 1)]
            if one.long and not one.open:
                phases += [("unstable", one.entry, one.resolution - 1), ("late", one.peak, one.resolution)]
            for name, first, last in phases:
                piece = alignment.loc[first:last]
                if len(piece) >= (SHORTEST if name != "late" else 3):
                    out.append(pd.DataFrame({"seed": seed, "instability": one.number, "phase": name, "step": piece.index, "alignment": piece.to_numpy()}))
            end = one.resolution
    return {"alignment": pd.concat(out), "events": pd.concat([events(lab.run(f"seed {seed}"), seed) for seed in lab.size["seeds"]])}


def trends(tables, phase):
    """Spearman's ρ of alignment and step in each phase of this name, and its seed."""
    table = tables["alignment"].query("phase == @phase")
    labels = table["seed"].astype(str) + "/" + table["instability"].astype(str)
    # The order of the labels is that of correlations().
    return correlations(table["step"], table["alignment"], labels), [label.split("/")[0] for label in sorted(labels.unique())]


def judge(tables):
    return {claim: mean_interval(*trends(tables, phase)) for claim, phase in ((stable, "stable"), (unstable, "unstable"), (late, "late"))}


def draw(tables):
    seed = tables["events"]["seed"].iloc[0]
    table = tables["alignment"].query("seed == @seed and phase != 'late'")
    figure, axes = style.panels(1, 2, height=2.6, width_ratios=[2, 1])
    for (phase, _), one in table.groupby(["phase", "instability"]):
        axes[0, 0].plot(one["step"], one["alignment"], color=style.BLUE if phase == "stable" else style.RED, linewidth=1)
    style.shade_instabilities(axes[0, 0], tables["events"].query("seed == @seed"))
    axes[0, 0].set_title("|cos(g, u₁)|")
    axes[0, 0].set_xlabel("step")
    names = {"stable": "between", "unstable": "inside", "late": "after the peak"}
    axes[0, 1].boxplot([trends(tables, phase)[0] for phase in names], tick_labels=list(names.values()), medianprops={"color": style.BLUE})
    axes[0, 1].axhline(0, color=style.BLACK, linewidth=0.7)
    axes[0, 1].set_title("ρ of |cos(g, u₁)| and step")
    return figure


experiment = Experiment(
    id="appA", title="Alignment of the gradient with the leading eigenvector", section="App. A",
    paper="Earlier work showed that in stable training the gradient aligns with the leading eigenvector. The paper adds that during an instability the "
          "alignment reverses. It gives no figure, so the trend of |cos(g, u₁)| within each phase is judged.",
    caption="Left: |cos(g, u₁)| in the run of the first seed, blue between instabilities and red inside them (shaded). Right: the rank "
            "correlations with the step in all phases of all seeds; the line in a box is the median.",
    sizes=SIZES, work=work, collect=collect, claims=(stable, unstable, late), judge=judge, draw=draw,
    discussion={
        stable: "The mean ρ is 0.11, and its interval just includes 0. It depends on the length of the phase: 0.44 in those of more than 20 steps, and "
                "below 0 in those of at most 12, which are still settling after an instability. The result that the paper cites is about long stable "
                "training; with a gap of some 15 steps between two instabilities there is little of it.",
        unstable: "The alignment first grows with the sharpness, from 0.78 in the first fifth of an instability to 0.87 in the middle one, and then falls "
                  "to 0.74: from the entry to the largest λ₁ the mean ρ is 0.36, after it −0.22. Only the second part agrees with the paper. For the "
                  "claim to hold over the whole instability the gradient would have to leave u₁ as soon as λ₁ exceeds 2/η; but that is where the jumps "
                  "along u₁ grow."})
