# SPDX-License-Identifier: MIT
"""Figure 5: the learning rate is changed just before an instability resolves. Figure 16: the parameters on these paths, by t-SNE."""

import numpy as np
import pandas as pd

from brink import style
from brink.claims import Claim, above
from brink.experiment import Experiment
from brink.statistics import correlations, mean_interval
from mlp import LEARNING_RATE, SIZES, first_instabilities, parents, rows

FACTORS = [0.25, 0.5, 1, 1.5, 2]
BEFORE, WITHIN, SHOWN = 3, 6, 20  # the change is made so many steps before the resolution; judged within; drawn for
COLOURS = dict(zip(FACTORS, [style.SKY, style.BLUE, style.BLACK, style.ORANGE, style.RED]))
COLUMNS = ["loss", "lambda_1", "index_overlap_1_ref", "similarity_ref"]

loss = Claim(f"A larger learning rate gives a larger peak of the loss within {WITHIN} steps (Spearman's ρ of factor and peak, for each instability).",
             "Larger learning rates lead to stronger instabilities, with spikes in loss and sharpness; smaller ones suppress them.", above(0, least_n=5))
turn = Claim(f"A larger learning rate turns the leading eigenvector further (ρ of factor and mean 1 − |⟨u₁, u₁′⟩| at the even steps within {WITHIN}).",
             "Higher values produce greater eigenvector rotations: monotonicity.", above(0, least_n=5))
space = Claim("The same for the subspace of the five leading eigenvectors.", "The learning rate controls the extent of rotational exploration.",
              above(0, least_n=5))


def chosen(lab):
    """One instability of each of the first seeds: the first long one after the early phase."""
    return first_instabilities(lab)[:lab.size["instabilities"]]


def work(lab):
    parents(lab)
    forks = []
    for number, (seed, run, one) in enumerate(chosen(lab)):
        at = one.resolution - BEFORE
        measure = {"top": 5, "rotation": {"every": 1, "lags": [2], "reference_step": at}} | ({"parameters": {"every": 1}} if number == 0 else {})
        forks += [{"name": f"seed {seed} × {factor:g}", "parent": run, "at": at,
                   "set": {"training": {"learning_rate": LEARNING_RATE * factor, "steps": at + SHOWN}, "measure": measure}} for factor in FACTORS]
        if number == 0:
            forks.append({"name": "way there", "parent": run, "at": max(one.entry - SHOWN, 0),
                          "set": {"training": {"steps": at}, "measure": {"parameters": {"every": 1}}}})
    lab.fork_all(forks)


def collect(lab):
    ways, forks, parts = [], [], []
    for number, (seed, run, one) in enumerate(chosen(lab)):
        at = one.resolution - BEFORE
        ways.append(rows(run, ["loss", "lambda_1"], one.entry - SHOWN, at, seed=seed, entry=one.entry, at=at))
        for factor in FACTORS:
            fork = lab.run(f"seed {seed} × {factor:g}")
            forks.append(rows(fork, COLUMNS, seed=seed, factor=factor, at=at))
            if number == 0:
                parts += [(factor, step, fork.parameters(step)) for step in fork.steps_with("parameters")]
    there = lab.run("way there")
    parts = [(0.0, step, there.parameters(step)) for step in there.steps_with("parameters")] + parts
    return {"way": pd.concat(ways), "forks": pd.concat(forks), "tsne": embedded(parts)}


def embedded(parts):
    """The points in the plane: exact t-SNE of the distances, beginning from the two principal axes."""
    from sklearn.manifold import TSNE
    theta = np.stack([theta for _, _, theta in parts])
    theta = np.where(np.isfinite(theta), theta, 0)
    gram = (theta - theta.mean(axis=0)) @ (theta - theta.mean(axis=0)).T
    square = np.diag(gram)
    distances = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * gram, 0))
    np.fill_diagonal(distances, 0)
    values, vectors = np.linalg.eigh(gram)
    start = vectors[:, -1:-3:-1] * np.sign(vectors[0, -1:-3:-1])
    places = TSNE(method="exact", metric="precomputed", init=1e-4 * start / start[:, 0].std(), perplexity=min(15.0, len(parts) / 4), random_state=0,
                  n_jobs=1).fit_transform((distances + distances.T) / 2)
    return pd.DataFrame({"factor": [factor for factor, _, _ in parts], "step": [step for _, step, _ in parts], "x": places[:, 0], "y": places[:, 1]})


def outcomes(tables):
    """For each fork the peak of the loss and the mean misalignments within the judged steps."""
    forks = tables["forks"]
    after = forks[(forks["step"] > forks["at"]) & (forks["step"] <= forks["at"] + WITHIN)]
    even = after[(after["step"] - after["at"]) % 2 == 0]
    peak = after.assign(loss=after["loss"].where(np.isfinite(after["loss"]), np.finfo(float).max)).groupby(["seed", "factor"])["loss"].max()
    turned = (1 - even.set_index(["seed", "factor"])[["index_overlap_1_ref", "similarity_ref"]]).groupby(level=[0, 1]).mean()
    return pd.concat([peak, turned], axis=1).reset_index()


def judge(tables):
    found = outcomes(tables)
    # One instability of each seed that has one, so the seeds behind the numbers are those of the table and not all of the size.
    return {claim: mean_interval(correlations(found["factor"], found[name], found["seed"]), groups=np.unique(found["seed"]), among=(-1, 1))
            for claim, name in ((loss, "loss"), (turn, "index_overlap_1_ref"), (space, "similarity_ref"))}


def draw(tables):
    return {"figure": paths(tables), "fig16": plane(tables)}


def paths(tables):
    seed = tables["forks"]["seed"].iloc[0]
    way, forks = tables["way"].query("seed == @seed"), tables["forks"].query("seed == @seed")
    figure, axes = style.panels(2, 3, height=2.3)
    top = [("loss", "training loss L", "log"), ("lambda_1", "sharpness λ₁", "linear"), ("index_overlap_1_ref", "|⟨u₁, u₁′⟩|", "linear")]
    for panel, (name, title, scale) in zip(axes[0], top):
        if name in way:
            panel.plot(way["step"], way[name], color=style.GREY, label="before")
        for factor, fork in forks.groupby("factor"):
            fork = fork if name in way else fork[(fork["step"] - fork["at"]) % 2 == 0]
            panel.plot(fork["step"], fork[name], color=COLOURS[factor], label=f"η × {factor:g}")
        if scale == "log":
            style.log_numbers(panel)
        panel.set_title(title)
        panel.set_xlabel("step")
        panel.axvline(forks["at"].iloc[0], color=style.GREY, linewidth=0.7)
    style.threshold_line(axes[0, 1], 2 / LEARNING_RATE)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    found = outcomes(tables)
    found["loss"] = found["loss"] / found["seed"].map(tables["forks"].query("step == at").groupby("seed")["loss"].first())
    bottom = [("loss", "peak of L, relative", "log"), ("index_overlap_1_ref", "mean 1 − |⟨u₁, u₁′⟩|", "linear"),
              ("similarity_ref", "misalignment, 5 vectors", "linear")]
    for panel, (name, title, scale) in zip(axes[1], bottom):
        for _, one in found[found["loss"] < 1e6].groupby("seed"):
            panel.plot(one["factor"], one[name], color=style.GREY, linewidth=0.7, marker="o", markersize=2)
        panel.plot(*zip(*found[found["loss"] < 1e6].groupby("factor")[name].median().items()), color=style.BLUE, marker="s", label="median")
        panel.set_yscale(scale)
        panel.set_title(title)
        panel.set_xlabel("factor of η")
        panel.set_xticks(FACTORS, [f"{factor:g}" for factor in FACTORS])
    axes[1, 0].legend(loc="upper left")
    return figure


def plane(tables):
    figure, axes = style.panels(1, 1, height=4.2, width=5)
    places, panel = tables["tsne"], axes[0, 0]
    before = places.query("factor == 0")
    panel.plot(before["x"], before["y"], color=style.GREY, linewidth=0.6, marker="o", markersize=3, label="before")
    for factor in FACTORS:
        one = pd.concat([before.tail(1), places.query("factor == @factor")])
        panel.plot(one["x"], one["y"], color=COLOURS[factor], linewidth=0.6, marker="o", markersize=3, label=f"η × {factor:g}")
    panel.plot(before["x"].tail(1), before["y"].tail(1), marker="*", markersize=13, color=style.BLACK, linestyle="none", label="change of η")
    panel.legend(fontsize=7)
    panel.set_title("t-SNE of the parameters")
    panel.set_xticks([])
    panel.set_yticks([])
    return figure


experiment = Experiment(
    id="fig5", also=("fig16",), title="The learning rate controls instabilities and rotations", section="§4.2, App. E.9",
    paper="The learning rate is scaled a few steps before an instability would resolve. Larger learning rates lead to stronger instabilities, with spikes "
          "in loss and sharpness, and to larger rotations of the leading eigenvectors; smaller ones suppress the oscillations and restore progressive "
          "sharpening. Figure 16 shows the paths in parameter space by t-SNE; it is a picture without a claim.",
    caption="Above: the instability of the first seed, which goes on with five learning rates from the grey line on; the dashed line is 2/η of "
            "the unchanged run, and u₁′ is compared with u₁ at the change. Below: the same for all ten instabilities (grey) and their median, "
            "within six steps: the largest loss over that at the change, and how far u₁ and the five leading eigenvectors have turned.",
    captions={"fig16": "The parameters at each step of the runs of the first instability. t-SNE keeps small distances; large ones mean little."},
    sizes={name: size | {"instabilities": 10} for name, size in SIZES.items()},
    work=work, collect=collect, claims=(loss, turn, space), judge=judge, draw=draw,
    notes=("u₁ is compared with u₁ at the change, so a return to earlier directions counts as a turn, too. In the published run of size small u₁ turns least "
           "at factor 1: less than at ½ in nine of ten instabilities. The rank correlations come from the factors above 1.",
           "Ten instabilities of ten seeds, so that they are independent: in each the first long one after step 50.",
           "Similarities are taken at even distances from the change, because the cycle at the edge of stability has period 2 (Figure 14)."),
    gallery="One instability, continued with five learning rates from three steps before its end: loss, λ₁, and how far u₁ has turned.")
