# SPDX-License-Identifier: MIT
"""Figure 17 and table 2: the larger the sharpness, the more the higher-order curvature κ changes from step to step."""

import numpy as np
import pandas as pd

from brink import style
from brink.claims import Claim, Measured, above, at_most
from brink.experiment import Experiment
from brink.statistics import correlations, mean_interval, partial_correlation, pearson, permutation_p, spearman
from mlp import LEARNING_RATE, SIZES, observed

# Table 2 of the paper: Pearson's r and Spearman's ρ of its 15 seeds, and of all together.
PAPER_PEARSON = [0.4902, 0.8368, 0.5957, 0.6984, 0.5028, 0.2995, 0.6317, 0.6743, 0.7917, 0.6291, 0.5716, 0.5117, 0.4572, 0.8128, 0.7632]
PAPER_SPEARMAN = [0.5193, 0.6840, 0.5348, 0.6218, 0.7317, 0.3157, 0.6429, 0.6099, 0.7987, 0.6270, 0.5314, 0.6999, 0.4720, 0.5856, 0.6700]
PAPER_ALL = {"pearson": 0.5905, "spearman": 0.5485}

SAID = "|log κ(t+1) − log κ(t)| and λ₁(t) are strongly correlated during instabilities: "
seeds = Claim("In the runs, |log κ(t+1) − log κ(t)| grows with λ₁ (mean over seeds of Pearson's r, steps with λ₁ > 2/η).",
              SAID + "in every one of 15 seeds (0.30 to 0.84).", above(0, least_n=3))
linear = Claim("The same for all steps of all seeds together, Pearson's r.", SAID + "Pearson's r is 0.5905.", above(0))
ranks = Claim("The same for all steps of all seeds together, Spearman's ρ.", SAID + "Spearman's ρ is 0.5485.", above(0))
chance = Claim("Whole instabilities that change places give such a ρ in at most one of twenty cases (p).",
               SAID + "p of the pooled ρ, from independent steps, is 5e-45.", at_most(0.05))
partial = Claim("The rank correlation remains where the length of the step, η‖g‖, is held fixed.",
                "Not considered: both may follow the distance from the minimum.", above(0))
monotone = Claim("λ₁ grows with κ during instabilities (mean over seeds of Spearman's ρ, steps with λ₁ > 2/η).",
                 "Condition C4: a larger κ raises the expected sharpness.", above(0, least_n=3))


def work(lab):
    observed(lab)


def collect(lab):
    out = []
    for seed in lab.size["seeds"]:
        run = lab.run(f"seed {seed}")
        table = run.metrics[["step", "lambda_1", "surplus", "gradient_norm", "kappa_gradient"]].assign(seed=seed, instability=0)
        for one in run.instabilities():
            table.loc[table["step"].between(one.entry, one.resolution - 1), "instability"] = one.number
        table["log_kappa"] = np.log(table["kappa_gradient"].abs().where(lambda kappa: kappa > 0))
        table["change"] = (table["log_kappa"].shift(-1) - table["log_kappa"]).abs()
        out.append(table[table["surplus"] > 0][["seed", "instability", "step", "lambda_1", "gradient_norm", "log_kappa", "change"]])
    steps = pd.concat(out)
    return {"steps": steps, "table2": table2(steps)}


def table2(steps):
    """The rows of the paper's table, each beside the one with its number there; the seeds are others."""
    lines = []
    for number, (seed, one) in enumerate([*steps.groupby("seed"), ("all", steps)]):
        last = seed == "all"
        r, rho = (of(one["lambda_1"], one["change"], groups=one["seed"] if last else None) for of in (pearson, spearman))
        lines.append({"seed": seed, "n": r.n, "pearson": r.effect, "pearson_low": r.low, "pearson_high": r.high, "pearson_p": r.p,
                      "spearman": rho.effect, "spearman_low": rho.low, "spearman_high": rho.high, "spearman_p": rho.p,
                      "paper_pearson": PAPER_ALL["pearson"] if last else PAPER_PEARSON[number % len(PAPER_PEARSON)],
                      "paper_spearman": PAPER_ALL["spearman"] if last else PAPER_SPEARMAN[number % len(PAPER_SPEARMAN)]})
    return pd.DataFrame(lines)


def judge(tables):
    steps = tables["steps"].dropna()
    x, y, seed = steps["lambda_1"], steps["change"], steps["seed"]
    instability = steps["seed"].astype(str) + "/" + steps["instability"].astype(str)
    p = permutation_p(lambda a, b: float(np.corrcoef(a, b)[0, 1]), x.rank(), y.rank(), instability)
    return {seeds: mean_interval(correlations(x, y, seed, "pearson")), linear: pearson(x, y, groups=seed), ranks: spearman(x, y, groups=seed),
            chance: Measured(p, n=len(steps), seeds=seed.nunique()),
            partial: partial_correlation(x, y, LEARNING_RATE * steps["gradient_norm"], "spearman", groups=seed),
            monotone: mean_interval(correlations(steps["log_kappa"], x, seed))}


def beside(tables):
    """Table 2 in words: the paper's correlations, and ours with their intervals."""
    lines = []
    for one in tables["table2"].to_dict("records"):
        ours = [f"{one[name]:.3f} [{one[f'{name}_low']:.3f}, {one[f'{name}_high']:.3f}]".replace("-", "−") for name in ("pearson", "spearman")]
        lines.append([one["seed"], one["n"], f"{one['paper_pearson']:.4f}", ours[0], f"{one['paper_spearman']:.4f}", ours[1]])
    return pd.DataFrame(lines, columns=["seed", "steps", "Pearson's r, paper", "r, here", "Spearman's ρ, paper", "ρ, here"])


def draw(tables):
    return {"figure": scatter(tables), "table2": table(tables)}


def scatter(tables):
    figure, axes = style.panels(1, 2, height=2.8)
    steps = tables["steps"].dropna()
    for panel, name, title in zip(axes[0], ("change", "log_kappa"), ("|log κ(t+1) − log κ(t)|", "log κ(t)")):
        panel.scatter(steps["lambda_1"], steps[name], s=5, alpha=0.5, color=style.BLUE, linewidths=0)
        panel.axvline(2 / LEARNING_RATE, color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1)
        panel.set_xlabel("sharpness λ₁(t)")
        panel.set_title(title)
        panel.set_xscale("log")
        panel.set_xticks([20, 30, 50, 100], ["20", "30", "50", "100"])
        panel.minorticks_off()
    whole = tables["table2"].iloc[-1]
    axes[0, 0].text(0.97, 0.97, f"r = {whole['pearson']:.3f}, ρ = {whole['spearman']:.3f}\npaper: {PAPER_ALL['pearson']:.3f}, {PAPER_ALL['spearman']:.3f}",
                    transform=axes[0, 0].transAxes, va="top", ha="right", fontsize=8)
    return figure


def table(tables):
    figure, axes = style.panels(1, 2, height=3.4, sharey=True, sharex=True)
    lines = tables["table2"]
    places = -np.arange(len(lines))
    for panel, name, title in zip(axes[0], ("pearson", "spearman"), ("Pearson's r", "Spearman's ρ")):
        panel.errorbar(lines[name], places, xerr=[lines[name] - lines[f"{name}_low"], lines[f"{name}_high"] - lines[name]], fmt="o", color=style.BLUE,
                       capsize=2, linewidth=1, label="brink, 95 % interval")
        panel.plot(lines[f"paper_{name}"], places, "x", color=style.RED, label="paper")
        panel.axvline(0, color=style.BLACK, linewidth=0.7)
        panel.set_title(title)
    axes[0, 0].set_yticks(places, [f"seed {seed}" if seed != "all" else "all" for seed in lines["seed"]])
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


experiment = Experiment(
    id="fig17", also=("table2",), title="Higher-order curvature changes more where the sharpness is larger", section="App. F.2",
    paper="With κ the fourth derivative of the loss along the gradient, the size of the step of log κ is correlated with the sharpness during "
          "instabilities: over 15 seeds together r = 0.5905 and ρ = 0.5485, which supports condition C3. Condition C4 says that λ₁ grows with κ.",
    caption="Each point is a step of one of the seeds with λ₁ above 2/η, the dashed line.",
    captions={"table2": "The correlations of each seed and of all together, and those of the paper, whose seeds are others."},
    sizes=SIZES, work=work, collect=collect, claims=(seeds, linear, ranks, chance, partial, monotone), judge=judge, draw=draw,
    notes=("κ is the exact fourth derivative along g/‖g‖, by Taylor mode in float64. The network has ReLUs, so it is the derivative of the piece that θ is in.",
           "A row of table 2 stands beside the row of the paper with the same number; the seeds are not the same.",
           "The correlations have the sign of the paper's and a fifth of their size or less; only the sign is judged. The p-values of table 2 follow from "
           "its r for 15 to 65 steps a seed, 556 together. Here 64 to 173 steps of a seed have λ₁ > 2/η. So the paper's runs, or its choice of steps, "
           "differ from ours in a way that its text does not state; and its formula of the change of κ is lost."),
    beside=beside,
    discussion={partial: "The rank correlation of λ₁ and the change of log κ is 0.08, and that of λ₁ and ‖g‖ is 0.76: both follow the distance from the "
                         "minimum, and nothing is left once η‖g‖ is held fixed (−0.003, with an interval that includes 0). The change of κ itself instead "
                         "of its logarithm is correlated more (r = 0.31, ρ = 0.34 for |κ(t+1) − κ(t)| in long instabilities), because κ is larger where "
                         "λ₁ is. For condition C3 to hold in the sense of the paper's model, λ₁ would have to say something about the step of log κ that "
                         "the length of the update does not."},
    gallery="How much the logarithm of higher-order curvature κ changes in a step, and κ itself, against the sharpness. "
            "The correlations have the paper's sign and a fifth of its size or less.")
