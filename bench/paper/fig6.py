# SPDX-License-Identifier: MIT
"""Figure 6: test accuracy, generalisation gap, final sharpness and time spent unstable over a sweep of learning rates, up to divergence."""

import math

import pandas as pd
from convolutional import PAPER, REDUCED, SMALL, TINY, config, final, measure_final, points_and_mean, slope

from brink import style
from brink.claims import Claim, above, below, within
from brink.experiment import Experiment
from brink.lab import Lab
from brink.settings import merged
from brink.statistics import geometric_mean_interval, mean_interval

PANELS = {"mlp": "MLP, fmnist4", "vgg": "VGG10, cifar10-5k", "alexnet": "AlexNet, cifar10-5k"}
JUDGED = ("mlp", "vgg")
FLAT = 0.01  # accuracy per doubling of η

flat, higher, falls, flatter = {}, {}, {}, {}
for panel in JUDGED:
    name = PANELS[panel]
    flat[panel] = Claim(f"{name}: below the threshold the test accuracy changes by at most {FLAT:g} for each doubling of η.",
                        "Validation accuracy remains flat below the stability limit.", within(-FLAT, FLAT))
    higher[panel] = Claim(f"{name}: runs that were unstable have a higher test accuracy than those that were not.",
                          "It rises sharply once η enters the unstable regime.", above(0))
    falls[panel] = Claim(f"{name}: at the largest η without divergence the test accuracy is lower than at the two η before it.",
                         "Excessively large η eventually degrades performance.", below(0))
    flatter[panel] = Claim(f"{name}: of the complete runs, those that were unstable end with a lower λ₁ than the others (ratio).",
                           "The resulting minima are markedly flatter.", below(1))


def rates(settings):
    return [settings["from"] * settings["factor"] ** i for i in range(settings["count"])]


def configs(lab: Lab):
    """→ {(panel, seed, η): configuration}"""
    out = {}
    for panel, settings in lab.size["panels"].items():
        for seed in range(settings["seeds"]):
            for rate in rates(settings):
                rate = float(f"{rate:.6g}")
                # Epoch compensation [P, App. K.3]: a small η takes proportionally more steps.
                steps = round(settings["steps"] * max(1.0, settings["compensate"] / rate))
                one = config(lab, seed, rate, steps, every=settings["every"], measure={"row_every": settings.get("row_every", 1)})
                if panel == "alexnet":
                    one = merged({**one, "model": {"name": "alexnet"}}, settings.get("model", {}))
                if panel == "mlp":
                    one = merged({**one, "data": lab.data("fmnist4"), "model": {"name": "mlp"}}, {"training": {"warmup": 0}})
                out[panel, seed, rate] = one
    return out


def work(lab):
    listed = {f"{panel} η {rate:g} seed {seed}": one for (panel, seed, rate), one in configs(lab).items()}
    lab.train_all(listed)
    measure_final(lab, listed)


def collect(lab):
    rows = []
    for panel, seed, rate in configs(lab):
        run = lab.run(f"{panel} η {rate:g} seed {seed}")
        surplus = run.metrics["surplus"].dropna()
        rows.append({"panel": panel, "seed": seed, "learning_rate": rate, **final(run), "unstable_share": (surplus > 0).mean(),
                     "ever_unstable": int((surplus > 0).any() or run.diverged)})
    return {"ends": pd.DataFrame(rows)}


def of_seed(rows):
    """→ (slope below the threshold, accuracy above − below, fall at the end, ratio of final λ₁) of one panel and seed"""
    threshold = rows.loc[rows["ever_unstable"] == 1, "learning_rate"].min()
    ended = rows[rows["status"] != "diverged"].sort_values("learning_rate")
    low = ended[~(ended["learning_rate"] >= threshold)]
    high = ended[ended["learning_rate"] >= threshold]
    line = slope([math.log2(rate) for rate in low["learning_rate"]], low["test_accuracy"])
    last = ended["test_accuracy"].iloc[-3:].tolist()
    fall = last[2] - (last[0] + last[1]) / 2 if len(last) == 3 and (rows["status"] == "diverged").any() else math.nan
    # A network that no longer learns is flat, too: only complete runs are compared.
    ratio = high.loc[high["completed"] == 1, "lambda_1"].median() / low.loc[low["completed"] == 1, "lambda_1"].median()
    return line, high["test_accuracy"].mean() - low["test_accuracy"].mean(), fall, ratio


def judge(tables):
    out = {}
    for panel in JUDGED:
        seeds = tables["ends"].query("panel == @panel").groupby("seed")
        found = [of_seed(rows) for _, rows in seeds]
        lines, gains, drops, ratios = zip(*found) if found else ([], [], [], [])
        labels = [seed for seed, _ in seeds]
        out[flat[panel]] = mean_interval(lines, groups=labels)
        out[higher[panel]] = mean_interval(gains, groups=labels, against=0.0)
        out[falls[panel]] = mean_interval(drops, groups=labels, against=0.0)
        out[flatter[panel]] = geometric_mean_interval(ratios, groups=labels)
    return out


def draw(tables):
    runs = tables["ends"]
    shown = [panel for panel in PANELS if (runs["panel"] == panel).any()]
    titles = {"test_accuracy": "test accuracy", "gap": "generalisation gap", "lambda_1": "final λ₁", "unstable_share": "share of rows with s > 0"}
    figure, axes = style.panels(len(titles), len(shown), height=1.6, sharex="col")
    for column, panel in enumerate(shown):
        rows = runs.query("panel == @panel")
        thresholds = rows[rows["ever_unstable"] == 1].groupby("seed")["learning_rate"].min()
        diverged = rows[rows["status"] == "diverged"]["learning_rate"]
        for row, (name, title) in enumerate(titles.items()):
            at = axes[row, column]
            points_and_mean(at, rows, "learning_rate", name, style.BLUE)
            at.set_xscale("log")
            if name == "lambda_1":
                style.log_scale(at)
                grid = sorted(rows["learning_rate"].unique())
                at.plot(grid, [2 / rate for rate in grid], color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1, label="2/η")
                at.legend(loc="upper right")
            if len(thresholds):
                at.axvline(thresholds.median(), color=style.RED, linewidth=1, label="first instability" if row == 0 else None)
            if len(diverged):
                at.axvspan(diverged.min(), rows["learning_rate"].max() * 1.1, color=style.GREY, alpha=0.2, linewidth=0,
                           label="some runs diverge" if row == 0 else None)
            if row == 0:
                at.set_title(PANELS[panel])
                at.legend(loc="best")
            if column == 0:
                at.set_ylabel(title)
        axes[-1, column].set_xlabel("learning rate η")
    return figure


ROOT2 = 2**0.5
experiment = Experiment(
    id="fig6", title="Large learning rates generalise better once they are unstable", section="§6.3",
    paper="Learning rates are swept up to divergence. Test accuracy is flat while training is stable, rises once η is large enough for instabilities, "
          "and falls again close to divergence.",
    notes=["The threshold of a seed is the smallest η whose run ever has λ₁ above 2/η at a measured step.",
           "Runs end at a training accuracy of 0.999, or after a number of steps that is proportional to 1/η for small η."],
    caption="Points are runs, lines are their means. Red line: the smallest learning rate with an instability, median of the seeds. Grey: "
            "learning rates at which some runs diverge. s is the surplus ηλ₁ − 2.",
    sizes={
        "smoke": {**TINY, "panels": {"mlp": {"from": 0.02, "factor": 8.0, "count": 4, "seeds": 2, "steps": 40, "every": 4, "compensate": 0.02},
                                     "vgg": {"from": 0.02, "factor": 8.0, "count": 4, "seeds": 2, "steps": 24, "every": 8, "compensate": 0.02}}},
        "small": {**SMALL, "panels": {"mlp": {"from": 0.0125, "factor": 2.0, "count": 8, "seeds": 5, "steps": 400, "every": 4, "compensate": 0.1},
                                      "vgg": {"from": 0.0125, "factor": 2.0, "count": 9, "seeds": 3, "steps": 400, "every": 25, "row_every": 5,
                                              "compensate": 0.05}},
                  "reduced": [*REDUCED, "Three seeds of VGG10 and five of the MLP.",
                              "λ₁ every 25 steps of VGG10 and every 4 of the MLP; accuracies every 5 steps of VGG10.",
                              "400 steps of VGG10 in place of 1,000, and learning rates from 0.0125 in factors of 2 in place of 0.0025 and √2; those of the "
                              "MLP begin at 0.0125 in place of 0.00625.", "AlexNet is left out."]},
        "paper": {**PAPER, "panels": {"mlp": {"from": 0.00625, "factor": 2.0, "count": 9, "seeds": 15, "steps": 400, "every": 1, "compensate": 0.1},
                                      "vgg": {"from": 0.0025, "factor": ROOT2, "count": 24, "seeds": 5, "steps": 1000, "every": 5, "compensate": 0.05},
                                      "alexnet": {"from": 0.0025, "factor": ROOT2, "count": 20, "seeds": 3, "steps": 1000, "every": 10,
                                                  "compensate": 0.05}}}},
    work=work, collect=collect, claims=tuple(claim for group in (flat, higher, falls, flatter) for claim in group.values()), judge=judge, draw=draw)
