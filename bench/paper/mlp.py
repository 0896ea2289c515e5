# SPDX-License-Identifier: MIT
"""What the experiments on the MLP share: the settings of its runs, so that each run is trained once for all of them, and its instabilities."""

import pandas as pd

LEARNING_RATE = 0.1  # the paper's, with the threshold 2/η = 20
SEEDS = list(range(15))
SMOKE = {"data": {"train": 256, "test": 256}, "seeds": [0, 1], "steps": 110, "after": 15}
SMALL = {"seeds": SEEDS, "steps": 400, "after": 50}
SIZES = {"smoke": SMOKE, "small": SMALL, "paper": SMALL}

# Higher-order curvature at every step, with the rotation and the third derivative beside it. The envelope of κ is not used, so it gets one direction.
OBSERVED = {"kappa": {"every": 1, "directions": 1}, "rotation": {"every": 1, "lags": [1]}, "delta": {"every": 1}}


def config(lab, seed, measure=None):
    """A run of gradient descent with the default measurements, and those of `measure`."""
    training = {"learning_rate": LEARNING_RATE, "steps": lab.size["steps"], "seed": seed}
    return {"data": lab.data("fmnist4", **lab.size.get("data", {})), "training": training} | ({"measure": measure} if measure else {})


def parents(lab):
    """A plain run of each seed."""
    return lab.train_all({f"seed {seed}": config(lab, seed) for seed in lab.size["seeds"]})


def observed(lab):
    """A run of each seed with higher-order curvature at every step."""
    return lab.train_all({f"seed {seed}": config(lab, seed, OBSERVED) for seed in lab.size["seeds"]})


def closed(run, after=0):
    """The long instabilities that have ended, from step `after` on: before it the network has hardly begun to learn."""
    return [one for one in run.long_instabilities() if not one.open and one.entry >= after]


def first_instabilities(lab):
    """→ (seed, run, its first long instability after the early phase) of each seed that has one."""
    found = [(seed, lab.run(f"seed {seed}"), closed(lab.run(f"seed {seed}"), lab.size["after"])) for seed in lab.size["seeds"]]
    return [(seed, run, instabilities[0]) for seed, run, instabilities in found if instabilities]


def rows(run, columns, first=0, last=None, **labels):
    """Rows `first` to `last` of a run's metrics, with labels before them."""
    table = run.metrics[run.metrics["step"].between(first, run.metrics["step"].max() if last is None else last)][["step", *columns]]
    return pd.concat([pd.DataFrame(labels, index=table.index), table], axis=1)


def marked(table, run):
    """The table with a column `instability`: the number of the long instability that a step is in, and 0 outside."""
    table = table.assign(instability=0)
    for one in run.long_instabilities():
        table.loc[table["step"].between(one.entry, one.resolution - 1), "instability"] = one.number
    return table


def events(run, seed):
    """The long instabilities as a table."""
    return pd.DataFrame([{"seed": seed, "number": one.number, "entry": one.entry, "resolution": one.resolution, "peak": one.peak, "open": int(one.open)}
                         for one in run.long_instabilities()], columns=["seed", "number", "entry", "resolution", "peak", "open"])
