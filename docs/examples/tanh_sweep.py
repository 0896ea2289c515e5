# SPDX-License-Identifier: MIT
"""Does a larger learning rate end in a flatter place with tanh, too? Try: tools/reproduce docs/examples/tanh_sweep.py"""

import pandas as pd

from brink import style
from brink.claims import Claim, below
from brink.experiment import Experiment
from brink.statistics import correlations, mean_interval

flatter = Claim("The final sharpness falls with the learning rate.", "Large learning rates lead to flatter minima, shown for ReLU.", below(0),
                number="rank correlation, mean of the seeds")


def work(lab):  # what is run; a call that is repeated finds its runs again
    lab.train_all({f"rate {rate}, seed {seed}": {
        "data": lab.data("fmnist4"), "model": {"name": "mlp", "activation": "tanh"},
        "training": {"learning_rate": rate, "steps": lab.size["steps"], "seed": seed}, "measure": {"bottom": 0, "every": 5}}
        for rate in lab.size["rates"] for seed in lab.size["seeds"]})


def collect(lab):  # the tables, which are written as CSV
    rows = []
    for rate in lab.size["rates"]:
        for seed in lab.size["seeds"]:
            run = lab.run(f"rate {rate}, seed {seed}")
            if not run.diverged:
                last = run.metrics.dropna(subset=["lambda_1"]).iloc[-1]
                rows.append({"rate": rate, "seed": seed, "sharpness": last["lambda_1"], "accuracy": last["test_accuracy"]})
    return {"ends": pd.DataFrame(rows)}


def judge(tables):  # a number with an interval for each claim
    ends = tables["ends"]
    return {flatter: mean_interval(correlations(ends["rate"], ends["sharpness"], groups=ends["seed"]))}


def draw(tables):
    figure, axes = style.panels(1, 2)
    for panel, column in zip(axes[0], ["sharpness", "accuracy"]):
        for seed, rows in tables["ends"].groupby("seed"):
            panel.plot(rows["rate"], rows[column], marker="o", label=f"seed {seed}")
        panel.set_xscale("log")
        style.value_ticks(panel.xaxis, tables["ends"]["rate"])
        panel.set_xlabel("learning rate η")
        panel.set_title(column)
    axes[0, 0].legend()
    return figure


experiment = Experiment(
    id="tanh_sweep", title="Larger learning rates with tanh", caption="Final sharpness and test accuracy; a line for each seed.",
    paper="Training with large learning rates ends in flatter places; the paper shows it for ReLU networks.",
    sizes={"smoke": {"rates": [0.05, 0.1, 0.2], "steps": 60, "seeds": [0, 1, 2]},
           "small": {"rates": [0.025, 0.05, 0.1, 0.2, 0.4], "steps": 400, "seeds": [0, 1, 2, 3, 4]}},
    work=work, collect=collect, claims=(flatter,), judge=judge, draw=draw)
