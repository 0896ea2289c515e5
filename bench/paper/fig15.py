# SPDX-License-Identifier: MIT
"""Figure 15: two updates from loss peaks at many learning rates, and how far they turn the leading eigenvector."""

import numpy as np
import pandas as pd

from brink import style
from brink.claims import Claim, above, below, within
from brink.experiment import Experiment
from brink.statistics import bootstrap, mean_interval, wilson
from mlp import LEARNING_RATE, SIZES, closed, config, parents

SCALES = {"threshold": "factor of 2/λ₁", "current": "factor of the current η"}
NEAR = (0.5, 1.5)  # factors around the threshold
STARTS = {0: "from the peak", 2: "from two steps before"}

SAID = "The pattern over learning rates relative to 2/λ₁ is an inverted U, as the phases of Figure 3 say."
bends = Claim("Over η relative to 2/λ₁, factors 0 to 2, the similarity has a negative quadratic term.", SAID, below(0))
interior = Claim("The vertex of this parabola is in the interior of the range.", SAID, within(0.1, 1.9))
near = Claim(f"The same with factors {NEAR[0]:g} to {NEAR[1]:g} only: the quadratic term is negative.", SAID, below(0))
vertex = Claim("There the vertex is near the threshold.", SAID, within(0.75, 1.25))
falls = Claim("Over η relative to the current one, the mean similarity falls.", "The trend is nearly linear: the smallest learning rate preserves the "
              "orientation most, and the largest leads to the largest deviation.", below(0))
straight = Claim("The fall is linear: R² of a line through the mean similarities.", "The trend is nearly linear.", above(0.9))
exists = Claim("Two updates lead back to where they started along u₁ for some learning rate (share of starts, factors up to 2).",
               "Between small and large learning rates there is an equilibrium with a cycle of period 2 (App. E.5).", above(0.5))
equilibrium = Claim("This equilibrium learning rate is 2/λ₁ (their ratio).", "For a quadratic loss it is the stability threshold 2/λ₁.", within(0.8, 1.25))


def peaks(lab, run):
    """The steps with the largest loss of the first few long instabilities."""
    found = closed(run, lab.size["after"])[:lab.size["peaks"]]
    loss = run.metrics.set_index("step")["loss"]
    return [(one.number, int(loss.loc[one.entry:one.resolution].idxmax())) for one in found]


def work(lab):
    plain = parents(lab)
    starts = {seed: [(number, before, peak - before) for number, peak in peaks(lab, plain[f"seed {seed}"]) for before in STARTS]
              for seed in lab.size["seeds"]}
    # The same runs again, with a checkpoint at each start, so that a fork has nothing to compute before it.
    kept = lab.train_all({f"kept {seed}": config(lab, seed) | {"run": {"keep_checkpoints": sorted({at for _, _, at in starts[seed]})}}
                          for seed in lab.size["seeds"]})
    forks = []
    for seed in lab.size["seeds"]:
        for number, before, at in starts[seed]:
            sharpness = plain[f"seed {seed}"].at(at)["lambda_1"]
            for scale, unit in (("threshold", 2 / sharpness), ("current", LEARNING_RATE)):
                forks += [{"name": f"{seed} {number} {before} {scale} {factor:g}", "parent": kept[f"kept {seed}"], "at": at, "set": {
                    "training": {"learning_rate": float(f"{unit * factor:.9g}"), "steps": at + 2},
                    "measure": {"rotation": {"every": 1, "lags": [2]}, "eigenvectors": {"every": 0, "steps": [at]},
                                "parameters": {"every": 0, "steps": [at, at + 2]}}}} for factor in lab.size["factors"]]
    lab.fork_all(forks)


def collect(lab):
    out = []
    for seed in lab.size["seeds"]:
        for number, peak in peaks(lab, lab.run(f"seed {seed}")):
            for before in STARTS:
                at = peak - before
                for scale in SCALES:
                    out.append({"seed": seed, "instability": number, "start": at, "before": before, "scale": scale, "factor": 0.0, "cosine": 1.0,
                                "displacement": 0.0})
                    for factor in lab.size["factors"]:
                        fork = lab.run(f"{seed} {number} {before} {scale} {factor:g}")
                        cosine, displacement = np.nan, np.nan
                        if not fork.diverged:
                            cosine = fork.at(at + 2)["index_overlap_1_lag2"]
                            moved = fork.parameters(at + 2) - fork.parameters(at)
                            # Positive where the iterate has gone down along u₁.
                            displacement = -np.sign(fork.at(at)["alignment_1"]) * float(moved @ fork.eigenvectors(at)[:, 0])
                        out.append({"seed": seed, "instability": number, "start": at, "before": before, "scale": scale, "factor": factor,
                                    "cosine": cosine, "displacement": displacement})
    table = pd.DataFrame(out)
    cosine = table.groupby(["seed", "instability", "before", "scale"])["cosine"]
    low, high = cosine.transform("min"), cosine.transform("max")
    return {"similarity": table.assign(normalised=(table["cosine"] - low) / (high - low))}


def crossings(tables):
    """For each start the factor of 2/λ₁ at which the displacement along u₁ over two updates changes its sign, by linear interpolation."""
    out = []
    table = tables["similarity"].query("scale == 'threshold' and factor > 0").dropna(subset=["displacement"])
    for (seed, _, _), one in table.sort_values("factor").groupby(["seed", "instability", "before"]):
        x, y = one["factor"].to_numpy(), one["displacement"].to_numpy()
        change = np.flatnonzero((y[:-1] > 0) & (y[1:] <= 0))
        i = change[0] if len(change) else None
        out.append({"seed": seed, "factor": np.nan if i is None else x[i] + (x[i + 1] - x[i]) * y[i] / (y[i] - y[i + 1])})
    return pd.DataFrame(out, columns=["seed", "factor"])


def quadratic(x, y):
    return float(np.polyfit(x, y, 2)[0])


def vertex_of(x, y):
    """The factor of the parabola's maximum; infinite if it has none."""
    a, b, _ = np.polyfit(x, y, 2)
    return float(-b / (2 * a)) if a < 0 else np.inf


def straightness(x, y):
    """R² of a line through the mean of each factor."""
    factors = np.unique(x)
    means = [y[x == factor].mean() for factor in factors]
    return float(np.corrcoef(factors, means)[0, 1] ** 2)


def judge(tables):
    points = tables["similarity"].dropna(subset=["normalised"])
    first, second = points.query("scale == 'threshold'"), points.query("scale == 'current'")
    close = first[first["factor"].between(*NEAR)]
    cross = crossings(tables)

    def over(statistic, table):
        return bootstrap(statistic, table["factor"], table["normalised"], groups=table["seed"])
    return {bends: over(quadratic, first), interior: over(vertex_of, first), near: over(quadratic, close), vertex: over(vertex_of, close),
            falls: over(lambda x, y: float(np.polyfit(x, y, 1)[0]), second), straight: over(straightness, second),
            exists: wilson(cross["factor"].notna().sum(), len(cross)), equilibrium: mean_interval(cross["factor"], groups=cross["seed"])}


def draw(tables):
    points = tables["similarity"].dropna(subset=["normalised"])
    figure, axes = style.panels(1, 3, height=2.7)
    for panel, scale in zip(axes[0], SCALES):
        for before, colour in ((0, style.BLUE), (2, style.ORANGE)):
            chosen = points.query("scale == @scale and before == @before").groupby("factor")["normalised"]
            mean, error = chosen.mean(), chosen.sem()
            style.interval(panel, mean.index, mean, mean - 1.96 * error, mean + 1.96 * error, colour, STARTS[before])
        panel.set_title("similarity of u₁, normalised")
        panel.set_xlabel(SCALES[scale])
    axes[0, 0].axvline(1, color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1)
    axes[0, 0].legend(loc="lower left", fontsize=7)
    moved = points.query("scale == 'threshold'")
    for _, one in moved.groupby(["seed", "instability", "before"]):
        axes[0, 2].plot(one["factor"], one["displacement"] / one["displacement"].abs().max(), color=style.GREY, linewidth=0.5, alpha=0.6)
    axes[0, 2].axhline(0, color=style.BLACK, linewidth=0.7)
    axes[0, 2].axvline(1, color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1)
    axes[0, 2].set_title("way along u₁ in two updates")
    axes[0, 2].set_xlabel(SCALES["threshold"])
    return figure


FACTORS = {"smoke": [0.5, 1, 1.5, 2], "small": [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]}
FACTORS["paper"] = FACTORS["small"]

experiment = Experiment(
    id="fig15", title="How the rotation depends on the learning rate", section="App. E.8, E.5",
    paper="At peaks of instability, two updates are made at scaled learning rates, and the leading eigenvector before and after is compared; similarities "
          "are normalised to [0, 1]. Over learning rates relative to 2/λ₁ they form an inverted U; relative to the current one they fall nearly linearly. "
          "Appendix E.5 derives that some learning rate leads back to the start after two updates, for a quadratic loss 2/λ₁.",
    caption="Left and middle: mean over all starts, with 1.96 standard errors on both sides; the similarities of each start are normalised to [0,"
            " 1]. Right: for each start how far two updates lead along u₁, over the largest distance; at 0 they lead back to the start. The "
            "dashed line is 2/λ₁.",
    sizes={name: size | {"factors": FACTORS[name], "peaks": 1 if name == "smoke" else 2} for name, size in SIZES.items()},
    work=work, collect=collect, claims=(bends, interior, near, vertex, falls, straight, exists, equilibrium), judge=judge, draw=draw,
    notes=("The paper's range of factors is not legible. At factor 0 the similarity is 1 by definition. Along u₁, a quadratic loss gives the largest way "
           "at factor ½ and none at 1, so the range around 1 is judged as well.",
           "Two instabilities of each seed are used, after step 50."),
    discussion={
        interior: "The curve has an inverted U around 2/λ₁, as the picture shows, but it lies between a fall from 1 at factor 0 and a second fall beyond "
                  "factor 1.5. One parabola over factors 0 to 2 describes this badly: its vertex is at 0.2, with an interval that leaves the range. The "
                  "claim would need factors near 0, where nothing moves and the similarity is 1, to be left out, as in the two claims below.",
        near: "Two steps before the peak the inverted U is clear: 0.72 at factor 0.5, 0.93 at 1.25, 0.69 at 1.5. At the peak itself it is wider and lies "
              "further right (0.66, 0.75, 0.78). Pooled, the quadratic term is negative in the mean, and its interval reaches above 0. More than two "
              "instabilities a seed, or one kind of start, would decide it.",
        vertex: "The vertex is at 1.22, and where the pooled curve has no maximum it is infinite. With the starts two steps before the peak it is between 1 and "
                "1.25, and with those at the peak between 1.25 and 1.5. That agrees with the equilibrium learning rate below, which is 1.2 × 2/λ₁.",
        straight: "The fall is not linear: the similarity first falls to 0.70 at half of the current learning rate, returns to 0.94 at the current one, and "
                  "falls to 0.04 at twice it. Below the current rate two updates go furthest along u₁ at half of it; at the current rate they nearly "
                  "return. For a line, the way along u₁ in two updates would have to grow with η, as it does for learning rates above the current one only.",
        equilibrium: "Of 60 starts 55 have an equilibrium, at 1.20 × 2/λ₁ (1.14 to 1.25). The upper end of the interval is just outside the bound of 1.25. "
                     "The paper derives 2/λ₁ for a quadratic loss. At peaks of instability the loss along u₁ is not quadratic (figure 2), so another "
                     "learning rate leads back."})
