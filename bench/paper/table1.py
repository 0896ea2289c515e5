# SPDX-License-Identifier: MIT
"""Table 1: test accuracies over six learning rates, of VGG19 and ResNet20 on the whole of CIFAR-10, with and without fixed augmentations."""

import pandas as pd
from convolutional import SMALL, TINY, config, final, rank_correlation

from brink import style
from brink.claims import Claim, above
from brink.experiment import Experiment
from brink.settings import merged
from brink.statistics import mean_interval, wilson

RATES = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
NEXT = 6.4  # with which ResNet20 diverges
PAPER_ROWS = {
    "VGG19 on CIFAR10-50k": [67.1, 68.4, 70.5, 73.4, 72.7, 73.6],
    "VGG19 on CIFAR10-500k": [78.1, 80.6, 81.7, 82.9, 84.0, 84.1],
    "ResNet20 on CIFAR10-500k": [83.7, 85.6, 86.1, 86.5, 87.0, 87.3],
}
RESNET = "ResNet20 on CIFAR10-500k"

rises = {row: Claim(f"{row}: the test accuracy rises with η (rank correlation over the learning rates).",
                    "Larger learning rates consistently improve generalization.", above(0)) for row in PAPER_ROWS}
diverges = Claim(f"ResNet20 does not learn at the next η, {NEXT:g}: the run diverges, or ends below the accuracy of η = {RATES[0]:g}.",
                 "The best performance occurs for ResNet20 at η = 3.2; higher learning rates diverge.", above(0.5))


def configs(lab):
    """→ {(row, η, seed): configuration}. A row of the size replaces settings of the network and data."""
    out = {}
    for row, settings in lab.size["rows"].items():
        if lab.size["only"] and row not in lab.size["only"]:
            continue
        for rate in [*lab.size["rates"], *[NEXT] * (row == RESNET)]:
            for seed in range(lab.size["seeds"]):
                one = config(lab, seed, rate, settings["steps"], measure={"row_every": lab.size.get("row_every", 1)})
                data = lab.data(settings.get("data", "cifar10-5k"), train=settings["train"], test=settings["test"])
                out[row, rate, seed] = merged({**one, "data": data, "model": settings["model"]})
    return out


def work(lab):
    lab.train_all({f"{row}, η {rate:g}, seed {seed}": one for (row, rate, seed), one in configs(lab).items()})


def collect(lab):
    ends = pd.DataFrame([{"row": row, "learning_rate": rate, "seed": seed, **final(lab.run(f"{row}, η {rate:g}, seed {seed}"))}
                         for row, rate, seed in configs(lab)])
    beside = []
    for row, accuracies in PAPER_ROWS.items():
        for rate, accuracy in zip(RATES, accuracies):
            found = ends[(ends["row"] == row) & (ends["learning_rate"] == rate)]["test_accuracy"].dropna() * 100
            ours = mean_interval(found, among=(0, 100))
            beside.append({"row": row, "learning_rate": rate, "paper": accuracy, "ours": ours.effect, "low": ours.low, "high": ours.high,
                           "runs": len(found)})
    return {"ends": ends.drop(columns="lambda_1"), "beside": pd.DataFrame(beside)}


def judge(tables):
    ends, out = tables["ends"], {}
    for row, claim in rises.items():
        rows = ends[(ends["row"] == row) & (ends["learning_rate"] <= RATES[-1])].dropna(subset=["test_accuracy"])
        out[claim] = rank_correlation(rows["learning_rate"], rows["test_accuracy"], rows["seed"], rows["row"])
    resnet = ends[ends["row"] == RESNET].set_index("seed")
    lost = [not (one.test_accuracy > resnet[resnet["learning_rate"] == RATES[0]].loc[one.Index, "test_accuracy"])
            for one in resnet[resnet["learning_rate"] == NEXT].itertuples()]
    out[diverges] = wilson(sum(lost), len(lost))
    return out


def beside(tables):
    """The rows of the paper beside ours: test accuracy in %, with the interval of the mean over seeds where there are several."""
    lines = []
    for row in PAPER_ROWS:
        rows = tables["beside"][tables["beside"]["row"] == row].set_index("learning_rate")
        lines.append([f"{row}: paper", *[f"{rows.loc[rate, 'paper']:.1f}" for rate in RATES]])
        lines.append(["here", *[in_words(rows.loc[rate]) for rate in RATES]])
    return pd.DataFrame(lines, columns=["test accuracy in %", *[f"η = {rate:g}" for rate in RATES]])


def in_words(one):
    if not one["runs"]:
        return "–"
    interval = f" [{one['low']:.1f}, {one['high']:.1f}]" if one["low"] == one["low"] else ""
    return f"{one['ours']:.1f}{interval}".replace("-", "−")


def draw(tables):
    beside = tables["beside"]
    figure, axes = style.panels(1, len(PAPER_ROWS), height=2.6, sharey=False)
    for at, row in zip(axes[0], PAPER_ROWS):
        rows = beside[beside["row"] == row]
        at.plot(rows["learning_rate"], rows["paper"], marker="s", color=style.GREY, label="the paper")
        ours = rows[rows["runs"] > 0]
        if len(ours):
            low, high = (ours[end].where(ours[end].notna(), ours["ours"]) for end in ("low", "high"))
            style.interval(at, ours["learning_rate"], ours["ours"], low, high, style.BLUE, "brink, at this size")
        at.set_xscale("log", base=2)
        style.value_ticks(at.xaxis, RATES)
        at.set_ylim(0, 100)
        at.set_title(row)
        at.set_xlabel("learning rate η")
    axes[0, 0].set_ylabel("test accuracy in %")
    figure.legend(*max((at.get_legend_handles_labels() for at in axes[0]), key=lambda found: len(found[1])), loc="outside lower center", ncols=2)
    return figure


def rows(vgg50, vgg500, resnet):
    return dict(zip(PAPER_ROWS, (vgg50, vgg500, resnet)))


VGG19 = {"name": "vgg", "channels": [16, 32, 64, 128, 128, 128]}
tiny = {"train": 100, "test": 50, "steps": 8}
small = {"train": SMALL["train"], "test": SMALL["test"], "steps": 300, "model": SMALL["model"]}
experiment = Experiment(
    id="table1", title="Larger learning rates on the whole of CIFAR-10", section="§6.5",
    paper="VGG19 on 50,000 pictures, VGG19 on 500,000 (ten fixed augmentations), and ResNet20 on the same 500,000: the test accuracy rises with the "
          "learning rate, up to 3.2. ResNet20 diverges at larger ones.",
    notes=["One row alone: `tools/reproduce table1 --size paper --set 'only=[\"VGG19 on CIFAR10-50k\"]'`.",
           "The lines of the paper and ours are of different networks and data sets wherever a reduction is named; only the order within a row is compared."],
    caption="The paper's test accuracies and ours, with the interval over the seeds; the networks and data sets of ours are smaller where a "
            "reduction is named.",
    sizes={
        "smoke": {**TINY, "train": 100, "only": [], "rates": [RATES[0], RATES[3], RATES[5]], "seeds": 2, "rows": rows(
            {**tiny, "model": TINY["model"]}, {**tiny, "model": TINY["model"], "train": 200},
            {**tiny, "model": {"name": "resnet20", "widths": [2, 4, 4]}})},
        "small": {**SMALL, "only": [], "rates": RATES, "seeds": 3, "row_every": 5, "rows": rows(
            small, {**small, "train": 2000}, {**small, "train": 500, "model": {"name": "resnet20", "widths": [8, 16, 32]}}),
                  "reduced": ["VGG10 (8/16/32) in place of VGG19, and ResNet20 of half the widths (8/16/32).",
                              "1,000 pictures of cifar10-5k in place of the 50,000 of the first row, 2,000 in place of the 500,000 of the second, and 500 in "
                              "place of the 500,000 of the third; 1,000 test pictures.", "Three seeds, and at most 300 steps; accuracies every 5 steps."]},
        "paper": {**SMALL, "only": [], "rates": RATES, "seeds": 1, "rows": rows(
            {"data": "cifar10-50k", "train": 50000, "test": 10000, "steps": 1000, "model": VGG19},
            {"data": "cifar10-500k", "train": 500000, "test": 10000, "steps": 1000, "model": VGG19},
            {"data": "cifar10-500k", "train": 500000, "test": 10000, "steps": 1000, "model": {"name": "resnet20", "widths": [16, 32, 64]}})}},
    work=work, collect=collect, claims=(*rises.values(), diverges), judge=judge, draw=draw, beside=beside,
    discussion={
        rises["VGG19 on CIFAR10-50k"]:
            "The large learning rates have not ended their training after 300 steps, and some never begin it. Up to 0.2 all six networks are complete, and end at "
            "0.34 to 0.36; of the three at 0.4 the one that is complete ends at 0.369, the best of the row. At 0.8 the training accuracy is 0.40 to 0.98, and at 1.6 "
            "and 3.2 all six networks guess: training accuracy 0.10 to 0.12, loss 2.28 to 2.30, where ln 10 is 2.303. Training would have to be complete at each η, which takes "
            "more steps, and the network would have to learn at all at η = 3.2, as the paper's does, which is deeper, four times as wide in its last block, and has 50 times the pictures.",
        rises["VGG19 on CIFAR10-500k"]:
            "As in the first row, where twice as many pictures take more steps: from η = 0.1 to 0.2 the mean rises from 0.396 to 0.424, and from 0.4 on no network is complete. "
            "At η = 3.2 all three guess, as do one each at 0.8 and 1.6.",
        rises["ResNet20 on CIFAR10-500k"]:
            "Where all three networks are complete, up to η = 0.8, the means are 0.273, 0.287, 0.275 and 0.299. At 1.6 one of three is not complete, at 3.2 none is: training accuracy "
            "0.57 to 0.92 after 300 steps. With more steps the last two learning rates would have to end above 0.30.",
        diverges: "So it is in all three runs: test accuracy 0.19, 0.10 and 0.22 beside 0.27, 0.28 and 0.26 at η = 0.1. Three of three leave a share above 0.44 by the interval of "
                  "Wilson, and the rule asks for more than 0.5, so this can be no more than weak with three seeds. No loss ceased to be finite: the networks fail to learn.",
    })
