# SPDX-License-Identifier: MIT
"""Figure 9: SGD or gradient descent at a large learning rate, switched to gradient descent at a small one after several numbers of epochs."""

import pandas as pd
from convolutional import PAPER, REDUCED, SMALL, TINY, config, final, measure_final, points_and_mean, rank_correlation

from brink import style
from brink.claims import Claim, above, below, within
from brink.experiment import Experiment
from brink.settings import merged
from brink.statistics import geometric_mean_interval, paired_difference

flatter = Claim("The longer the phase of a large η, the lower the final λ₁ (rank correlation with its epochs, SGD and gradient descent).",
                "Longer exposure to large-η phases yields flatter minima.", below(0))
better = Claim("The longer the phase of a large η, the higher the test accuracy (rank correlation).", "… and higher test accuracy.", above(0))
alike = Claim("SGD and gradient descent reach a similar final λ₁ (ratio at equal epochs).", "Pure GD and SGD reach similar sharpness.", within(0.5, 2))
generalises = Claim("SGD has a higher test accuracy than gradient descent after as many epochs.", "Large-η SGD consistently generalizes better.", above(0))
full = Claim("SGD to the end has a higher test accuracy than SGD with the latest switch.", "Full SGD performs best.", above(0))
SGD, GD = "SGD", "GD"


def updates_an_epoch(size):
    return -(-size["train"] // size["batch"])


def configs(lab):
    """→ {(rule, epochs of the large η, seed): configuration}; epochs −1: SGD to the end.

    The learning rate of SGD is that of gradient descent times batch/samples (App. H). A change at step 0 is refused, so no run has none of the large η.
    """
    size, out = lab.size, {}
    each = updates_an_epoch(size)
    for seed in range(size["seeds"]):
        for epochs in size["epochs"]:
            small = {"learning_rate": size["small"]}
            change = [{"at_step": epochs, "set": small}]
            out[GD, epochs, seed] = config(lab, seed, size["large"], epochs + size["steps"], training={"change": change})
            change = [{"at_step": epochs * each, "set": merged(small, {"rule": "gd", "batch": 0})}]
            out[SGD, epochs, seed] = sgd(lab, seed, epochs * each + size["steps"], {"training": {"change": change}})
        out[SGD, -1, seed] = sgd(lab, seed, size["full_epochs"] * each, {})
    return out


def sgd(lab, seed, steps, more):
    size = lab.size
    rate = size["large"] * size["batch"] / size["train"]
    return merged(config(lab, seed, rate, steps), {"training": {"rule": "sgd", "batch": size["batch"], "warmup": 2 * updates_an_epoch(size)}}, more)


def name_of(rule, epochs, seed):
    return f"{rule} for {epochs if epochs >= 0 else 'all'} epochs, seed {seed}"


def work(lab):
    listed = {name_of(*key): one for key, one in configs(lab).items()}
    lab.train_all(listed)
    measure_final(lab, listed)


def collect(lab):
    rows = []
    for rule, epochs, seed in configs(lab):
        run = lab.run(name_of(rule, epochs, seed))
        # A run whose training was complete before the switch has no second phase.
        in_time = all(change["step"] is not None for change in run.info.get("changes") or [])
        rows.append({"rule": rule, "epochs": epochs, "seed": seed, **final(run), "as_planned": int(in_time)})
    return {"ends": pd.DataFrame(rows)}


def judge(tables):
    ends = tables["ends"][(tables["ends"]["status"] != "diverged") & (tables["ends"]["as_planned"] == 1)]
    switched = ends[ends["epochs"] >= 0]
    pairs = switched[switched["rule"] == SGD].merge(switched[switched["rule"] == GD], on=["epochs", "seed"], suffixes=("_sgd", "_gd"))
    last = switched[(switched["rule"] == SGD) & (switched["epochs"] == switched["epochs"].max())]
    to_end = ends[ends["epochs"] < 0].merge(last, on="seed", suffixes=("_full", "_last"))
    return {
        flatter: rank_correlation(switched["epochs"], switched["lambda_1"], switched["seed"], switched["rule"]),
        better: rank_correlation(switched["epochs"], switched["test_accuracy"], switched["seed"], switched["rule"]),
        alike: geometric_mean_interval(pairs["lambda_1_sgd"] / pairs["lambda_1_gd"], groups=pairs["seed"]),
        generalises: paired_difference(pairs["test_accuracy_sgd"], pairs["test_accuracy_gd"], groups=pairs["seed"]),
        full: paired_difference(to_end["test_accuracy_full"], to_end["test_accuracy_last"]),
    }


def draw(tables):
    ends = tables["ends"].query("as_planned == 1")
    figure, axes = style.panels(1, 2, height=2.6)
    for at, name, title in zip(axes[0], ("lambda_1", "test_accuracy"), ("final λ₁", "test accuracy")):
        for rule, colour, marker in ((GD, style.BLUE, "o"), (SGD, style.RED, "s")):
            points_and_mean(at, ends[(ends["rule"] == rule) & (ends["epochs"] >= 0)], "epochs", name, colour, f"{rule} first", marker)
        at.axhline(ends[ends["epochs"] < 0][name].mean(), color=style.RED, linestyle=(0, (4, 2)), linewidth=1, label="SGD to the end")
        at.set_xscale("log")
        ticks = sorted(epochs for epochs in ends["epochs"].unique() if epochs >= 0)
        style.value_ticks(at.xaxis, ticks)
        at.set_title(title)
        at.set_xlabel("epochs with a large learning rate")
    style.log_numbers(axes[0, 0])
    axes[0, 0].legend(loc="best")
    return figure


experiment = Experiment(
    id="fig9", title="Progressive flattening under SGD", section="§7.3",
    paper="VGGs are trained by SGD, or by gradient descent, at a large learning rate, and from several epochs on by gradient descent at a small one. Both end "
          "about equally flat; the longer the first phase, the flatter. SGD generalises better, and SGD to the end best.",
    notes=["The learning rate of SGD is that of gradient descent times minibatch/samples, as App. H explains.",
           "After the switch a run ends at a training accuracy of 0.999 at two successive rows. Rows of runs that began with SGD are an epoch of SGD apart.",
           "Each run has the warm-up of two epochs of its own rule. Runs whose training was complete before the switch are left out."],
    caption="Points are runs, lines are their means. Dashed: mean of the runs with SGD to the end.",
    sizes={
        "smoke": {**TINY, "large": 0.2, "small": 0.02, "batch": 32, "epochs": [2, 4, 8], "full_epochs": 12, "seeds": 2, "steps": 12},
        "small": {**SMALL, "large": 0.4, "small": 0.01, "batch": 32, "epochs": [5, 10, 20, 40, 80], "full_epochs": 120, "seeds": 3, "steps": 600,
                  "reduced": [*REDUCED, "Minibatches of 32, which is 3.2 % of the pictures, as 128 is 2.6 % of the paper's 5,000.",
                              "First phases of up to 80 epochs in place of 160, and 120 epochs of SGD to the end in place of 240.",
                              "Three seeds, and at most 600 steps after the switch in place of 3,000."]},
        "paper": {**PAPER, "large": 0.4, "small": 0.01, "batch": 128, "epochs": [5, 10, 20, 40, 80, 160], "full_epochs": 240, "seeds": 5, "steps": 3000}},
    work=work, collect=collect, claims=(flatter, better, alike, generalises, full), judge=judge, draw=draw,
    discussion={
        flatter:
            "After SGD it holds in every seed: λ₁ is 116 after 5 epochs of it, 97 after 10 and 66 after 20. After gradient descent it rises, from 5 to 113 after 40 "
            "epochs (99 after 80), because no such run has ended its training: 600 updates with η = 0.01 are too few, the training accuracy is 0.17 after 5 epochs "
            "and 0.43 after 80, and λ₁ still grows with it. Training would have to be complete after every first phase, for which the paper's 3,000 updates are there.",
        better:
            "The interval has no 0 in it, but half of the correlation says only that more updates with a large η fit more: after gradient descent the test accuracy "
            "follows the training accuracy (0.16 and 0.17 after 5 epochs, 0.31 and 0.43 after 80). After SGD, where training is complete, it is 0.326, 0.344 and 0.336 "
            "after 5, 10 and 20 epochs: no order.",
        alike:
            "The ratio is 26 after 5 epochs, 18 after 10 and 3.7 after 20, where gradient descent has a training accuracy of 0.17 to 0.20 and λ₁ is small because little "
            "is learned. Runs whose training is complete are needed on both sides.",
        generalises:
            "0.34 against 0.18, but with a training accuracy of 1 against 0.18: it compares a network that has learned with one that has not. Of two that have, nothing "
            "is shown here.",
        full:
            "With 32 updates an epoch SGD ends its training after 19 or 20 epochs, before the switches at 40 and 80. Training at the large η would have to last longer "
            "than the latest switch, as with the paper's 5,000 pictures. The ends that there are do not differ: 0.339 against 0.336 after 20 epochs.",
    })
