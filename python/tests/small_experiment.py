# SPDX-License-Identifier: MIT
"""An experiment of a second on a product of two parameters, for the tests of everything that runs experiments."""

import pandas as pd

from brink import style
from brink.claims import Claim, above, at_most
from brink.experiment import Experiment
from brink.statistics import mean_interval

falls = Claim("The loss falls.", "Gradient descent minimises.", above(0))
small = Claim("The last loss is small.", "", at_most(1e-3))
unmeasured = Claim("Nothing is measured.", "", above(0))


def work(lab):
    runs = lab.train_all({f"rate {rate}": {"model": {"name": "dln"}, "training": {"loss": "mse", "learning_rate": rate, "steps": lab.size["steps"]}}
                          for rate in lab.size["rates"]})
    parent = runs[f"rate {lab.size['rates'][0]}"]
    lowest = int(parent.metrics["loss"].idxmin())
    lab.fork_all([{"name": f"fork {factor}", "parent": parent, "at": min(lowest, 5), "set": {"training.learning_rate": factor * parent.learning_rate(0)}}
                  for factor in (0.5, 1.0)])


def collect(lab):
    return {"losses": pd.concat([run.metrics[["step", "loss"]].assign(run=name) for name, run in lab.made.items()])}


def judge(tables):
    ends = tables["losses"].groupby("run")["loss"]
    return {falls: mean_interval(ends.first() - ends.last()), small.text: mean_interval(ends.last()), unmeasured: None}


def draw(tables):
    figure, axes = style.panels()
    for name, rows in tables["losses"].groupby("run"):
        axes[0, 0].plot(rows["step"], rows["loss"], label=name)
    style.log_scale(axes[0, 0])
    other, _ = style.small_multiples(2)
    return {"main": figure, "other": other}


experiment = Experiment(
    id="tiny", also=("twin",), title="Two parameters", section="§0", paper="Loss <falls> & stays.", claims=(falls, small, unmeasured),
    sizes={"smoke": {"rates": [0.05, 0.1], "steps": 20, "seeds": 2, "reduced": ["Two runs."], "follow_up": {"forks": 2, "steps": 15}},
           "paper": {"rates": [0.05], "steps": 20}},
    work=work, collect=collect, judge=judge, draw=draw)
