# SPDX-License-Identifier: MIT
"""Figure 7: a large learning rate until the training accuracy passes a threshold, then a small one; final sharpness and test accuracy."""

import pandas as pd
from convolutional import PAPER, REDUCED, SMALL, TINY, config, final, measure_final, points_and_mean, rank_correlation

from brink import style
from brink.claims import Claim, above, below
from brink.experiment import Experiment
from brink.statistics import geometric_mean_interval, wilson

flatter = Claim("The later the switch, the lower the final λ₁ (rank correlation with the accuracy at which η changes).",
                "Longer initial training with large η leads to lower final sharpness.", below(0))
better = Claim("The later the switch, the higher the test accuracy (rank correlation).",
               "It also leads to higher test accuracy.", above(0))
than_small = Claim("A large η with the latest switch ends with a lower λ₁ than the small η from the start (ratio).",
                   "Progressive flattening accumulates during the phase of large η.", below(1))
stable = Claim("The small η is stable: in most of the runs of the control λ₁ never exceeds 2/η.",
               "The second phase is stable training, whose final λ₁ is a proxy for higher-order curvature.", above(0.5))


def name_of(large, accuracy, seed):
    return f"η {large:g} until {accuracy:g}, seed {seed}" if large else f"small η, seed {seed}"


def configs(lab):
    """→ {(large η, accuracy, seed): configuration}; (0, 0, seed) has the small η from the start."""
    size, out = lab.size, {}
    for seed in range(size["seeds"]):
        out[0, 0, seed] = config(lab, seed, size["small"], size["steps"], every=size["every"])
        for large in size["large"]:
            for accuracy in size["accuracies"]:
                change = [{"at_accuracy": accuracy, "set": {"learning_rate": size["small"]}}]
                out[large, accuracy, seed] = config(lab, seed, large, size["steps"], training={"change": change})
    return out


def work(lab):
    listed = {name_of(*key): one for key, one in configs(lab).items()}
    lab.train_all(listed)
    measure_final(lab, listed)


def collect(lab):
    rows = []
    for large, accuracy, seed in configs(lab):
        run = lab.run(name_of(large, accuracy, seed))
        changes = run.info.get("changes") or [{"step": 0}]
        rows.append({"large": large, "accuracy": accuracy, "seed": seed, "switched_at": changes[0]["step"], **final(run),
                     "ever_unstable": int((run.metrics["surplus"].dropna() > 0).any())})
    return {"ends": pd.DataFrame(rows)}


def judge(tables):
    ends = tables["ends"]
    small = ends[ends["large"] == 0].set_index("seed")
    switched = ends[(ends["large"] > 0) & ends["switched_at"].notna() & (ends["status"] != "diverged")]
    late = switched[switched["accuracy"] == switched["accuracy"].max()]
    ratios = late["lambda_1"].to_numpy() / small["lambda_1"].reindex(late["seed"]).to_numpy()
    return {
        flatter: rank_correlation(switched["accuracy"], switched["lambda_1"], switched["seed"], switched["large"]),
        better: rank_correlation(switched["accuracy"], switched["test_accuracy"], switched["seed"], switched["large"]),
        than_small: geometric_mean_interval(ratios, groups=late["seed"]),
        stable: wilson(int((small["ever_unstable"] == 0).sum()), len(small)),
    }


def draw(tables):
    ends = tables["ends"].dropna(subset=["switched_at"])
    figure, axes = style.panels(1, 2, height=2.6)
    small = ends[ends["large"] == 0]
    for at, name, title in zip(axes[0], ("lambda_1", "test_accuracy"), ("final λ₁", "test accuracy")):
        for number, large in enumerate(sorted(rate for rate in ends["large"].unique() if rate > 0)):
            points_and_mean(at, ends[ends["large"] == large], "accuracy", name, style.COLOURS[number], f"η = {large:g} first", style.MARKERS[number])
        at.axhline(small[name].mean(), color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1, label="small η from the start")
        at.set_title(title)
        at.set_xlabel("training accuracy at which η becomes small")
    style.log_numbers(axes[0, 0])
    axes[0, 0].legend(loc="best")
    return figure


experiment = Experiment(
    id="fig7", title="The longer the phase of a large learning rate, the flatter the minimum", section="§6.4",
    paper="VGG10s are trained with a large learning rate until the training accuracy passes a threshold, and then with a small, stable one until "
          "training is complete. The later the switch, the lower is the final sharpness and the higher the test accuracy.",
    notes=["The small learning rate is fixed beforehand; whether it is stable is measured in runs that have it from the start.",
           "The final λ₁ is that of the last row, in the phase of the small learning rate. Runs that never reach the accuracy are left out."],
    caption="Points are runs, lines are their means. Dashed: mean of the runs with the small learning rate from the start.",
    sizes={
        "smoke": {**TINY, "large": [0.2], "small": 0.02, "accuracies": [0.15, 0.3, 0.6], "seeds": 2, "steps": 40, "every": 10},
        "small": {**SMALL, "large": [0.1, 0.4], "small": 0.01, "accuracies": [0.3, 0.5, 0.7, 0.9, 0.99], "seeds": 3, "steps": 1000, "every": 25,
                  "reduced": [*REDUCED, "Large learning rates 0.1 and 0.4 in place of 0.1, 0.2, 0.4 and 0.8.",
                              "Three seeds, at most 1,000 steps, and λ₁ every 25 steps in the control; of the others at the end only."]},
        "paper": {**PAPER, "large": [0.1, 0.2, 0.4, 0.8], "small": 0.01, "accuracies": [0.3, 0.5, 0.7, 0.9, 0.99], "seeds": 5, "steps": 5000,
                  "every": 5}},
    work=work, collect=collect, claims=(flatter, better, than_small, stable), judge=judge, draw=draw)
