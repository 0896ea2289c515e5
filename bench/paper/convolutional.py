# SPDX-License-Identifier: MIT
"""What the experiments on convolutional networks share (figures 6 to 10, table 1): configurations, the last row of runs, slopes, and points with means."""

import math

import numpy as np

from brink.settings import merged
from brink.statistics import correlations, mean_interval

# Small networks and few pictures, with which a size can be tried in seconds.
TINY = {"model": {"name": "vgg", "channels": [4, 4, 4]}, "train": 160, "test": 100}
# The floor of the size `small`: on one core of 2026 a step takes 0.2 s, its row with test accuracy 0.06 s, and λ₁ from a cold start 10 s.
SMALL = {"model": {"name": "vgg", "channels": [8, 16, 32]}, "train": 1000, "test": 1000}
PAPER = {"model": {"name": "vgg", "channels": [8, 16, 32]}, "train": 5000, "test": 2000}
REDUCED = ["1,000 training pictures of cifar10-5k in place of 5,000, and 1,000 test pictures in place of 2,000."]


def config(lab, seed, learning_rate, steps, *, every=None, complete=0.999, **more):
    """A run of the size's network on its pictures, with a linear warm-up of two epochs [P, App. K.3] unless `more` says otherwise.

    λ₁ is measured every `every` steps, or not at all.
    `complete` is the training accuracy at two successive rows that ends a run; None lets it take all steps. A loss above 10⁴ ends it as diverged.
    """
    size = lab.size
    training = {"learning_rate": learning_rate, "steps": steps, "seed": seed, "warmup": 2, "divergence_loss": 1e4}
    if complete is not None:
        training["complete_accuracy"] = complete
    return merged({"data": lab.data(size.get("data", "cifar10-5k"), train=size["train"], test=size["test"]), "model": size["model"],
                   "training": training, "measure": {"bottom": 0, **({"every": every} if every else {"top": 0})}}, more)


def measure_final(lab, names):
    """λ₁ of the last row of each run that did not diverge."""
    runs = [run for run in map(lab.run, names) if not run.diverged]
    lab.measure_all([{"run": run, "steps": int(run.metrics["step"].iloc[-1]), "set": {"measure.top": 1, "measure.every": 1}} for run in runs])


def final(run):
    """What a run has ended with; numbers of a diverged run are missing."""
    rows = run.measured()
    last = rows.iloc[-1]
    out = {"status": run.status, "steps": int(last["step"]), "completed": int(run.info.get("completed_at") is not None)}
    names = ("loss", "train_accuracy", "test_accuracy", "lambda_1")
    out.update({name: math.nan if run.diverged else float(last.get(name, math.nan)) for name in names})
    out["gap"] = out["train_accuracy"] - out["test_accuracy"]
    return out


def slope(x, y):
    """Of the least-squares line; NaN for fewer than two different x."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    good = np.isfinite(x) & np.isfinite(y)
    if len(set(x[good])) < 2:
        return math.nan
    return float(np.polyfit(x[good], y[good], 1)[0])


def rank_correlation(x, y, seeds, lines):
    """The mean over seeds of the rank correlation within each line of runs, such as those of one rule and seed."""
    labels = [f"{seed} {line}" for seed, line in zip(seeds, lines)]
    # The order of the labels is that of correlations().
    return mean_interval(correlations(x, y, labels), groups=[label.split()[0] for label in sorted(set(labels))], among=(-1, 1))


def points_and_mean(axes, rows, x, y, colour, label=None, marker="o"):
    """A faint point for each run, and a line through the means over equal x."""
    rows = rows.dropna(subset=[y])
    axes.plot(rows[x], rows[y], linestyle="none", marker=marker, markersize=2.5, color=colour, alpha=0.4)
    means = rows.groupby(x)[y].mean()
    axes.plot(means.index, means.values, marker=marker, color=colour, label=label)
